/** What the commands print with --json: one line, names in snake_case at every depth. */

/** A value as one line of JSON. */
export function formatJson(value: unknown): string {
  return JSON.stringify(snakeCase(value));
}

function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}
