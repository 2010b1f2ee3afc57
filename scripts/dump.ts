/**
 * Loads a pg_dump text file through npm:postgres, so that tests, demo and bench need no psql. It knows just as much of the
 * format as such a dump needs: statements ended by a semicolon at the end of a line, COPY blocks ended by `\.`. A function
 * body with a semicolon at a line's end would be cut in two. Holds the whole text in memory.
 */
import type { Sql } from "postgres";

/** A statement, and for `COPY … FROM stdin` the data that follows it. */
export interface DumpPart {
  readonly statement: string;
  readonly data?: string;
}

/** Splits a dump's text; comments and psql's own backslash commands are left out. */
export function* parseDump(text: string): Generator<DumpPart> {
  let statement = "";
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end === -1 ? text.length : end);
    at = end === -1 ? text.length : end + 1;
    if (statement === "" && (line === "" || line.startsWith("--") || line.startsWith("\\"))) continue;
    statement += line + "\n";
    if (!line.trimEnd().endsWith(";")) continue;
    if (/^COPY .* FROM stdin;\s*$/s.test(statement)) {
      const stop = text.startsWith("\\.\n", at) ? at : text.indexOf("\n\\.\n", at) + 1;
      yield { statement, data: text.slice(at, stop) };
      at = stop + 3;
    } else {
      yield { statement };
    }
    statement = "";
  }
  if (statement.trim() !== "") yield { statement };
}

/**
 * Runs a dump's statements, or those that `wanted` picks, on one connection of `sql`. The dump's own settings (its empty search
 * path) stay on that connection only when they are wanted.
 */
export async function loadDump(
  sql: Sql,
  text: string,
  wanted: (statement: string) => boolean = () => true,
): Promise<void> {
  const connection = await sql.reserve();
  try {
    for (const { statement, data } of parseDump(text)) {
      if (!wanted(statement)) continue;
      if (data === undefined) await connection.unsafe(statement);
      else await copyIn(connection, statement, data);
    }
  } finally {
    connection.release();
  }
}

/** The text of a gzipped file. */
export async function readGzip(path: string | URL): Promise<string> {
  const file = await Deno.open(path);
  return await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
}

async function copyIn(sql: Sql, statement: string, data: string): Promise<void> {
  const stream = await sql.unsafe(statement).writable();
  await new Promise<void>((resolve, reject) => {
    stream.on("error", reject);
    stream.on("finish", resolve);
    stream.end(data);
  });
}
