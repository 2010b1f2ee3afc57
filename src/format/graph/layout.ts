/**
 * Where the groups of a room are drawn: from left to right by id, a lane for each branch, and like a text in lines where
 * there are many. Knows predecessors alone, of any kind: a cycle is cut where it leads back. O(groups log lanes).
 */
import FlatQueue from "flatqueue";

/** branch[n] of every node, and what each branch is. */
interface Branches {
  readonly count: number;
  /** branch[n]: the branch of node n; numbered by their first nodes. */
  readonly branch: Int32Array;
  /** size[b]: nodes of branch b. */
  readonly size: Int32Array;
}

/**
 * Follows each node's biggest child (by all that builds on it, then by the smaller index) as the same branch; every other
 * child begins a branch, as does a node whose predecessor is not a smaller index.
 *
 * @param predecessor predecessor[n]: a node, or -1
 */
export function findBranches(predecessor: ArrayLike<number>): Branches {
  const nodes = predecessor.length;
  const weight = new Int32Array(nodes).fill(1);
  const heir = new Int32Array(nodes).fill(-1);
  for (let n = nodes - 1; n >= 0; n--) {
    const base = predecessor[n]!;
    if (base < 0 || base >= n) continue;
    weight[base]! += weight[n]!;
    if (heir[base]! < 0 || weight[n]! >= weight[heir[base]!]!) heir[base] = n;
  }
  const branch = new Int32Array(nodes);
  const sizes: number[] = [];
  for (let n = 0; n < nodes; n++) {
    const base = predecessor[n]!;
    if (base >= 0 && base < n && heir[base] === n) branch[n] = branch[base]!;
    else branch[n] = sizes.push(0) - 1;
    sizes[branch[n]!]!++;
  }
  return { count: sizes.length, branch, size: Int32Array.from(sizes) };
}

/** Lanes so that no two branches share one at a time; the lowest free one is taken. */
interface Lanes {
  readonly count: number;
  /** lane[b]: the lane of branch b, or -1 where none of it is shown. */
  readonly lane: Int32Array;
}

/**
 * Gives each branch a lane from its first shown node to its last.
 *
 * @param order the nodes that are shown, ascending
 */
export function assignLanes({ branch, count }: Branches, order: ArrayLike<number>): Lanes {
  const last = new Int32Array(count).fill(-1);
  for (let i = 0; i < order.length; i++) last[branch[order[i]!]!] = i;
  const lane = new Int32Array(count).fill(-1);
  const free = new FlatQueue<number>();
  let lanes = 0;
  for (let i = 0; i < order.length; i++) {
    const b = branch[order[i]!]!;
    if (lane[b]! < 0) lane[b] = free.pop() ?? lanes++;
    if (last[b] === i) free.push(lane[b]!, lane[b]!);
  }
  return { count: lanes, lane };
}

/** Where each node is drawn, in units of one. */
interface Layout {
  readonly branches: Branches;
  /** column[n] and row[n] from the upper left; -1 where n is not shown. */
  readonly column: Int32Array;
  readonly row: Int32Array;
  readonly columns: number;
  readonly rows: number;
}

/** Options of layOut(). */
interface LayoutOptions {
  /** isShown[n]: 1 for a node to be drawn. @default all are */
  readonly isShown?: Uint8Array | undefined;
}

/** Up to this many nodes are drawn in one line. */
const ONE_LINE = 240;
/** Width over height of what is drawn in several lines. */
const SHAPE = 1.6;

/** Lays out a forest. */
export function layOut(predecessor: ArrayLike<number>, options: LayoutOptions = {}): Layout {
  const nodes = predecessor.length;
  const { isShown } = options;
  const order: number[] = [];
  for (let n = 0; n < nodes; n++) if (isShown === undefined || isShown[n] === 1) order.push(n);
  const branches = findBranches(predecessor);
  const { lane } = assignLanes(branches, order);
  const laneOf = (i: number) => lane[branches.branch[order[i]!]!]!;

  let columns = order.length;
  if (columns > ONE_LINE) {
    let sum = 0;
    for (let i = 0; i < order.length; i++) sum += laneOf(i);
    // A line is about twice as high as its mean lane, and has a gap under it.
    const height = 2 * sum / order.length + 3;
    columns = Math.max(ONE_LINE, Math.ceil(Math.sqrt(SHAPE * order.length * height)));
  }
  const column = new Int32Array(nodes).fill(-1);
  const row = new Int32Array(nodes).fill(-1);
  let top = 0;
  for (let from = 0; from < order.length; from += columns) {
    const to = Math.min(order.length, from + columns);
    let height = 0;
    for (let i = from; i < to; i++) {
      column[order[i]!] = i - from;
      row[order[i]!] = top + laneOf(i);
      height = Math.max(height, laneOf(i) + 1);
    }
    top += height + 2;
  }
  return { branches, column, row, columns: Math.min(columns, order.length), rows: Math.max(0, top - 2) };
}
