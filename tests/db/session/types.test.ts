import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { TYPES } from "../../../src/db/session/types.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { CapacityError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("TYPES: a bigint is a number, and one beyond 2^53 an error rather than another number", () => {
  strictEqual(TYPES.bigint.parse("-42"), -42);
  throws(() => TYPES.bigint.parse("9007199254740993"), CapacityError);
  throws(() => TYPES.bigintArray.parse("{1,9007199254740993}"), CapacityError);
});

Deno.test("TYPES: arrays go to the server and come back as they are, whatever is in them", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const texts = ['"', "\\", "{a,b}", "NULL", "", "ä 🙂", "it's", null];
  const [row] = await session.sql.unsafe(
    "SELECT to_json($1::text[])::text AS texts, $2::bigint[] AS ids, '{}'::bigint[] AS none",
    [texts, [1, -2, Number.MAX_SAFE_INTEGER]],
  );
  deepStrictEqual(JSON.parse(row!["texts"]), texts);
  deepStrictEqual([row!["ids"], row!["none"]], [[1, -2, Number.MAX_SAFE_INTEGER], []]);
});
