import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { makeGraph } from "../../../src/format/graph/graph.ts";
import { assignLanes, findBranches } from "../../../src/format/graph/layout.ts";
import { findPieces, mergePieces } from "../../../src/format/page/pieces.ts";
import { build, forest, randomRoom } from "../../support/forest.ts";

function pieces(graph: ReturnType<typeof makeGraph>, perLine: number) {
  const branches = findBranches(graph.before.predecessor);
  const lanes = assignLanes(branches, Int32Array.from({ length: graph.size }, (_, n) => n));
  return findPieces(graph, "before", branches.branch, (n) => lanes.lane[branches.branch[n]!]!, perLine);
}

Deno.test("findPieces() folds a branch into one piece a line", () => {
  const graph = makeGraph(compress(forest("1{a=1,b=1} <- 2{a=2} <- 3{a=3} <- 4{a=4}, 2 <- 5{b=2}")));
  const found = pieces(graph, 3).map(({ line, groups, rows, snapshots, isBeginning }) => [
    line,
    groups,
    rows,
    snapshots,
    isBeginning,
  ]);
  deepStrictEqual(found, [[0, 3, 4, 1, true], [1, 1, 1, 0, false], [1, 1, 1, 0, true]]);
});

Deno.test("mergePieces() loses no group, row or chain, and joins only what is too short to see", () => {
  const graph = makeGraph(compress(build(randomRoom(5, 2000))));
  const found = pieces(graph, 500);
  const sum = (some: typeof found, name: "groups" | "rows" | "chains") =>
    some.reduce((total, piece) => total + piece[name], 0);
  const merged = mergePieces(found, 0.2);
  for (const name of ["groups", "rows", "chains"] as const) strictEqual(sum(merged, name), sum(found, name), name);
  strictEqual(sum(found, "groups"), graph.size);
  strictEqual(mergePieces(found, 100).length, found.length);
});
