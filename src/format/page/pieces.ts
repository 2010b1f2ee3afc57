/** The bars of a room's drawing: each branch folded line by line, and neighbours that are too short to be told apart as one. */
import { isSnapshot, type RoomGraph, type Stage } from "../graph/graph.ts";

/** Lanes that are drawn. */
export const MAX_LANES = 48;
/** Bars shorter than this are drawn together with their neighbours. */
const MIN_BAR = 5;

/** A chain, or some that are too small to be told apart: what one bar shows. */
export interface Piece {
  readonly line: number;
  readonly lane: number;
  /** Its first and last node. */
  readonly first: number;
  last: number;
  /** Ranks of the first and the last node in the line. */
  from: number;
  to: number;
  groups: number;
  rows: number;
  /** Rows of its biggest group. */
  mostRows: number;
  snapshots: number;
  rewritten: number;
  mostHops: number;
  /** How many chains it shows. */
  chains: number;
  /** Whether its first node is where the branch begins, and not where a line does. */
  readonly isBeginning: boolean;
}

/** Folds each branch, line by line. */
export function findPieces(
  graph: RoomGraph,
  stage: Stage,
  branch: Int32Array,
  laneOf: (n: number) => number,
  perLine: number,
): Piece[] {
  const { rows, hops } = graph[stage];
  const pieces: Piece[] = [];
  const seen = new Uint8Array(graph.size);
  let open = new Map<number, Piece>();
  for (let n = 0; n < graph.size; n++) {
    const rank = n % perLine;
    if (rank === 0) open = new Map();
    const b = branch[n]!;
    let piece = open.get(b);
    if (piece === undefined) {
      const counts = { groups: 0, rows: 0, mostRows: 0, snapshots: 0, rewritten: 0, mostHops: 0, chains: 1 };
      const place = { line: Math.floor(n / perLine), lane: laneOf(n), first: n, last: n, from: rank, to: rank };
      piece = { ...place, ...counts, isBeginning: seen[b] === 0 };
      open.set(b, piece);
      pieces.push(piece);
      seen[b] = 1;
    }
    piece.last = n;
    piece.to = rank;
    piece.groups++;
    piece.rows += rows[n]!;
    piece.mostRows = Math.max(piece.mostRows, rows[n]!);
    piece.mostHops = Math.max(piece.mostHops, hops[n]!);
    piece.rewritten += graph.isRewritten[n]!;
    if (isSnapshot(graph, graph[stage], n)) piece.snapshots++;
  }
  return pieces;
}

/** Draws neighbours in a lane together where they are too short to be seen apart. */
export function mergePieces(pieces: readonly Piece[], unit: number): Piece[] {
  const lastOf = new Map<number, Piece>();
  const merged: Piece[] = [];
  for (const piece of pieces) {
    const at = piece.line * MAX_LANES + piece.lane;
    const left = lastOf.get(at);
    const isShort = ({ from, to }: Piece) => (to - from + 1) * unit < MIN_BAR;
    const isClose = left !== undefined && (piece.from - left.to) * unit < MIN_BAR;
    if (left !== undefined && isClose && isShort(piece) && (left.chains > 1 || isShort(left))) {
      left.last = Math.max(left.last, piece.last);
      left.to = Math.max(left.to, piece.to);
      left.mostRows = Math.max(left.mostRows, piece.mostRows);
      left.mostHops = Math.max(left.mostHops, piece.mostHops);
      for (const name of ["groups", "rows", "snapshots", "rewritten", "chains"] as const) left[name] += piece[name];
      continue;
    }
    const own = { ...piece };
    merged.push(own);
    lastOf.set(at, own);
  }
  return merged;
}
