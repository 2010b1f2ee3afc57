/**
 * Runs a SQL file as psql does: statement by statement on one connection, each committing by itself outside BEGIN, going on
 * after an error unless told to stop. psql itself is not on every machine that runs the tests.
 */
import postgres from "postgres";

/** What came of a file. */
export interface Applied {
  /** Warnings, without the word. */
  readonly warnings: string[];
  readonly notices: string[];
  readonly errors: string[];
}

/** Runs `text` in the database at `url`; `singleTransaction` as psql's option, with ON_ERROR_STOP. */
export async function applySql(
  url: string,
  text: string,
  options: { readonly singleTransaction?: boolean; readonly before?: string } = {},
): Promise<Applied> {
  const applied: Applied = { warnings: [], notices: [], errors: [] };
  const sql = postgres(url, {
    max: 1,
    onnotice: (notice) => {
      const to = notice["severity"] === "WARNING" ? applied.warnings : applied.notices;
      if (notice["code"] === "01000" || notice["severity"] === "NOTICE") to.push(String(notice["message"]));
    },
  });
  try {
    if (options.before !== undefined) await sql.unsafe(options.before).simple();
    const statements = [...splitStatements(text)];
    const all = options.singleTransaction ? ["BEGIN", ...statements, "COMMIT"] : statements;
    const connection = await sql.reserve();
    for (const statement of all) {
      try {
        await connection.unsafe(statement).simple();
      } catch (error) {
        applied.errors.push((error as Error).message);
        if (options.singleTransaction) break;
      }
    }
    connection.release();
  } finally {
    await sql.end({ timeout: 1 });
  }
  return applied;
}

/** The statements of a SQL file: split at semicolons that are in no literal, dollar-quoted body or comment. */
export function* splitStatements(text: string): Generator<string> {
  const token = /--[^\n]*|E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(\$\w*\$)[^]*?\1|;/gs;
  let start = 0;
  for (const match of text.matchAll(token)) {
    if (match[0] !== ";") continue;
    yield text.slice(start, match.index).trim();
    start = match.index + 1;
  }
  if (text.slice(start).trim() !== "") yield text.slice(start).trim();
}
