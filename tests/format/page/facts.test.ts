import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { makeGraph } from "../../../src/format/graph/graph.ts";
import { findFacts } from "../../../src/format/page/facts.ts";
import { forest } from "../../support/forest.ts";

function facts(drawing: string) {
  const compression = compress(forest(drawing));
  return { compression, facts: findFacts(compression, makeGraph(compression)) };
}

const sum = (bins: readonly { before: number; after: number }[]) =>
  bins.reduce((total, { before, after }) => [total[0]! + before, total[1]! + after], [0, 0]);

Deno.test("findFacts() counts every row and every group once, before and after", () => {
  const { compression, facts: found } = facts(
    "1{a=1,b=1,c=1} <- 2{a=2}, 3{a=3,b=1,c=1} <- 4{a=4}, 9{a=5,b=1,c=1}",
  );
  deepStrictEqual(sum(found.rowsById), [compression.rowsBefore, compression.rowsAfter]);
  deepStrictEqual(sum(found.groupsByHops), [5, 5]);
  deepStrictEqual(sum(found.snapshotsById), [9, 3]);
  deepStrictEqual([found.snapshotRowsBefore, found.snapshotRowsAfter], [9, 3]);
});

Deno.test("findFacts() has the types and the keys with the most rows first", () => {
  const { facts: found } = facts("1{m/a=1,m/b=1,n=1} <- 2{m/a=2} <- 3{m/a=3} <- 4{n=2}");
  deepStrictEqual(found.types.map(({ name, rows }) => [name, rows]), [["m", 4], ["n", 2]]);
  deepStrictEqual(found.keys[0], { name: 'm "a"', rows: 3 });
  strictEqual(found.remaining, 6);
});

Deno.test("findFacts() leaves broken groups out of what remains", () => {
  const { facts: found } = facts("1{a=1,b=1} <- 2{a=2}, ?7 <- 8{c=1}");
  strictEqual(found.remaining, 3);
  strictEqual(found.keys.some(({ name }) => name.startsWith("c")), false);
});
