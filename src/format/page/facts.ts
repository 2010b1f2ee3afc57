/** What the page tells of a room, counted: rows by id, groups by hops, snapshots by id, rows by type, rows by key. */
import type { RoomFigures } from "../../core/figures.ts";
import type { Compression } from "../../core/plan/compress.ts";
import { NONE } from "../../core/forest/defects.ts";
import { grown, Interner } from "../../core/forest/interner.ts";
import { EMPTY_STATE } from "../../core/forest/states.ts";
import { isSnapshot, type RoomGraph } from "../graph/graph.ts";
import { type Bin, makeBins } from "./charts.ts";

/** Bins of the charts, at most; each gets some pixels. */
const MOST_BINS = 108;
/** Above this many rows, the snapshots are not read again to see what they consist of. */
const MOST_ROWS = 200_000_000;

/** A room's figures, as the page shows them. */
export interface PageFigures extends RoomFigures {
  /** Groups that are, or would be, rewritten. */
  readonly groupsRewritten: number;
}

/** A type of events or a key, and rows. */
export interface Share {
  readonly name: string;
  readonly rows: number;
}

/** Names for what the rows are of. */
export interface Names {
  /** An event type as it is shown. */
  type(type: string): string;
  /** A state key as it is shown. */
  stateKey(stateKey: string): string;
}

/** What is known of a room. */
export interface Facts {
  readonly rowsById: readonly Bin[];
  readonly groupsByHops: readonly Bin[];
  readonly snapshotsById: readonly Bin[];
  /** Rows of all snapshots. */
  readonly snapshotRowsBefore: number;
  readonly snapshotRowsAfter: number;
  /** Rows by event type, most first; empty where there are too many to count. */
  readonly types: readonly Share[];
  /** The rows that remain after compression, those of broken groups aside, and the keys with the most of them. */
  readonly remaining: number;
  readonly keys: readonly Share[];
}

/** Counts, and names types and keys as they are, or otherwise. O(rows). */
export function findFacts(compression: Compression, graph: RoomGraph, names?: Names): Facts {
  const { before, after } = graph;
  const from = graph.id[0] ?? 0;
  const to = graph.id[graph.size - 1] ?? 0;
  const byId = makeBins(from, to, MOST_BINS);
  const rows = emptyBins(byId.starts);
  const snapshots = emptyBins(byId.starts);
  let mostHops = 0;
  for (let n = 0; n < graph.size; n++) mostHops = Math.max(mostHops, before.hops[n]!, after.hops[n]!);
  const byHops = makeBins(0, mostHops, MOST_BINS);
  const hops = emptyBins(byHops.starts);
  const sums = { before: 0, after: 0 };
  for (let n = 0; n < graph.size; n++) {
    const bin = byId.of(graph.id[n]!);
    for (const stage of ["before", "after"] as const) {
      const columns = graph[stage];
      rows[bin]![stage] += columns.rows[n]!;
      if (isSnapshot(graph, columns, n)) {
        snapshots[bin]![stage] += columns.rows[n]!;
        sums[stage] += columns.rows[n]!;
      }
      if (graph.group[n]! >= 0 && columns.hops[n]! >= 0) hops[byHops.of(columns.hops[n]!)]![stage]++;
    }
  }
  return {
    rowsById: rows,
    groupsByHops: hops,
    snapshotsById: snapshots,
    snapshotRowsBefore: sums.before,
    snapshotRowsAfter: sums.after,
    ...countTypes(compression, names),
    ...countKeys(compression, names),
  };
}

function emptyBins(starts: readonly number[]): { from: number; to: number; before: number; after: number }[] {
  return starts.slice(0, -1).map((from, i) => ({ from, to: starts[i + 1]!, before: 0, after: 0 }));
}

function countTypes({ forest }: Compression, names: Names | undefined): Pick<Facts, "types"> {
  if (forest.totalRows > MOST_ROWS) return { types: [] };
  const rows = new Float64Array(forest.keys.size);
  for (let g = 0; g < forest.size; g++) forest.forEachRow(g, (key) => rows[key]!++);
  const types = new Interner();
  let rowsOfType = new Float64Array(64);
  for (let key = 0; key < rows.length; key++) {
    if (rows[key] === 0) continue;
    const bytes = forest.keys.view(key);
    const type = types.intern(bytes, 0, bytes.indexOf(0));
    if (type >= rowsOfType.length) rowsOfType = grown(rowsOfType, type + 1);
    rowsOfType[type]! += rows[key]!;
  }
  const named = Array.from({ length: types.size }, (_, type) => ({
    name: names?.type(types.label(type)) ?? types.label(type),
    rows: rowsOfType[type]!,
  }));
  return { types: named.sort((a, b) => b.rows - a.rows) };
}

function countKeys({ forest, predecessor }: Compression, names: Names | undefined): Pick<Facts, "remaining" | "keys"> {
  const { states, state } = forest;
  const rows = new Float64Array(forest.keys.size);
  for (let g = 0; g < forest.size; g++) {
    if (forest.isLeftOut[g] === 1) continue;
    const base = predecessor[g]!;
    if (base === forest.predecessor[g]) forest.forEachRow(g, (key) => rows[key]!++);
    else states.forEachChange(base === NONE ? EMPTY_STATE : state[base]!, state[g]!, (key) => rows[key]!++);
  }
  const labelOf = (key: number) =>
    names === undefined
      ? forest.keys.label(key)
      : `${names.type(forest.keys.type(key))} ${JSON.stringify(names.stateKey(forest.keys.stateKey(key)))}`;
  let remaining = 0;
  const top: number[] = [];
  for (let key = 0; key < rows.length; key++) {
    remaining += rows[key]!;
    if (rows[key] === 0 || top.length === 10 && rows[key]! <= rows[top[9]!]!) continue;
    top.push(key);
    top.sort((a, b) => rows[b]! - rows[a]!);
    if (top.length > 10) top.pop();
  }
  return { remaining, keys: top.map((key) => ({ name: labelOf(key), rows: rows[key]! })) };
}
