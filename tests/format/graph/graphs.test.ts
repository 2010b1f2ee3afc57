import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { drawGraphs, graphNames, type GraphOptions } from "../../../src/format/graph/graphs.ts";
import { forest } from "../../support/forest.ts";

function files(drawing: string, options: GraphOptions): Record<string, string> {
  const compression = compress(forest(drawing), { strategy: "levels", levels: [2] });
  return Object.fromEntries(drawGraphs(compression, options).files.map(({ name, text }) => [name, [...text].join("")]));
}

Deno.test("graphNames() names what drawGraphs() draws", () => {
  for (
    const options of [
      {},
      { format: "gexf" },
      { format: "csv-comma", only: "after" },
      { format: "gexf", combined: true },
    ] as GraphOptions[]
  ) deepStrictEqual(Object.keys(files("1 <- 2", options)), graphNames(options));
  deepStrictEqual(graphNames({}), ["before_nodes.csv", "before_edges.csv", "after_nodes.csv", "after_edges.csv"]);
});

Deno.test("drawGraphs() as csv writes the Rust tool's files", () => {
  deepStrictEqual(files("1{} <- 3{a=x} <- 4{b=x}", {}), {
    "before_nodes.csv": 'Id;Rows;Root;Label\n1;0;true;"0"\n3;1;false;"1"\n4;1;false;"1"\n',
    "before_edges.csv": "Source;Target\n3;1\n4;3\n",
    "after_nodes.csv": 'Id;Rows;Root;Label\n1;0;true;"0"\n3;1;false;"1"\n4;2;true;"2"\n',
    "after_edges.csv": "Source;Target\n3;1\n",
  });
});

Deno.test("drawGraphs() as csv of a part does not call a group a root for what is left out", () => {
  deepStrictEqual(files("1{} <- 3{a=x} <- 4{b=x}", { only: "before", around: 4, within: 0 }), {
    "before_nodes.csv": 'Id;Rows;Root;Label\n4;1;false;"1"\n',
    "before_edges.csv": "Source;Target\n",
  });
});

Deno.test("drawGraphs() as csv-comma declares what is missing", () => {
  deepStrictEqual(files("?1 <- 3{a=x}", { format: "csv-comma", only: "before" }), {
    "before_nodes.csv": "id,label,rows,hops,snapshot,branch,context,missing,rewritten,role,color\n" +
      "1,1,0,0,false,0,false,true,false,missing,#cc3399\n3,3,1,1,false,0,false,false,false,delta,#8fa1b3\n",
    "before_edges.csv": "source,target\n3,1\n",
  });
});

Deno.test("drawGraphs() counts what it draws", () => {
  const compression = compress(forest("1 <- 2 <- 3 <- 4"));
  const { nodes, nodesInRoom, edges } = drawGraphs(compression, { format: "gexf", around: 3, within: 1 });
  deepStrictEqual([nodes, nodesInRoom, edges], [3, 4, 2]);
});

Deno.test("drawGraphs() refuses to combine what has no place for it", () => {
  throws(() => files("1", { format: "csv-comma", combined: true }), /csv-comma cannot be combined/);
  strictEqual(Object.keys(files("1", { format: "gexf", combined: true })).join(), "combined.gexf");
});
