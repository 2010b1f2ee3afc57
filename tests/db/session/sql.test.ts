import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { CompressorError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("every way to run a statement rejects with a CompressorError that has the SQLSTATE", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const { sql } = session;
  const ways = {
    template: () => sql`SELECT 1 / ${0}::int`,
    unsafe: () => sql.unsafe("SELECT 1 / 0"),
    parameters: () => sql.unsafe("SELECT 1 / $1::int", [0]),
    simple: () => sql.unsafe("SELECT 1; SELECT 1 / 0").simple(),
    prepared: () => sql.unsafe("SELECT 1 / $1::int", [0], { prepare: true }),
    execute: () => sql.unsafe("SELECT 1 / 0").execute(),
  };
  for (const [name, run] of Object.entries(ways)) {
    await rejects(async () => await run(), (error) => {
      ok(error instanceof CompressorError, name);
      strictEqual(error.code, "22012", name);
      return true;
    });
  }
  // The session goes on, and a result says how many rows it is of.
  const rows = await sql`SELECT g FROM generate_series(1, ${3}::int) AS g`;
  deepStrictEqual([rows.count, rows.map(({ g }) => g)], [3, [1, 2, 3]]);
});
