/** Commands that can be pasted. */

/** A word for a POSIX shell. */
export function quoteShell(word: string): string {
  if (/^[A-Za-z0-9_./:@%=,+-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command line of the program's own, for a POSIX shell. */
export function commandLine(...words: readonly string[]): string {
  return ["synapse_compress_state", ...words].map(quoteShell).join(" ");
}

/** Synapse's admin API call that deletes a room and all that the server has of it; the token is the reader's to fill in. */
export function deleteRoomCall(roomId: string): string {
  const url = `http://localhost:8008/_synapse/admin/v2/rooms/${encodeURIComponent(roomId.toWellFormed())}`;
  return `curl -X DELETE -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' ` +
    `-d '{"block": false, "purge": true}' ${quoteShell(url)}`;
}
