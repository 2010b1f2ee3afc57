/**
 * The branches of a room as a drawing that stays readable: groups from left to right by id and in lines like a text, a lane
 * for each branch, a chain folded into one bar, a snapshot a dot at its beginning, an arc to the group that it builds on.
 * Bars too small to see are drawn as one. O(groups), and some thousand elements at most.
 */
// @ts-types="@types/d3-scale"
import { scaleLinear, scaleSqrt } from "d3-scale";
// @ts-types="@types/d3-shape"
import { curveBumpX, line as makeLine } from "d3-shape";
import { defectOf, isSnapshot, type RoomGraph, type Stage } from "../graph/graph.ts";
import { assignLanes, findBranches } from "../graph/layout.ts";
import { type Html, markup, px } from "./html.ts";
import { findPieces, MAX_LANES, mergePieces, type Piece } from "./pieces.ts";
import { formatCount, formatUnits } from "../numbers.ts";

/** A drawing, and what it shows. */
interface ForestDrawing {
  readonly svg: Html;
  readonly branches: number;
  readonly lines: number;
  /** Chains that found no place, having too many beside them. */
  readonly hidden: number;
}

const WIDTH = 1080;
const LEFT = 70;
const RIGHT = 14;
const LANE = 17;
const MAX_HEIGHT = 2_600;
/** From this much room on, each group is a dot of its own. */
const DOT = 12;

/** Draws one stage. */
export function drawForest(graph: RoomGraph, stage: Stage): ForestDrawing {
  const { predecessor } = graph[stage];
  const branches = findBranches(predecessor);
  const order = Int32Array.from({ length: graph.size }, (_, n) => n);
  const lanes = assignLanes(branches, order);
  const laneOf = (n: number) => lanes.lane[branches.branch[n]!]!;
  const perLine = choosePerLine(graph.size, branches.count, Math.min(lanes.count, MAX_LANES));
  const lines = Math.max(1, Math.ceil(graph.size / perLine));
  const x = scaleLinear().domain([0, Math.max(1, perLine - 1)]).range([LEFT, WIDTH - RIGHT]);
  const unit = x(1) - x(0);

  const pieces = findPieces(graph, stage, branches.branch, laneOf, perLine);
  const drawn = mergePieces(pieces.filter(({ lane }) => lane < MAX_LANES), unit);
  const hidden = pieces.reduce((sum, { lane }) => sum + (lane < MAX_LANES ? 0 : 1), 0);

  const height = new Int32Array(lines).fill(1);
  for (const { line, lane } of drawn) height[line] = Math.max(height[line]!, lane + 1);
  const top: number[] = [];
  let bottom = 4;
  for (let line = 0; line < lines; line++) {
    top.push(bottom + 22);
    bottom += 22 + height[line]! * LANE + 4;
  }
  const placeOf = (n: number) => {
    const line = Math.floor(n / perLine);
    return { line, x: x(n - line * perLine), y: top[line]! + laneOf(n) * LANE };
  };
  const most = Math.max(1, ...drawn.map(({ mostRows }) => mostRows));
  const radius = scaleSqrt().domain([0, most]).range([2, 6.5]);

  const parts: Html[] = [];
  for (let line = 0; line < lines; line++) {
    const first = line * perLine;
    const id = graph.size === 0 ? "" : graph.id[first]!;
    parts.push(
      markup`<text class="line-id" x="${LEFT - 14}" y="${px(top[line]!)}" dy="0.32em" text-anchor="end">${id}</text>`,
    );
  }
  const curve = makeLine().curve(curveBumpX).digits(1);
  for (const piece of drawn) {
    if (piece.chains !== 1 || !piece.isBeginning) continue;
    const base = predecessor[piece.first]!;
    if (base < 0 || base >= piece.first) continue;
    const to = placeOf(piece.first);
    const from = placeOf(base);
    parts.push(markup`<path class="arc" d="${arc(from, to, laneOf(base) < MAX_LANES, curve)}"/>`);
  }
  for (const piece of drawn) parts.push(drawPiece(graph, stage, piece, x, top, radius));
  if (unit >= DOT) {
    for (let n = 0; n < graph.size; n++) {
      parts.push(drawDot(graph, stage, n, placeOf(n), radius, unit));
    }
  }
  parts.push(...drawDefects(graph, stage, placeOf, laneOf));

  const label = `The branches ${stage} compression: ${formatUnits(branches.count, "chain")} of ${
    formatUnits(graph.size, "state group")
  }, by id from left to right${lines > 1 ? `, in ${lines} lines` : ""}`;
  const svg = markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}">
    <svg class="forest ${stage}" viewBox="0 0 ${WIDTH} ${px(bottom)}" role="img" aria-label="${label}">
    ${parts}
    </svg></div>`;
  return { svg, branches: branches.count, lines, hidden };
}

/** How many groups a line holds: few enough to give each chain some room, enough to keep the drawing's height in bounds. */
function choosePerLine(groups: number, chains: number, lanes: number): number {
  const room = WIDTH - LEFT - RIGHT;
  const wanted = Math.max(chains * 20 / Math.max(1, lanes * 0.6), groups * 0.12) / room;
  const mostLines = Math.max(1, Math.floor(MAX_HEIGHT / (26 + Math.max(1, lanes * 0.6) * LANE)));
  const lines = Math.max(1, Math.min(Math.ceil(wanted), mostLines, Math.ceil(groups / 24)));
  return Math.max(1, Math.ceil(groups / lines));
}

type Place = { readonly line: number; readonly x: number; readonly y: number };

/** From a base to the chain on it: over the lane, from lane to lane, or out of the line above. */
function arc(
  from: Place,
  to: Place,
  isBaseDrawn: boolean,
  curve: (points: [number, number][]) => string | null,
): string {
  if (from.line !== to.line || !isBaseDrawn) {
    return `M${px(to.x - 7)},${px(to.y - 8)}Q${px(to.x)},${px(to.y - 8)} ${px(to.x)},${px(to.y)}`;
  }
  if (from.y !== to.y) {
    return curve([[from.x, from.y], [to.x, to.y]]) ?? "";
  }
  const rise = Math.min(15, 4 + Math.sqrt(to.x - from.x) * 1.2);
  return `M${px(from.x)},${px(from.y)}C${px(from.x)},${px(from.y - rise)} ${px(to.x)},${px(to.y - rise)} ${px(to.x)},${
    px(to.y)
  }`;
}

function drawPiece(
  graph: RoomGraph,
  stage: Stage,
  piece: Piece,
  x: (rank: number) => number,
  top: readonly number[],
  radius: (rows: number) => number,
): Html {
  const y = top[piece.line]! + piece.lane * LANE;
  const x0 = x(piece.from);
  const width = Math.max(2, x(piece.to) - x0);
  const kind = piece.rewritten * 2 > piece.groups && stage === "after" ? "rewritten" : "kept";
  const [first, last] = [graph.id[piece.first]!, graph.id[piece.last]!];
  const base = graph[stage].predecessor[piece.first]!;
  const title = [
    piece.groups === 1
      ? `State group ${first}`
      : `State groups ${first} to ${last}: ${formatUnits(piece.groups, "group")}`,
    piece.chains > 1 ? formatUnits(piece.chains, "chain") : "",
    formatUnits(piece.rows, "row"),
    piece.snapshots > 0 ? formatUnits(piece.snapshots, "snapshot") : "",
    piece.mostHops > 0 ? `at most ${formatUnits(piece.mostHops, "hop")}` : "",
    piece.rewritten > 0 ? `${formatCount(piece.rewritten)} rewritten` : "",
    piece.chains === 1 && piece.isBeginning && base >= 0 ? `builds on ${graph.id[base]!}` : "",
  ].filter(Boolean).join(", ");
  if (graph.group[piece.first]! < 0 && piece.groups === 1) return markup``;
  const r = radius(piece.mostRows);
  const opacity = (0.35 + 0.65 * piece.snapshots / piece.groups).toFixed(2);
  const dot = piece.snapshots === 0
    ? stage === "after" && piece.chains === 1 && piece.isBeginning && graph.isRewritten[piece.first] === 1 &&
      markup`<circle class="dot rewritten" cx="${px(x0)}" cy="${px(y)}" r="3.5"/>`
    : piece.chains === 1
    ? markup`<circle class="snapshot" cx="${px(x0)}" cy="${px(y)}" r="${px(r)}"/>`
    : markup`<rect class="snapshot" x="${px(x0)}" y="${px(y - r)}" width="${px(Math.max(3, width))}" height="${
      px(2 * r)
    }" rx="1.5" opacity="${opacity}"/>`;
  const fold = piece.groups > 2 && width >= 34 &&
    markup`<text class="fold" x="${px(x0 + width / 2 + 3)}" y="${px(y - 4.5)}" text-anchor="middle">${
      formatCount(piece.groups)
    }</text>`;
  const bar = markup`<rect class="bar ${kind}" x="${px(x0)}" y="${px(y - 2.5)}" width="${
    px(width)
  }" height="5" rx="2.5"/>`;
  return markup`<g class="piece">${bar}${dot}${fold}<title>${title}</title></g>`;
}

/** A group of a small room, with its id where there is room for it. */
function drawDot(
  graph: RoomGraph,
  stage: Stage,
  n: number,
  { x, y }: Place,
  radius: (rows: number) => number,
  unit: number,
): Html {
  const columns = graph[stage];
  if (graph.group[n]! < 0) return markup``;
  const kind = isSnapshot(graph, columns, n)
    ? "snapshot"
    : stage === "after" && graph.isRewritten[n] === 1
    ? "rewritten"
    : "kept";
  const id = graph.id[n]!;
  const hops = columns.hops[n]!;
  const name = unit >= 40 &&
    markup`<text class="dot-id" x="${px(x)}" y="${px(y - 8)}" text-anchor="middle">${id}</text>`;
  const r = Math.max(3, radius(columns.rows[n]!));
  return markup`<g class="piece"><circle class="dot ${kind}" cx="${px(x)}" cy="${px(y)}" r="${px(r)}"/>
    <title>State group ${id}, ${formatUnits(columns.rows[n]!, "row")}, ${
    hops < 0 ? "its chain never ends" : formatUnits(hops, "hop")
  }</title>${name}</g>`;
}

/** What is broken, over all else: missing groups, groups with a defect, and the edges that should not be. */
function drawDefects(
  graph: RoomGraph,
  stage: Stage,
  placeOf: (n: number) => Place,
  laneOf: (n: number) => number,
): Html[] {
  const parts: Html[] = [];
  const isPlaced = (n: number) => laneOf(n) < MAX_LANES;
  const broken: [number, number][] = [];
  const { predecessor } = graph[stage];
  const marked: number[] = [];
  for (let n = 0; n < graph.size && marked.length < 500; n++) if (graph.defect[n] !== 0 && isPlaced(n)) marked.push(n);
  for (const n of marked) {
    const base = predecessor[n]!;
    if (base >= 0) broken.push([n, base]);
  }
  for (const [n, base] of [...broken, ...graph.extraEdges.slice(0, 500)]) {
    const [from, to] = [placeOf(n), placeOf(base)];
    if (from.line !== to.line || !isPlaced(n) || !isPlaced(base)) continue;
    const rise = n === base ? 16 : 9;
    const spread = n === base ? 10 : 0;
    const bend = [[from.x - spread, from.y - rise], [to.x + spread, to.y - rise], [to.x, to.y]];
    const points = bend.map(([x, y]) => `${px(x!)},${px(y!)}`).join(" ");
    parts.push(markup`<path class="broken" d="M${px(from.x)},${px(from.y)}C${points}"/>`);
  }
  for (const n of marked) {
    const kind = defectOf(graph, n)!;
    const { x, y } = placeOf(n);
    parts.push(
      markup`<g class="piece"><circle class="defect" cx="${px(x)}" cy="${px(y)}" r="5"/>
        <title>State group ${graph.id[n]!}: ${kind.replaceAll("-", " ")}</title></g>`,
    );
  }
  let missing = 0;
  for (let n = 0; n < graph.size && missing < 500; n++) {
    if (graph.group[n]! >= 0 || !isPlaced(n)) continue;
    missing++;
    const { x, y } = placeOf(n);
    parts.push(
      markup`<g class="piece"><path class="missing" d="M${px(x)},${px(y - 6)}l6,6l-6,6l-6,-6z"/>
        <title>State group ${graph.id[n]!} is missing: others refer to it</title></g>`,
    );
  }
  return parts;
}
