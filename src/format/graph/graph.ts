/**
 * A room as a graph to look at: its groups, and the missing ones that it refers to, with their edges before and after.
 * Defective edges are drawn too, so that what is wrong can be seen. Columns over nodes by ascending id; O(groups + edges).
 */
import type { Compression } from "../../core/plan/compress.ts";
import { DEFECT_KINDS, type DefectKind, indexOf, NONE } from "../../core/forest/defects.ts";
import { CompressorError } from "../../errors.ts";

/** The room as it stands, or as it would be. */
export type Stage = "before" | "after";

/** What differs between before and after. */
export interface StageColumns {
  /** predecessor[n]: the node that n builds on, or NONE; it may be missing, or a bigger one, or lead back to n. */
  readonly predecessor: Int32Array;
  /** rows[n] in state_groups_state; 0 for a missing group. */
  readonly rows: Int32Array;
  /** hops[n]: edges down to where they end, or NONE where they never do. */
  readonly hops: Int32Array;
}

/** A room's nodes and edges. */
export interface RoomGraph {
  /** The room that is drawn. */
  readonly roomId: string;
  /** How many nodes there are. */
  readonly size: number;
  /** id[n]: the database id, ascending. */
  readonly id: Float64Array;
  /** group[n]: the index in the forest, or NONE: the group is missing, others refer to it. */
  readonly group: Int32Array;
  /** isContext[g]: 1 where g is only there because others build on it. */
  readonly isContext: Uint8Array;
  /** isRewritten[n]: 1 where the group's predecessor or rows change. */
  readonly isRewritten: Uint8Array;
  /** defect[n]: 1 + the index in DEFECT_KINDS of what is wrong with a node, or 0 where nothing is. */
  readonly defect: Uint8Array;
  /** Edges besides `predecessor`, before as after: [n, the node that it also refers to]. */
  readonly extraEdges: readonly (readonly [number, number])[];
  /** As it stands. */
  readonly before: StageColumns;
  /** As it would be. */
  readonly after: StageColumns;
}

/** Makes the graph of a room. */
export function makeGraph(compression: Compression): RoomGraph {
  const { forest } = compression;
  const missing: number[] = [];
  for (const { predecessorId } of forest.defects) {
    if (predecessorId !== undefined && forest.indexOf(predecessorId) === NONE) missing.push(predecessorId);
  }
  const named = new Float64Array(forest.size + missing.length);
  named.set(forest.groupId.subarray(0, forest.size));
  named.set(missing, forest.size);
  const id = named.sort().filter((other, i) => i === 0 || other !== named[i - 1]);
  const group = new Int32Array(id.length);
  const node = new Int32Array(forest.size);
  for (let n = 0, g = 0; n < id.length; n++) {
    const isGroup = g < forest.size && forest.groupId[g] === id[n];
    group[n] = isGroup ? g : NONE;
    if (isGroup) node[g++] = n;
  }

  /** first[n]: the first edge of a node that is not among the forest's predecessors, or NONE. */
  const first = new Int32Array(id.length).fill(NONE);
  const extraEdges: [number, number][] = [];
  const defect = new Uint8Array(id.length);
  for (const { kind, groupId, predecessorId } of forest.defects) {
    const n = indexOf(id, groupId);
    if (defect[n] === 0) defect[n] = 1 + DEFECT_KINDS.indexOf(kind);
    if (predecessorId === undefined || kind === "cycle" || kind === "forward-edge") continue;
    const target = indexOf(id, predecessorId);
    const known = forest.predecessor[group[n]!]!;
    if (kind !== "two-predecessors" && known === NONE && first[n] === NONE) first[n] = target;
    else if (known === NONE || node[known] !== target) extraEdges.push([n, target]);
  }

  const stage = (predecessors: Int32Array, rowCount: Int32Array): StageColumns => {
    const predecessor = new Int32Array(id.length).fill(NONE);
    const rows = new Int32Array(id.length);
    for (let n = 0; n < id.length; n++) {
      const g = group[n]!;
      if (g === NONE) continue;
      rows[n] = rowCount[g]!;
      const base = predecessors[g]!;
      predecessor[n] = base === NONE ? first[n]! : node[base]!;
    }
    return { predecessor, rows, hops: countAllHops(predecessor) };
  };
  const before = stage(forest.predecessor, forest.rowCount);
  const after = stage(compression.predecessor, compression.rowCount);
  const isRewritten = new Uint8Array(id.length);
  const isContext = new Uint8Array(id.length);
  for (let n = 0; n < id.length; n++) {
    if (group[n] !== NONE) isContext[n] = forest.isContext[group[n]!]!;
    if (before.predecessor[n] !== after.predecessor[n] || before.rows[n] !== after.rows[n]) isRewritten[n] = 1;
  }
  const { roomId } = forest;
  return { roomId, size: id.length, id, group, isContext, isRewritten, defect, extraEdges, before, after };
}

/** What is wrong with a node. */
export function defectOf({ defect }: RoomGraph, n: number): DefectKind | undefined {
  return DEFECT_KINDS[defect[n]! - 1];
}

/** Whether a node is a group that builds on none. */
export function isSnapshot(graph: RoomGraph, stage: StageColumns, n: number): boolean {
  return graph.group[n] !== NONE && stage.predecessor[n] === NONE;
}

/** What a node is drawn as. A group is "rewritten" in what comes after, where it is still a delta or has become one. */
export type Role = "snapshot" | "delta" | "rewritten" | "missing";

/** The role of a node. */
export function roleOf(graph: RoomGraph, stage: Stage, n: number): Role {
  if (graph.group[n] === NONE) return "missing";
  if (graph[stage].predecessor[n] === NONE) return "snapshot";
  return stage === "after" && graph.isRewritten[n] === 1 ? "rewritten" : "delta";
}

/** Which part of a room to draw. */
export interface GraphPart {
  /** Only what is near this group: `within` edges or less, before or after, in whichever direction. */
  readonly around?: number | undefined;
  /** @default 10 */
  /** How many edges away from `around`. @default 10 */
  readonly within?: number | undefined;
  /** Only groups with at least this many rows, before or after. */
  readonly minRows?: number | undefined;
}

/** How near is near where nobody says. */
const DEFAULT_WITHIN = 10;

/**
 * isShown[n]: 1 where a node belongs to the part.
 *
 * @throws {CompressorError} `around` is no group of the room
 */
export function selectPart(graph: RoomGraph, part: GraphPart): Uint8Array {
  const isShown = new Uint8Array(graph.size).fill(1);
  const center = part.around === undefined ? NONE : indexOf(graph.id, part.around);
  if (part.around !== undefined) {
    if (center === NONE) throw notThere(graph, part.around);
    const distance = distances(graph, center, part.within ?? DEFAULT_WITHIN);
    for (let n = 0; n < graph.size; n++) if (distance[n] === NONE) isShown[n] = 0;
  }
  if (part.minRows !== undefined) {
    for (let n = 0; n < graph.size; n++) {
      const rows = Math.max(graph.before.rows[n]!, graph.after.rows[n]!);
      if (rows < part.minRows && n !== center) isShown[n] = 0;
    }
  }
  return isShown;
}

function notThere({ roomId, id, size }: RoomGraph, groupId: number): CompressorError {
  const range = size === 0 ? "" : `; its ids are between ${id[0]} and ${id[size - 1]}`;
  return new CompressorError(`Cannot draw around state group ${groupId}: it is not in room "${roomId}"`, {
    hint: `Give --around the id of one of this room's state groups${range}.`,
  });
}

/** distance[n]: edges from `center`, or NONE where that is more than `most`. */
function distances(graph: RoomGraph, center: number, most: number): Int32Array {
  const neighbours = makeNeighbours(graph);
  const distance = new Int32Array(graph.size).fill(NONE);
  distance[center] = 0;
  let reached = [center];
  for (let hop = 1; hop <= most && reached.length > 0; hop++) {
    const next: number[] = [];
    for (const n of reached) {
      neighbours(n, (other) => {
        if (distance[other] !== NONE) return;
        distance[other] = hop;
        next.push(other);
      });
    }
    reached = next;
  }
  return distance;
}

/** Visits the nodes at the other end of a node's edges, before and after. */
function makeNeighbours(graph: RoomGraph): (n: number, visit: (other: number) => void) => void {
  const ends: number[] = [];
  for (const { predecessor } of [graph.before, graph.after]) {
    for (let n = 0; n < graph.size; n++) if (predecessor[n] !== NONE) ends.push(n, predecessor[n]!, predecessor[n]!, n);
  }
  for (const [n, target] of graph.extraEdges) ends.push(n, target, target, n);
  const start = new Int32Array(graph.size + 1);
  for (let i = 0; i < ends.length; i += 2) start[ends[i]! + 1]!++;
  for (let n = 0; n < graph.size; n++) start[n + 1]! += start[n]!;
  const next = start.slice();
  const other = new Int32Array(ends.length / 2);
  for (let i = 0; i < ends.length; i += 2) other[next[ends[i]!]!++] = ends[i + 1]!;
  return (n, visit) => {
    for (let i = start[n]!; i < start[n + 1]!; i++) visit(other[i]!);
  };
}

/** hops[n] for any predecessors; NONE where they lead into a cycle. Each node is walked over once. */
function countAllHops(predecessor: Int32Array): Int32Array {
  const UNKNOWN = -2;
  const hops = new Int32Array(predecessor.length).fill(UNKNOWN);
  const path: number[] = [];
  for (let start = 0; start < predecessor.length; start++) {
    let n = start;
    while (n !== NONE && hops[n] === UNKNOWN) {
      hops[n] = NONE;
      path.push(n);
      n = predecessor[n]!;
    }
    // Ended at nothing; or at a node that is done; or on this very path, which is a cycle and marked NONE as such.
    let known = n === NONE ? 0 : hops[n] === NONE ? NONE : hops[n]! + 1;
    for (let last = path.pop(); last !== undefined; last = path.pop()) {
      hops[last] = known;
      if (known !== NONE) known++;
    }
  }
  return hops;
}
