import fc from "fast-check";
import { ok, strictEqual } from "node:assert/strict";
import { isRewritable, NONE } from "../../../src/core/forest/forest.ts";
import { findNaturalBases } from "../../../src/core/plan/natural.ts";
import { anyRange, anyRoom, build, forest, loadRange } from "../../support/forest.ts";

Deno.test("findNaturalBases() gives each group an earlier base that fits, with the rows it needs", () => {
  const anyPart = anyRoom({ pending: true }).chain((plain) => anyRange(plain).map((range) => loadRange(plain, range)));
  fc.assert(fc.property(fc.oneof(anyRoom({ pending: true }), anyPart), (plain) => {
    const room = build(plain);
    const { base, rows, floor } = findNaturalBases(room);
    strictEqual(floor, rows.reduce((a, b) => a + b, 0));
    ok(floor <= room.totalRows);
    for (let g = 0; g < room.size; g++) {
      const under = base[g]!;
      ok(under < g);
      if (!isRewritable(room, g)) {
        strictEqual(under, room.predecessor[g]);
        strictEqual(rows[g], room.rowCount[g]);
        continue;
      }
      ok(rows[g]! <= room.rowCount[g]!);
      const from = under === NONE ? 0 : room.state[under]!;
      strictEqual(rows[g], room.states.deltaSize(from, room.state[g]!));
      if (under !== NONE && under !== room.predecessor[g]) strictEqual(room.isPending[under], 0);
    }
  }));
});

Deno.test("findNaturalBases() finds the tip of the group's own branch, and walks under a key too many", () => {
  const room = forest("1{a=1,b=1,c=1} <- 2{a=2} <- 3{d=3}, 4{a=2,b=4,c=1}, 5{a=1,b=5,c=5}");
  const { base, floor } = findNaturalBases(room);
  strictEqual(base[3], 1);
  strictEqual(base[4], 0);
  strictEqual(floor, 3 + 1 + 1 + 1 + 2);
});
