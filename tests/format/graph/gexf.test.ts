import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { DirectedGraph } from "graphology";
import { parse } from "graphology-gexf";
import { compress } from "../../../src/core/plan/compress.ts";
import { ForestBuilder } from "../../../src/core/forest/forest.ts";
import { escapeXml, formatGexf, type GexfView } from "../../../src/format/graph/gexf.ts";
import { makeGraph, selectPart } from "../../../src/format/graph/graph.ts";
import { build, draw, forest } from "../../support/forest.ts";
import { fixtureRooms } from "../../support/fixture.ts";
import { all, type Element, parseXml } from "../../support/xml.ts";

const VIEWS: readonly GexfView[] = ["before", "after", "combined"];
const compressed = (drawing: string) => makeGraph(compress(forest(drawing), { strategy: "levels", levels: [2] }));

/** What the 1.3 schema and Gephi's importer ask for, whatever the graph is. */
function assertRules(text: string): Element {
  const root = parseXml(text);
  strictEqual(root.name, "gexf");
  strictEqual(root.attributes["version"], "1.3");
  strictEqual(root.attributes["xmlns"], "http://gexf.net/1.3");
  strictEqual(root.attributes["xmlns:viz"], "http://gexf.net/1.3/viz");
  const [graph] = all(root, "graph");
  deepStrictEqual(graph!.attributes, { mode: "static", defaultedgetype: "directed" });
  const types = new Map<string, Map<string, string>>();
  for (const { attributes, children } of all(root, "attributes")) {
    strictEqual(attributes["mode"], "static");
    const declared = children.map(({ attributes: { id, type } }) => [id!, type!] as const);
    types.set(attributes["class"]!, new Map(declared));
    strictEqual(new Set(declared.map(([id]) => id)).size, declared.length);
  }
  const check = (elements: readonly Element[], kind: string) => {
    strictEqual(new Set(elements.map(({ attributes }) => attributes["id"])).size, elements.length, `${kind} ids`);
    for (const element of elements) {
      for (const { attributes } of all(element, "attvalue")) {
        const type = types.get(kind)?.get(attributes["for"]!);
        ok(type !== undefined, `${attributes["for"]} is declared for a ${kind}`);
        if (type === "long" || type === "integer") ok(/^-?\d+$/.test(attributes["value"]!), attributes["value"]);
        if (type === "boolean") ok(/^(true|false)$/.test(attributes["value"]!));
      }
    }
  };
  const [nodes, edges] = [all(root, "nodes")[0]!, all(root, "edges")[0]!];
  check(nodes.children, "node");
  check(edges.children, "edge");
  strictEqual(nodes.attributes["count"], String(nodes.children.length));
  strictEqual(edges.attributes["count"], String(edges.children.length));
  const ids = new Set(nodes.children.map(({ attributes }) => attributes["id"]!));
  for (const { attributes: { source, target } } of edges.children) ok(ids.has(source!) && ids.has(target!));
  for (const node of nodes.children) {
    ok(Number(all(node, "viz:size")[0]!.attributes["value"]) > 0);
    for (const axis of ["x", "y", "z"]) ok(Number.isFinite(Number(all(node, "viz:position")[0]!.attributes[axis])));
    for (const part of ["r", "g", "b"]) ok(/^\d+$/.test(all(node, "viz:color")[0]!.attributes[part]!));
  }
  return root;
}

function valuesOf(element: Element): Record<string, string> {
  return Object.fromEntries(
    all(element, "attvalue").map(({ attributes }) => [attributes["for"]!, attributes["value"]!]),
  );
}

Deno.test("formatGexf() writes a node's attributes, size, place and colour", () => {
  const root = assertRules([...formatGexf(compressed("1{} <- 2{a=x} <- 4{b=x} <- 7{c=x}"), "after")].join(""));
  const nodes = all(root, "node");
  deepStrictEqual(nodes.map(({ attributes }) => attributes["label"]), ["1", "2", "4", "7"]);
  deepStrictEqual(valuesOf(nodes[2]!), {
    rows: "2",
    hops: "0",
    snapshot: "true",
    branch: "1",
    context: "false",
    missing: "false",
    rewritten: "true",
    role: "snapshot",
  });
  deepStrictEqual(all(root, "viz:position").map(({ attributes: { x, y } }) => [Number(x) > 0, Number(y) < 0]), [
    [false, false],
    [true, false],
    [true, false],
    [true, false],
  ]);
  deepStrictEqual(all(root, "edge").map(({ attributes: { id, source, target } }) => [id, source, target]), [
    ["0", "2", "1"],
    ["1", "7", "4"],
  ]);
});

Deno.test("formatGexf() sizes nodes by the square root of their rows, to one scale before and after", () => {
  const rows = (count: number) => `{${Array.from({ length: count }, (_, i) => `k${i}=x`).join()}}`;
  const graph = compressed(`1${rows(100)}, 2${rows(25)}, 3{}`);
  const sizes = all(parseXml([...formatGexf(graph, "before")].join("")), "viz:size").map((size) =>
    Number(size.attributes["value"])
  );
  deepStrictEqual(sizes, [40, 20, 4]);
});

Deno.test("formatGexf() combined has both sets of edges, once each, and what changed", () => {
  const root = assertRules([...formatGexf(compressed("1{} <- 2{a=x} <- 4{b=x} <- 7{c=x}"), "combined")].join(""));
  deepStrictEqual(
    all(root, "edge").map((edge) => [edge.attributes["source"], edge.attributes["target"], valuesOf(edge)["stage"]]),
    [["2", "1", "both"], ["4", "2", "before"], ["7", "4", "both"]],
  );
  const values = valuesOf(all(root, "node")[2]!);
  deepStrictEqual(
    [
      values["rows_before"],
      values["rows_after"],
      values["rows_saved"],
      values["snapshot_before"],
      values["snapshot_after"],
    ],
    ["1", "2", "-1", "false", "true"],
  );
});

for (
  const [what, drawing] of [
    ["a missing predecessor", "?5 <- 7 <- 9"],
    ["a cycle", "2 <- 1, 1 <- 2, 2 <- 3"],
    ["a group that is its own predecessor", "1 <- 2, 4 <- 4"],
    ["two predecessors, one missing", "1 <- 3, ?2 <- 3"],
    ["an edge to a newer group", "3 <- 2, 1"],
    ["another room's group", "1@ <- 2 <- 3"],
    ["ids past 2^31", "1099511627776 <- 9007199254740991"],
  ] as const
) {
  Deno.test(`formatGexf() draws a room with ${what}`, () => {
    const graph = compressed(drawing);
    for (const view of VIEWS) {
      const root = assertRules([...formatGexf(graph, view)].join(""));
      strictEqual(all(root, "node").length, graph.size);
    }
  });
}

Deno.test("formatGexf() draws a room without groups", () => {
  const graph = makeGraph(compress(new ForestBuilder("!none:test").finish()));
  for (const view of VIEWS) strictEqual(all(assertRules([...formatGexf(graph, view)].join("")), "node").length, 0);
});

Deno.test("formatGexf() shows a missing group and a defect as such", () => {
  const [missing, broken] = all(assertRules([...formatGexf(compressed("?5 <- 7"), "before")].join("")), "node");
  strictEqual(valuesOf(missing!)["missing"], "true");
  strictEqual(valuesOf(missing!)["role"], "missing");
  strictEqual(valuesOf(broken!)["defect"], "dangling-edge");
  strictEqual(valuesOf(broken!)["snapshot"], "false");
});

Deno.test("formatGexf() of a part has no edge that leaves it, and keeps what a node is in the whole", () => {
  const graph = compressed("1{} <- 2{a=x} <- 4{b=x} <- 7{c=x}");
  const root = assertRules(
    [...formatGexf(graph, "before", { isShown: selectPart(graph, { around: 7, within: 1 }) })].join(""),
  );
  deepStrictEqual(all(root, "node").map((node) => [node.attributes["id"], valuesOf(node)["hops"]]), [["4", "2"], [
    "7",
    "3",
  ]]);
  strictEqual(all(root, "edge").length, 1);
});

Deno.test("formatGexf() escapes whatever a room is called", () => {
  fc.assert(fc.property(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("<script>alert(1)</script>", "]]>&<\"'", "\0\x01\x1f\ufffe", "\ud800"),
    ),
    (roomId) => {
      const graph = makeGraph(compress(new ForestBuilder(roomId).finish()));
      const root = assertRules([...formatGexf(graph, "before")].join(""));
      strictEqual(all(root, "script").length, 0);
    },
  ));
  strictEqual(escapeXml("a<b\u0007\u{1f980}\n"), "a&#60;b\ufffd\u{1f980}&#10;");
});

Deno.test("formatGexf() is read back by graphology, with every node, edge and attribute", async () => {
  const [plain] = await fixtureRooms();
  const graph = makeGraph(compress(build(plain!)));
  for (const view of VIEWS) {
    const text = [...formatGexf(graph, view)].join("");
    const root = assertRules(text);
    // Its types name the browser's Document; in Node it takes text.
    const read = parse(DirectedGraph as never, text) as unknown as DirectedGraph;
    strictEqual(read.order, graph.size);
    strictEqual(read.size, all(root, "edge").length);
    strictEqual(read.type, "directed");
    for (let n = 0; n < graph.size; n += 97) {
      const node = read.getNodeAttributes(String(graph.id[n]!));
      strictEqual(node["label"], String(graph.id[n]!));
      strictEqual(
        node[view === "before" ? "rows" : view === "after" ? "rows" : "rows_before"],
        graph[view === "after" ? "after" : "before"].rows[n],
      );
      strictEqual(typeof node["x"], "number");
      strictEqual(typeof node["size"], "number");
    }
  }
});

Deno.test("formatGexf() yields a big room in pieces", () => {
  const size = 100_000;
  const builder = new ForestBuilder("!big:test");
  for (let id = 1; id <= size; id++) builder.addGroup(id);
  for (let id = 2; id <= size; id++) if (id % 100 !== 0) builder.addEdge(id, id % 50 === 7 ? id - 5 : id - 1);
  const graph = makeGraph(compress(builder.finish()));
  let pieces = 0;
  let longest = 0;
  for (const piece of formatGexf(graph, "before")) {
    pieces++;
    longest = Math.max(longest, piece.length);
  }
  ok(pieces > 100 && longest < 70_000, `${pieces} pieces, the longest of ${longest}`);
});

Deno.test("the drawing of a room says in the file which room it is", () => {
  const graph = makeGraph(compress(build(draw("1", "!a&b:test"))));
  strictEqual(
    all(parseXml([...formatGexf(graph, "before")].join("")), "description")[0]!.text,
    "State groups of room !a&b:test, before compression",
  );
});
