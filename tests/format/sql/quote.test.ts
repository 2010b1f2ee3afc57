import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { quoteLiteral } from "../../../src/format/sql/quote.ts";
import { testDatabase } from "../../support/database.ts";
import { HARD_VALUES } from "../rooms.ts";

for (const setting of ["on", "off"]) {
  Deno.test(`quoteLiteral() survives the server under standard_conforming_strings = ${setting}`, async () => {
    await using db = await testDatabase();
    await using connection = await reserve(db.sql);
    await connection.sql.unsafe(`SET standard_conforming_strings = ${setting}`);
    const check = async (values: readonly string[]) => {
      const [row] = await connection.sql.unsafe(`SELECT ARRAY[${values.map(quoteLiteral).join(", ")}]::text[] AS read`);
      deepStrictEqual(row?.["read"], values);
    };
    await check(HARD_VALUES);
    const text = fc.string({ unit: "binary", maxLength: 255 }).map((value) => value.replaceAll("\0", ""));
    const nasty = fc.array(fc.constantFrom("'", "\\", "$", "\n", "E", ";", "--", "/*", "\uFEFF", "👍"), {
      maxLength: 12,
    });
    const values = fc.array(fc.oneof(text, nasty.map((pieces) => pieces.join(""))), { minLength: 1, maxLength: 20 });
    await fc.assert(fc.asyncProperty(values, check), { numRuns: 200 });
  });
}

Deno.test("quoteLiteral() leaves plain text plain", () => {
  strictEqual(quoteLiteral("m.room.member"), "'m.room.member'");
  strictEqual(quoteLiteral("it's"), "'it''s'");
  strictEqual(quoteLiteral("a\\'b"), "E'a\\\\''b'");
});

Deno.test("quoteLiteral() refuses what PostgreSQL cannot store", () => {
  throws(() => quoteLiteral("a\0b"), RangeError);
  throws(() => quoteLiteral("\ud800"), RangeError);
});

async function reserve(sql: Awaited<ReturnType<typeof testDatabase>>["sql"]) {
  const connection = await sql.reserve();
  return { sql: connection, [Symbol.asyncDispose]: async () => await connection.release() };
}
