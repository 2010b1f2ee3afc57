import { notStrictEqual, strictEqual } from "node:assert/strict";
import { digestSql, RowsDigest } from "../../../src/format/sql/digest.ts";
import { testDatabase } from "../../support/database.ts";
import { insertRoom, makeForest, makeRoom, type Row, seeded } from "../rooms.ts";

Deno.test("RowsDigest.of() is what the server computes by digestSql()", async () => {
  await using db = await testDatabase();
  const groups = makeRoom(seeded(1), 60);
  await insertRoom(db.sql, "!r", groups);
  const forest = makeForest("!r", groups);
  const digest = new RowsDigest(forest.keys, forest.events);
  const found = await db.sql.unsafe(
    `SELECT id, ${digestSql("FROM state_groups_state WHERE state_group = id")} AS digest FROM state_groups ORDER BY id`,
  );
  strictEqual(found.length, 60);
  for (const [g, row] of found.entries()) {
    strictEqual(digest.of((visit) => forest.forEachRow(g, visit)), row["digest"], `state group ${row["id"]}`);
  }
});

Deno.test("RowsDigest.of() takes groups and values bigger than its buffer", async () => {
  await using db = await testDatabase();
  const rows: Row[] = Array.from({ length: 3000 }, (_, i) => ["m.room.member", `@${"ü".repeat(60)}${i}`, `$${i}`]);
  rows.push(["big", "x", "y".repeat(300_000)]);
  const groups = [{ id: 1, predecessor: undefined, rows }];
  await insertRoom(db.sql, "!r", groups);
  const forest = makeForest("!r", groups);
  const [row] = await db.sql.unsafe(`SELECT ${digestSql("FROM state_groups_state WHERE state_group = 1")} AS digest`);
  strictEqual(new RowsDigest(forest.keys, forest.events).of((visit) => forest.forEachRow(0, visit)), row?.["digest"]);
});

Deno.test("RowsDigest.of() tells apart rows whose fields join to one text", () => {
  const digestOf = (rows: Row[]) => {
    const forest = makeForest("!r", [{ id: 1, predecessor: undefined, rows }]);
    return new RowsDigest(forest.keys, forest.events).of((visit) => forest.forEachRow(0, visit));
  };
  notStrictEqual(digestOf([["a", "bc", "d"]]), digestOf([["ab", "c", "d"]]));
  notStrictEqual(digestOf([["a", "b", "c"], ["d", "e", "f"]]), digestOf([["a", "b", "c1:d1:e1:f"]]));
  strictEqual(digestOf([["b", "", "1"], ["a", "", "2"]]), digestOf([["a", "", "2"], ["b", "", "1"]]));
});
