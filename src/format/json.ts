/** What the commands print with --json: one line, names in snake_case at every depth. */

/** What JSON may hold as it is, but a terminal would obey; the rest JSON.stringify() escapes itself. */
const UNPRINTABLE = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A value as one line of JSON. */
export function formatJson(value: unknown): string {
  return JSON.stringify(snakeCase(value)).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A property's name as it is printed. */
export function snakeName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      snakeName(name),
      snakeCase(inner),
    ]),
  );
}
