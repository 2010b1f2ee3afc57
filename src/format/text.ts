/**
 * Text that others chose (room ids, event types, state keys, user names) made fit for a terminal. A Matrix server takes any
 * characters in them, escape sequences that move the cursor, retitle the window or fake a line of output among them.
 */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of writing, and halves of
 * surrogate pairs, which no encoding can print.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const NAMES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A text with everything in it visible that a terminal would obey: an escape character is shown as `\x1b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    const digits = code.toString(16);
    return NAMES[character] ?? (code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u${digits.padStart(4, "0")}`);
  });
}
