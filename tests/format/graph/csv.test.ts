import { strictEqual } from "node:assert/strict";
import { formatEdges, formatNodes } from "../../../src/format/graph/csv.ts";

const GOLDEN = new URL("../../fixtures/golden/100-50-25-room1/", import.meta.url);

/** The columns that a golden folder's files describe. */
async function readGraph(stage: "before" | "after") {
  const lines = async (file: string) =>
    (await Deno.readTextFile(new URL(`${stage}_${file}.csv`, GOLDEN))).trimEnd().split("\n").slice(1).map((line) =>
      line.split(";")
    );
  const nodes = await lines("nodes");
  const groupId = nodes.map(([id]) => Number(id));
  const index = new Map(groupId.map((id, g) => [id, g]));
  const predecessor = groupId.map(() => -1);
  for (const [source, target] of await lines("edges")) {
    predecessor[index.get(Number(source))!] = index.get(Number(target))!;
  }
  return { size: nodes.length, groupId, predecessor, rowCount: nodes.map(([, rows]) => Number(rows)) };
}

for (const stage of ["before", "after"] as const) {
  Deno.test(`formatNodes() and formatEdges() give the Rust tool's ${stage} files, byte for byte`, async () => {
    const graph = await readGraph(stage);
    const golden = (file: string) => Deno.readTextFile(new URL(`${stage}_${file}.csv`, GOLDEN));
    strictEqual([...formatNodes(graph)].join(""), await golden("nodes"));
    strictEqual([...formatEdges(graph)].join(""), await golden("edges"));
  });
}

Deno.test("formatNodes() of a room without groups is its header", () => {
  const graph = { size: 0, groupId: [], predecessor: [], rowCount: [] };
  strictEqual([...formatNodes(graph)].join(""), "Id;Rows;Root;Label\n");
  strictEqual([...formatEdges(graph)].join(""), "Source;Target\n");
});

Deno.test("formatNodes() writes ids past 2^31 whole, and in pieces", () => {
  const size = 10_000;
  const graph = {
    size,
    groupId: Float64Array.from({ length: size }, (_, g) => 2 ** 40 + g),
    predecessor: Int32Array.from({ length: size }, (_, g) => g - 1),
    rowCount: new Int32Array(size),
  };
  const pieces = [...formatNodes(graph)];
  strictEqual(pieces.length > 3, true);
  strictEqual(pieces.join("").split("\n")[1], '1099511627776;0;true;"0"');
  strictEqual([...formatEdges(graph)].join("").split("\n").length, size + 1);
});
