import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { TARGETS } from "../../scripts/release/targets.ts";
import { runProgram } from "../support/cli.ts";
import { testDatabase } from "../support/database.ts";

const INSTALL = await Deno.readTextFile(new URL("../../.github/INSTALL.md", import.meta.url));

Deno.test("INSTALL.md names every target of a release", () => {
  for (const { name } of TARGETS) ok(INSTALL.includes(name), name);
});

Deno.test("INSTALL.md's statement removes every table that the program makes", async () => {
  await using db = await testDatabase({ fixture: true });
  const tables = async () =>
    (await db
      .sql`SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`)
      .map(({ relname }) => relname);
  const before = await tables();
  await using folder = await settings();
  const done = await runProgram(["run", "--once", "-p", db.url, "--config", folder.path]);
  strictEqual(done.code, 0, done.stderr);
  strictEqual((await tables()).length, before.length + 4);
  const [, statement] = /```sql\n([^]*?)```/.exec(INSTALL)!;
  await db.sql.unsafe(statement!);
  deepStrictEqual(await tables(), before);
});

/** A homeserver.yaml that asks for a run. */
async function settings(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempFile({ prefix: "scs_test_", suffix: ".yaml" });
  await Deno.writeTextFile(path, "state_compressor:\n  enabled: true\n  number_of_rooms: 2\n");
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
