import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { ForestBuilder } from "../../../src/core/forest/forest.ts";
import { defectOf, isSnapshot, makeGraph, roleOf, selectPart } from "../../../src/format/graph/graph.ts";
import { forest } from "../../support/forest.ts";

const graphOf = (drawing: string) => makeGraph(compress(forest(drawing), { strategy: "levels", levels: [2] }));

Deno.test("makeGraph() has a node for each group, and the edges before and after", () => {
  const graph = graphOf("1{} <- 2{a=x} <- 4{b=x} <- 7{c=x}");
  deepStrictEqual([...graph.id], [1, 2, 4, 7]);
  deepStrictEqual([...graph.before.predecessor], [-1, 0, 1, 2]);
  deepStrictEqual([...graph.before.hops], [0, 1, 2, 3]);
  deepStrictEqual([...graph.after.predecessor], [-1, 0, -1, 2]);
  deepStrictEqual([...graph.after.rows], [0, 1, 2, 1]);
  deepStrictEqual([...graph.isRewritten], [0, 0, 1, 0]);
  deepStrictEqual([0, 1, 2, 3].map((n) => roleOf(graph, "after", n)), ["snapshot", "delta", "snapshot", "delta"]);
});

Deno.test("makeGraph() declares a missing predecessor, in the order of ids", () => {
  const graph = graphOf("?5 <- 7 <- 9");
  deepStrictEqual([...graph.id], [5, 7, 9]);
  deepStrictEqual([...graph.before.predecessor], [-1, 0, 1]);
  deepStrictEqual([...graph.before.hops], [0, 1, 2]);
  strictEqual(roleOf(graph, "before", 0), "missing");
  strictEqual(isSnapshot(graph, graph.before, 0), false);
  deepStrictEqual([0, 1, 2].map((n) => defectOf(graph, n)), [undefined, "dangling-edge", undefined]);
});

Deno.test("makeGraph() draws a cycle, a group that is its own predecessor, and what builds on them", () => {
  const graph = graphOf("2 <- 1, 1 <- 2, 2 <- 3, 4 <- 4");
  deepStrictEqual([...graph.before.predecessor], [1, 0, 1, 3]);
  deepStrictEqual([...graph.before.hops], [-1, -1, -1, -1]);
  deepStrictEqual([...graph.after.predecessor], [1, 0, 1, 3]);
});

Deno.test("makeGraph() keeps every edge of a group with two predecessors", () => {
  const graph = graphOf("1 <- 3, 2 <- 3, 3 <- 4");
  deepStrictEqual(graph.extraEdges.length, 1);
  const [n, target] = graph.extraEdges[0]!;
  deepStrictEqual([graph.id[n], graph.before.predecessor[2]! + target], [3, 1]);
});

Deno.test("makeGraph() draws an edge to another room's group", () => {
  const graph = graphOf("1@ <- 2");
  deepStrictEqual([...graph.before.predecessor], [-1, 0]);
  strictEqual(defectOf(graph, 1), "foreign-predecessor");
});

Deno.test("selectPart() goes `within` edges around a group, up and down, before and after", () => {
  const graph = graphOf("1{} <- 2{a=x} <- 4{b=x} <- 7{c=x}, 2 <- 9{d=x}");
  deepStrictEqual([...selectPart(graph, { around: 2, within: 0 })], [0, 1, 0, 0, 0]);
  deepStrictEqual([...selectPart(graph, { around: 2, within: 1 })], [1, 1, 1, 0, 1]);
  deepStrictEqual([...selectPart(graph, {})], [1, 1, 1, 1, 1]);
});

Deno.test("selectPart() leaves small groups out, but not the one in the middle", () => {
  const graph = graphOf("1{} <- 2{a=x, b=x} <- 4{b=y}");
  deepStrictEqual([...selectPart(graph, { minRows: 2 })], [0, 1, 1]);
  deepStrictEqual([...selectPart(graph, { around: 1, minRows: 2 })], [1, 1, 1]);
  deepStrictEqual([...selectPart(graph, { minRows: 4 })], [0, 0, 0]);
});

Deno.test("selectPart() refuses a group that is not in the room, and says which ids are", () => {
  const graph = graphOf("3 <- 8");
  throws(() => selectPart(graph, { around: 5 }), {
    message: 'Cannot draw around state group 5: it is not in room "!room:test"',
    hint: "Give --around the id of one of this room's state groups; its ids are between 3 and 8.",
  });
  const nothing = makeGraph(compress(new ForestBuilder("!none:test").finish()));
  throws(() => selectPart(nothing, { around: 5 }), /not in room "!none:test"/);
});
