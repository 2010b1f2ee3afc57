/**
 * A room as GEXF 1.3, static and directed: one file that Gephi, Gephi Lite and others open as it is, with labels, sizes,
 * colours, positions and typed attributes. Every end of an edge is declared as a node. Yields pieces of about 64 KiB.
 * Source: https://gexf.net/1.3/gexf.xsd.
 */
import { defectOf, isSnapshot, type Role, roleOf, type RoomGraph, type Stage, type StageColumns } from "./graph.ts";
import { layOut } from "./layout.ts";

/** What a file shows: the room as it stands, as it would be, or both at once. */
export type GexfView = Stage | "combined";

/** Options of formatGexf(). */
export interface GexfOptions {
  /** isShown[n]: 1 where a node is drawn. @default all are */
  readonly isShown?: Uint8Array | undefined;
}

type Attribute = readonly [id: string, type: "long" | "integer" | "boolean" | "string"];

const OF_STAGE: readonly Attribute[] = [["rows", "long"], ["hops", "integer"], ["snapshot", "boolean"]];
const OF_BOTH: readonly Attribute[] = [
  ["rows_before", "long"],
  ["rows_after", "long"],
  ["rows_saved", "long"],
  ["hops_before", "integer"],
  ["hops_after", "integer"],
  ["snapshot_before", "boolean"],
  ["snapshot_after", "boolean"],
];
const OF_NODE: readonly Attribute[] = [
  ["branch", "integer"],
  ["context", "boolean"],
  ["missing", "boolean"],
  ["rewritten", "boolean"],
  ["role", "string"],
  ["defect", "string"],
];

/** Colours that differ for most colour-blind eyes too (Okabe and Ito), as hexadecimal digits. */
export const ROLE_COLORS: Readonly<Record<Role, string>> = {
  snapshot: "d55e00",
  delta: "8fa1b3",
  rewritten: "009e73",
  missing: "cc3399",
};
const EDGE_COLORS = { before: "d55e00", after: "009e73", both: "8fa1b3" } as const;

/** The size of the group with the most rows; a group without rows has the smallest. */
const MAX_SIZE = 40;
const MIN_SIZE = 4;
const PIECE = 65_536;

/** Formats a room's graph. */
export function* formatGexf(graph: RoomGraph, view: GexfView, options: GexfOptions = {}): Generator<string> {
  const { isShown = new Uint8Array(graph.size).fill(1) } = options;
  const stage = view === "before" ? "before" : "after";
  const columns = graph[stage];
  const attributes = [...(view === "combined" ? OF_BOTH : OF_STAGE), ...OF_NODE];
  const sizes = makeSizes(graph, view, isShown);
  const layout = layOut(columns.predecessor, { isShown });
  const spacing = Math.round(sizes.mean * 1.5 + 6);
  let shown = 0;
  for (let n = 0; n < graph.size; n++) shown += isShown[n]!;

  let text = head(graph.roomId, view, attributes) + `    <nodes count="${shown}">\n`;
  for (let n = 0; n < graph.size; n++) {
    if (isShown[n] === 0) continue;
    const id = graph.id[n]!;
    const role = roleOf(graph, stage, n);
    const values = view === "combined" ? bothValues(graph, n) : stageValues(graph, columns, n);
    values.push(
      ["branch", layout.branches.branch[n]!],
      ["context", graph.isContext[n] === 1],
      ["missing", role === "missing"],
      ["rewritten", graph.isRewritten[n] === 1],
      ["role", role],
      ["defect", defectOf(graph, n)],
    );
    text += `      <node id="${id}" label="${id}"><attvalues>`;
    for (const [name, value] of values) {
      if (value !== undefined) text += `<attvalue for="${name}" value="${value}"/>`;
    }
    text += `</attvalues><viz:size value="${sizes.of(n)}"/><viz:position x="${layout.column[n]! * spacing}" y="${
      -layout.row[n]! * spacing
    }" z="0"/>${color(ROLE_COLORS[role])}</node>\n`;
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  const count = countEdges(graph, view, isShown);
  text += `    </nodes>\n    <edges count="${count}">\n`;
  let edge = 0;
  for (const [from, to, kind] of graphEdges(graph, view, isShown)) {
    text += `      <edge id="${edge++}" source="${graph.id[from]!}" target="${graph.id[to]!}"`;
    text += view === "combined"
      ? `><attvalues><attvalue for="stage" value="${kind}"/></attvalues>${color(EDGE_COLORS[kind])}</edge>\n`
      : "/>\n";
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  yield text + "    </edges>\n  </graph>\n</gexf>\n";
}

/** How many edges formatGexf() writes. */
export function countEdges(graph: RoomGraph, view: GexfView, isShown: Uint8Array): number {
  let count = 0;
  for (const _edge of graphEdges(graph, view, isShown)) count++;
  return count;
}

/** What is between the quotes of an attribute: characters that XML has no place for become U+FFFD. */
export function escapeXml(text: string): string {
  return text.toWellFormed()
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd")
    .replaceAll(/[&<>"'\t\n\r]/g, (found) => `&#${found.charCodeAt(0)};`);
}

function head(roomId: string, view: GexfView, attributes: readonly Attribute[]): string {
  const what = view === "combined" ? "before and after compression" : `${view} compression`;
  const declare = ([id, type]: Attribute) => `      <attribute id="${id}" title="${id}" type="${type}"/>\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://gexf.net/1.3 http://gexf.net/1.3/gexf.xsd" version="1.3">
  <meta>
    <creator>synapse_compress_state</creator>
    <description>State groups of room ${escapeXml(roomId)}, ${what}</description>
  </meta>
  <graph mode="static" defaultedgetype="directed">
    <attributes class="node" mode="static">
${attributes.map(declare).join("")}    </attributes>
${
    view === "combined"
      ? `    <attributes class="edge" mode="static">\n${declare(["stage", "string"])}    </attributes>\n`
      : ""
  }`;
}

type Value = [name: string, value: number | boolean | string | undefined];

function stageValues(graph: RoomGraph, columns: StageColumns, n: number): Value[] {
  return [["rows", columns.rows[n]!], ["hops", hops(columns, n)], ["snapshot", isSnapshot(graph, columns, n)]];
}

function bothValues(graph: RoomGraph, n: number): Value[] {
  const { before, after } = graph;
  return [
    ["rows_before", before.rows[n]!],
    ["rows_after", after.rows[n]!],
    ["rows_saved", before.rows[n]! - after.rows[n]!],
    ["hops_before", hops(before, n)],
    ["hops_after", hops(after, n)],
    ["snapshot_before", isSnapshot(graph, before, n)],
    ["snapshot_after", isSnapshot(graph, after, n)],
  ];
}

/** A chain that ends nowhere has no hops to tell. */
function hops(columns: StageColumns, n: number): number | undefined {
  return columns.hops[n]! < 0 ? undefined : columns.hops[n]!;
}

/** Sizes by the square root of rows, to one scale before and after. In "combined" by the bigger of the two. */
function makeSizes(graph: RoomGraph, view: GexfView, isShown: Uint8Array) {
  const rowsOf = (n: number) =>
    view === "combined" ? Math.max(graph.before.rows[n]!, graph.after.rows[n]!) : graph[view].rows[n]!;
  let most = 1;
  for (const { rows } of [graph.before, graph.after]) for (const count of rows) most = Math.max(most, count);
  const of = (n: number) => Math.max(MIN_SIZE, Math.round(MAX_SIZE * 10 * Math.sqrt(rowsOf(n) / most)) / 10);
  let sum = 0;
  let count = 0;
  for (let n = 0; n < graph.size; n++) {
    if (isShown[n] === 0) continue;
    sum += of(n);
    count++;
  }
  return { of, mean: count === 0 ? MIN_SIZE : sum / count };
}

/** The edges whose both ends are shown, each once. */
export function* graphEdges(
  { size, before, after, extraEdges }: RoomGraph,
  view: GexfView,
  isShown: Uint8Array,
): Generator<[from: number, to: number, kind: "before" | "after" | "both"]> {
  for (let n = 0; n < size; n++) {
    if (isShown[n] === 0) continue;
    const old = before.predecessor[n]!;
    const now = after.predecessor[n]!;
    if (old >= 0 && view !== "after" && isShown[old] === 1) yield [n, old, old === now ? "both" : "before"];
    if (now >= 0 && view !== "before" && isShown[now] === 1) {
      if (view === "after" || old !== now) yield [n, now, old === now ? "both" : "after"];
    }
  }
  for (const [n, target] of extraEdges) if (isShown[n] === 1 && isShown[target] === 1) yield [n, target, "both"];
}

function color(hex: string): string {
  const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `<viz:color r="${r}" g="${g}" b="${b}"/>`;
}
