import { match, ok, strictEqual } from "node:assert/strict";
import { guardPrologue, REWRITE_PROCEDURE } from "../../../src/format/sql/guard.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("guardPrologue() makes its procedure for any room id, which cannot end it early", async () => {
  await using db = await testDatabase();
  for (const roomId of ["!a:b", "!it's:b", "$guard$", "!$guard$ $guard1$:b", "!a\\:b"]) {
    const connection = await db.sql.reserve();
    try {
      await connection.unsafe(guardPrologue(roomId, 175)).simple();
      const name = REWRITE_PROCEDURE.replace("pg_temp.", "");
      const [row] =
        await connection`SELECT prosrc FROM pg_proc WHERE proname = ${name} AND pronamespace = pg_my_temp_schema()`;
      const [room] = await connection.unsafe(
        `SELECT ${/room CONSTANT text := (.*);/.exec(row!["prosrc"])![1]!} AS id`,
      );
      strictEqual(room!["id"], roomId);
    } finally {
      await connection.unsafe("DISCARD TEMP").simple();
      connection.release();
    }
  }
});

Deno.test("guardPrologue() bounds hops by its argument, and needs no privilege but TEMPORARY", () => {
  const sql = guardPrologue("!a:b", 42);
  match(sql, /max_hops bigint DEFAULT 42\)/);
  ok(!/CREATE (?!OR REPLACE PROCEDURE pg_temp\.)/.test(sql));
});
