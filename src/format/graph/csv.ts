/**
 * Graphs as CSV: the Rust tool's Gephi files, byte for byte (a nodes and an edges file with semicolons, a line for each group,
 * context groups included), and files with commas, for Cosmograph. Knows columns only, opens no file; yields pieces of
 * about 64 KiB, so memory is bounded.
 */
import { graphEdges, ROLE_COLORS } from "./gexf.ts";
import { isSnapshot, roleOf, type RoomGraph, type Stage } from "./graph.ts";
import { findBranches } from "./layout.ts";

/** The columns that a graph needs: a forest as read, or the same groups with their new predecessors and row counts. */
export interface GraphColumns {
  /** How many groups. */
  readonly size: number;
  /** groupId[g]: the database id of group g, ascending. */
  readonly groupId: ArrayLike<number>;
  /** predecessor[g]: index of g's predecessor, or -1. */
  readonly predecessor: ArrayLike<number>;
  /** rowCount[g]: rows of g in state_groups_state. */
  readonly rowCount: ArrayLike<number>;
  /** isSnapshot[g], where `predecessor` does not tell: of a part of a room. */
  readonly isSnapshot?: ArrayLike<boolean> | undefined;
}

const PIECE = 65_536;

/** Formats the nodes file: `Id;Rows;Root;Label`, where Root says that a group is a snapshot. */
export function* formatNodes(graph: GraphColumns): Generator<string> {
  let text = "Id;Rows;Root;Label\n";
  for (let g = 0; g < graph.size; g++) {
    const rows = graph.rowCount[g]!;
    const isRoot = graph.isSnapshot === undefined ? graph.predecessor[g]! < 0 : graph.isSnapshot[g]!;
    text += `${graph.groupId[g]!};${rows};${isRoot};"${rows}"\n`;
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  yield text;
}

/** Formats the edges file: `Source;Target`, a group and its predecessor. */
export function* formatEdges(graph: GraphColumns): Generator<string> {
  let text = "Source;Target\n";
  for (let g = 0; g < graph.size; g++) {
    const predecessor = graph.predecessor[g]!;
    if (predecessor < 0) continue;
    text += `${graph.groupId[g]!};${graph.groupId[predecessor]!}\n`;
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  yield text;
}

/** Formats a nodes file with commas: typed columns, one colour a role. A missing group is a node too. */
export function* formatCommaNodes(graph: RoomGraph, stage: Stage, isShown: Uint8Array): Generator<string> {
  const columns = graph[stage];
  const { branch } = findBranches(columns.predecessor);
  let text = "id,label,rows,hops,snapshot,branch,context,missing,rewritten,role,color\n";
  for (let n = 0; n < graph.size; n++) {
    if (isShown[n] === 0) continue;
    const id = graph.id[n]!;
    const role = roleOf(graph, stage, n);
    text += [
      id,
      id,
      columns.rows[n]!,
      columns.hops[n]! < 0 ? "" : columns.hops[n]!,
      isSnapshot(graph, columns, n),
      branch[n]!,
      graph.isContext[n] === 1,
      role === "missing",
      graph.isRewritten[n] === 1,
      role,
      `#${ROLE_COLORS[role]}`,
    ].join() + "\n";
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  yield text;
}

/** Formats an edges file with commas: `source,target`, a group and its predecessor. */
export function* formatCommaEdges(graph: RoomGraph, stage: Stage, isShown: Uint8Array): Generator<string> {
  let text = "source,target\n";
  for (const [from, to] of graphEdges(graph, stage, isShown)) {
    text += `${graph.id[from]!},${graph.id[to]!}\n`;
    if (text.length >= PIECE) {
      yield text;
      text = "";
    }
  }
  yield text;
}
