/** Ways into a server, as libpq and we find them with the same connection strings. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { CompressorError } from "../../src/errors.ts";
import type { Libpq } from "./libpq.ts";

/** Says who we are there, how it is encrypted, and where. */
export const QUERY =
  `select concat_ws(' ', current_user, coalesce((select version from pg_stat_ssl where pid = pg_backend_pid() and ssl),
  'plain'), inet_server_port(), current_setting('application_name')) as way`;

/** Connection parameters by their names. */
export type Parameters = Readonly<Record<string, string>>;

/** Writes them as `key=value`. */
export function toText(parameters: Parameters): string {
  return Object.entries(parameters).map(([name, value]) => `${name}='${value.replace(/[\\']/g, "\\$&")}'`).join(" ");
}

/** The way in that we find, or our words. */
export async function ours(
  parameters: Parameters,
): Promise<{ way: string } | { refusal: string; hint: string | undefined }> {
  try {
    await using session = await connect(toText(parameters), { checkSchema: false });
    const [row] = await session.sql.unsafe(QUERY);
    return { way: row!["way"] };
  } catch (error) {
    ok(error instanceof CompressorError, Deno.inspect(error));
    ok(!`${error.message} ${error.hint}`.includes("throw-away"));
    return { refusal: error.message, hint: error.hint };
  }
}

/**
 * Makes a step of a test that has both connect: both get in, in the same way, or neither does; `refused` is what we say of it.
 * The servers' own application_name is "none".
 */
export function comparing(t: Deno.TestContext, libpq: Libpq) {
  return async (name: string, parameters: Parameters, refused?: RegExp): Promise<void> => {
    await t.step(name, async () => {
      const [theirs, found] = await Promise.all([libpq.connect(toText(parameters), QUERY), ours(parameters)]);
      if (refused === undefined) {
        deepStrictEqual(found, { way: theirs.row?.replace(/ (none)?$/, " synapse_compress_state") }, theirs.error);
      } else {
        ok(theirs.error, `libpq gets in: ${theirs.row}`);
        ok("refusal" in found && refused.test(`${found.refusal} ${found.hint}`), Deno.inspect([found, theirs.error]));
      }
    });
  };
}
