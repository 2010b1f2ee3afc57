import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { makeGraph } from "../../../src/format/graph/graph.ts";
import { drawForest } from "../../../src/format/page/forest.ts";
import { build, forest, randomRoom } from "../../support/forest.ts";

const graphOf = (drawing: string) => makeGraph(compress(forest(drawing)));

Deno.test("drawForest() folds a chain into one bar that says what it holds", () => {
  const { svg, branches, lines, hidden } = drawForest(graphOf("1{a=1,b=1} <- 2{a=2} <- 3{a=3} <- 4{a=4}"), "before");
  deepStrictEqual([branches, lines, hidden], [1, 1, 0]);
  match(svg.text, /<title>State groups 1 to 4: 4 groups, 5 rows, 1 snapshot, at most 3 hops<\/title>/);
});

Deno.test("drawForest() draws a fork as a second bar with an arc to its base", () => {
  const { svg, branches } = drawForest(graphOf("1{a=1} <- 2{a=2} <- 4{a=4}, 2 <- 5{b=1}"), "before");
  strictEqual(branches, 2);
  strictEqual(svg.text.match(/class="arc"/g)?.length, 1);
  match(svg.text, /builds on 2<\/title>/);
});

Deno.test("drawForest() marks broken groups and missing ones", () => {
  const { svg } = drawForest(graphOf("1{a=1}, ?7 <- 8{a=1}, 9{a=1}"), "before");
  match(svg.text, /<title>State group 8: dangling edge<\/title>/);
  match(svg.text, /<title>State group 7 is missing: others refer to it<\/title>/);
});

Deno.test("drawForest() stays bounded, and every chain is drawn or counted as hidden", () => {
  const graph = makeGraph(compress(build(randomRoom(3, 3000))));
  for (const stage of ["before", "after"] as const) {
    const { svg, branches, hidden } = drawForest(graph, stage);
    ok(svg.text.length < 1_000_000, `${svg.text.length} characters`);
    ok(hidden >= 0 && hidden <= branches * 40 && !/NaN|undefined/.test(svg.text));
  }
});
