import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { edgeArrays, groupArray, makeTask, RowArrays, withBases } from "../../../src/db/write/rows.ts";
import { forest } from "../../support/forest.ts";

const ROOM = forest("10{a=1,b=1,c=1}, 20{a=2,b=1,c=1}, 30{a=3,b=1,c=1}");

Deno.test("makeTask() says a rewrite in database ids, with what was read and what is wanted", () => {
  const rewrites = findRewrites(compress(ROOM, { prefer: "rows" }));
  const tasks = Array.from({ length: rewrites.count }, (_, i) => makeTask(ROOM, rewrites, i));
  deepStrictEqual(tasks, [
    { index: 0, groupId: 20, baseId: 10, readBaseId: undefined, readRows: 3, newRows: 1 },
    { index: 1, groupId: 30, baseId: 20, readBaseId: undefined, readRows: 3, newRows: 1 },
  ]);
  deepStrictEqual([groupArray(tasks), edgeArrays(tasks)], ["{20,30}", ["{20,30}", "{10,20}"]]);
  deepStrictEqual(withBases(tasks), [10, 20, 30]);
});

Deno.test("RowArrays has one array a column", () => {
  const rows = new RowArrays();
  rows.add(7, "m.room.name", "", '$"1\\');
  rows.add(8, "t", "@a:b", "$2");
  strictEqual(rows.count, 2);
  deepStrictEqual(rows.texts(), ["{7,8}", '{"m.room.name","t"}', '{"","@a:b"}', '{"$\\"1\\\\","$2"}']);
});
