/** Quoting of text for SQL: no value can break out of its quotes or be changed, whatever the server's settings. */

/**
 * Quotes `text` as a PostgreSQL string literal that means the same under standard_conforming_strings on and off.
 *
 * With a backslash in it, a plain literal has two readings; an escape string has one. NUL cannot be stored, so not quoted.
 *
 * @example
 * ```ts
 * import { quoteLiteral } from "./quote.ts";
 * quoteLiteral("it's"); // 'it''s'
 * quoteLiteral("a\\b"); // E'a\\b', with the backslash doubled
 * ```
 *
 * @throws {RangeError} when `text` contains NUL or an unpaired surrogate, which PostgreSQL cannot store.
 */
export function quoteLiteral(text: string): string {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new RangeError("PostgreSQL text holds neither NUL nor an unpaired surrogate");
  }
  const quoted = text.includes("'") ? text.replaceAll("'", "''") : text;
  return quoted.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
