/**
 * Text that somebody else chose (room ids, event types, state keys, a server's messages), made safe to print: an escape
 * sequence in a room id must not move the cursor, recolour or retitle an administrator's terminal, a line break must not
 * forge a log line, and a bidirectional override must not reorder what is read. The one place for that; O(characters).
 */

// Controls (C0, DEL, C1), line and paragraph separators, bidirectional marks, embeddings, overrides and isolates.
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const NAMED = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/** `text` on one line, its control characters and bidirectional overrides shown as escapes: `\x1b`, `\n`, `\u202e`. */
export function visible(text: string): string {
  return text.replaceAll(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return NAMED.get(character) ?? (code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
