import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { NONE } from "../../../src/core/forest/defects.ts";
import { countHopsOutside, heightsAbove, NOTHING_OUTSIDE, OutsideBuilder } from "../../../src/core/forest/outside.ts";

/** The forest's groups: 10, 20 and 30. */
const INSIDE = Float64Array.of(10, 20, 30);

function outside(...edges: [groupId: number, predecessorId: number][]) {
  const builder = new OutsideBuilder();
  for (const [groupId, predecessorId] of edges) builder.add(groupId, predecessorId);
  return builder.finish(INSIDE);
}

Deno.test("OutsideBuilder follows chains down to the forest, in whatever order the edges come", () => {
  const { groupId, root, hops } = outside([50, 40], [60, 50], [40, 20], [45, NaN], [55, 45]);
  deepStrictEqual([...groupId], [40, 45, 50, 55, 60]);
  deepStrictEqual([...root], [1, NONE, 1, NONE, 1]);
  deepStrictEqual([...hops], [1, 0, 2, 1, 3]);
});

Deno.test("OutsideBuilder leaves groups of the forest out, and ends a chain at a missing or a newer predecessor", () => {
  const { groupId, root, hops } = outside([20, 10], [40, 99], [50, 7]);
  deepStrictEqual([[...groupId], [...root], [...hops]], [[40, 50], [NONE, NONE], [0, 0]]);
});

Deno.test("OutsideBuilder counts of two predecessors the longer chain", () => {
  const { size, root, hops } = outside([40, 10], [50, 40], [60, 20], [60, 50]);
  deepStrictEqual([size, root[2], hops[2]], [3, 0, 3]);
});

Deno.test("heightsAbove() and countHopsOutside() add what is above to what is inside", () => {
  const above = outside([40, 20], [50, 40], [60, 10], [70, NaN]);
  deepStrictEqual([...heightsAbove(above, 3)], [1, 2, 0]);
  deepStrictEqual([...countHopsOutside(above, Int32Array.of(0, 5, 9))], [6, 7, 1, 0]);
  strictEqual(NOTHING_OUTSIDE, outside());
});
