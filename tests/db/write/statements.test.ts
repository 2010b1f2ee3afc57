import { deepStrictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { idArray, textArray } from "../../../src/db/write/statements.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("idArray() and textArray() reach the server as they are, whatever the texts hold", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const texts = ["", "NULL", '"', "\\", '\\"', "{}", "a,b", " a ", "it's", "ä 🙂", "line\nbreak"];
  const ids = [1, 2 ** 40, Number.MAX_SAFE_INTEGER];
  const [row] = await session.sql.unsafe("SELECT to_json($1::text[])::text AS texts, $2::bigint[] AS ids", [
    textArray(texts),
    idArray(ids),
  ]);
  deepStrictEqual([JSON.parse(row!["texts"]), row!["ids"]], [texts, ids]);
  const [none] = await session.sql.unsafe("SELECT $1::text[] = '{}' AS texts, $2::bigint[] = '{}' AS ids", [
    textArray([]),
    idArray([]),
  ]);
  deepStrictEqual([none!["texts"], none!["ids"]], [true, true]);
});
