/**
 * Compression around state groups that are to go because no event uses them: the groups that stay are hung on groups that
 * stay. The forest without the unused groups is compressed like any other; an unused group on which several used ones
 * build may stay where it holds rows that each of them would need again. Then nothing that stays builds on anything that
 * goes. O(differences of the states compared), and two or three compressions.
 */
import { compress, type Compression } from "./compress.ts";
import type { CompressOptions } from "./plan.ts";
import { type DeltaForest, isRewritable, NONE } from "../forest/forest.ts";
import { NOTHING_OUTSIDE } from "../forest/outside.ts";
import { EMPTY_STATE, type StateStore } from "../forest/states.ts";

/** A compression around groups that go. Its columns are those of the whole forest; what goes stays as it stands. */
export interface AroundCompression extends Compression {
  /** goes[g]: 1 where g can be deleted once the rewrites are written: nothing that stays builds on it then. */
  readonly goes: Uint8Array;
  /** Rows of the groups that go, as they stand. */
  readonly rowsGone: number;
}

/**
 * Compresses a whole room around its unused groups.
 *
 * `rowsAfter` counts the groups that stay, and is never above `rowsBefore`, which counts all.
 *
 * @param isUnused isUnused[g]: 1 where g may go
 */
export function compressAround(
  forest: DeltaForest,
  isUnused: Uint8Array,
  options: CompressOptions = {},
): AroundCompression {
  const most = findRemovable(forest, isUnused);
  // As many as can go, as long as that does not cost rows; then without the dear ones; then those that cost nothing.
  for (const goes of [most, keepHubs(forest, most)]) {
    const plan = tryWithout(forest, goes, options);
    if (plan.rowsAfter <= forest.totalRows) return plan;
  }
  const leaves = keepAllButLeaves(forest, most);
  const plan = tryWithout(forest, leaves, options);
  return plan.rowsAfter <= forest.totalRows ? plan : leaveAsItIs(forest, leaves, plan);
}

/** The unused groups that may go at all: not those under a group that cannot be hung elsewhere. */
function findRemovable(forest: DeltaForest, isUnused: Uint8Array): Uint8Array {
  const goes = new Uint8Array(forest.size);
  for (let g = 0; g < forest.size; g++) goes[g] = isUnused[g] === 1 && isRewritable(forest, g) ? 1 : 0;
  for (let g = 0; g < forest.size; g++) {
    const base = forest.predecessor[g]!;
    // What Synapse has marked goes before what is marked now.
    if (base !== NONE && !isRewritable(forest, g) && forest.isPending[g] === 0) goes[base] = 0;
  }
  const { root } = forest.outside;
  for (const g of root) if (g !== NONE) goes[g] = 0;
  return goes;
}

/** Without those that hold, once, what each of several groups above would hold otherwise. */
function keepHubs(forest: DeltaForest, most: Uint8Array): Uint8Array {
  const { states, state, predecessor, rowCount } = forest;
  const goes = most.slice();
  // above[g]: the groups that would build on g, were those between them gone; of unused groups only.
  const above = new Map<number, number[]>();
  const hang = (g: number, base: number) => {
    if (base === NONE || goes[base] === 0) return;
    const others = above.get(base);
    if (others === undefined) above.set(base, [g]);
    else others.push(g);
  };
  for (let g = forest.size - 1; g >= 0; g--) {
    const base = predecessor[g]!;
    if (goes[g] === 0) {
      hang(g, base);
      continue;
    }
    const children = above.get(g) ?? [];
    above.delete(g);
    let growth = 0;
    for (const child of children) growth += rowsOn(states, state, base, child) - rowsOn(states, state, g, child);
    if (children.length > 1 && growth > rowCount[g]!) {
      goes[g] = 0;
      hang(g, base);
    } else {
      for (const child of children) hang(child, base);
    }
  }
  return goes;
}

/** Only unused groups on which nothing builds but unused groups: they go without any rewrite. */
function keepAllButLeaves(forest: DeltaForest, most: Uint8Array): Uint8Array {
  const goes = most.slice();
  for (let g = forest.size - 1; g >= 0; g--) {
    const base = forest.predecessor[g]!;
    if (base !== NONE && base < g && goes[g] === 0 && forest.isPending[g] === 0) goes[base] = 0;
  }
  return goes;
}

/** The rows of g as a delta on `base`, which is among the groups that it builds on, or as a snapshot. */
function rowsOn(states: StateStore, state: Int32Array, base: number, g: number): number {
  return base === NONE ? states.keyCount(state[g]!) : states.deltaSize(state[base]!, state[g]!);
}

/** Compresses the groups that stay, and puts the plan back into the columns of the whole forest. */
function tryWithout(forest: DeltaForest, goes: Uint8Array, options: CompressOptions): AroundCompression {
  const { forest: rest, group } = contract(forest, goes);
  const { heights } = options;
  const inner = compress(rest, { ...options, heights: heights && group.map((g) => heights[g]!) });
  const predecessor = forest.predecessor.slice();
  const rowCount = forest.rowCount.slice();
  let groupsChanged = 0;
  for (let i = 0; i < group.length; i++) {
    const g = group[i]!;
    if (!isRewritable(forest, g)) continue;
    const base = inner.predecessor[i]!;
    predecessor[g] = base === NONE ? NONE : group[base]!;
    rowCount[g] = inner.rowCount[i]!;
    if (predecessor[g] !== forest.predecessor[g] || rowCount[g] !== forest.rowCount[g]) groupsChanged++;
  }
  return {
    ...inner,
    forest,
    predecessor,
    rowCount,
    groupsChanged,
    rowsBefore: forest.totalRows,
    goes,
    rowsGone: forest.totalRows - sumOf(forest.rowCount, group),
  };
}

function leaveAsItIs(forest: DeltaForest, goes: Uint8Array, like: AroundCompression): AroundCompression {
  const gone = forest.rowCount.reduce((sum, rows, g) => sum + (goes[g] === 1 ? rows : 0), 0);
  return {
    ...like,
    predecessor: forest.predecessor,
    rowCount: forest.rowCount,
    resets: 0,
    resetRows: 0,
    groupsChanged: 0,
    goes,
    rowsGone: gone,
    rowsAfter: forest.totalRows - gone,
  };
}

function sumOf(column: Int32Array, groups: Int32Array): number {
  return groups.reduce((sum, g) => sum + column[g]!, 0);
}

/** The forest without the groups that go: each group on the nearest under it that stays. group[i] is i's index before. */
function contract(forest: DeltaForest, goes: Uint8Array): { forest: DeltaForest; group: Int32Array<ArrayBuffer> } {
  const { states } = forest;
  const index = new Int32Array(forest.size);
  const group = new Int32Array(goes.reduce((sum, flag) => sum + 1 - flag, 0));
  const predecessor = new Int32Array(group.length);
  const rowCount = new Int32Array(group.length);
  // nearest[g]: g itself or the nearest group under it that stays.
  const nearest = new Int32Array(forest.size);
  let size = 0;
  let totalRows = 0;
  for (let g = 0; g < forest.size; g++) {
    const base = forest.predecessor[g]!;
    // Broken data may build on a later group: such a group is left out and stays on it, wherever it is.
    const under = base === NONE || base > g ? NONE : nearest[base]!;
    if (goes[g] === 1) {
      // A group that Synapse has marked is no new base for what builds on g.
      let carrier = under;
      while (carrier !== NONE && forest.isPending[carrier] === 1) {
        const below = forest.predecessor[carrier]!;
        carrier = below === NONE || below > carrier ? NONE : nearest[below]!;
      }
      nearest[g] = carrier;
      continue;
    }
    nearest[g] = g;
    index[g] = size;
    group[size] = g;
    // A group that Synapse has marked stays as it stands: it goes first.
    const isMoved = base !== NONE && base < g && under !== base && isRewritable(forest, g);
    predecessor[size] = under === NONE ? NONE : index[under]!;
    rowCount[size] = isMoved ? rowsOn(states, forest.state, under, g) : forest.rowCount[g]!;
    totalRows += rowCount[size++]!;
  }
  const pick = <T extends Uint8Array | Int32Array | Float64Array>(column: T): T => {
    const picked = column.slice(0, size) as T;
    for (let i = 0; i < size; i++) picked[i] = column[group[i]!]!;
    return picked;
  };
  return {
    group,
    forest: {
      ...forest,
      size,
      groupId: pick(forest.groupId),
      predecessor,
      rowCount,
      totalRows,
      isContext: pick(forest.isContext),
      isPending: pick(forest.isPending),
      isLeftOut: pick(forest.isLeftOut),
      state: pick(forest.state),
      outside: NOTHING_OUTSIDE,
      forEachRow(i, visit) {
        const g = group[i]!;
        if (forest.isLeftOut[g] === 1) return;
        const base = predecessor[i]!;
        if (base !== NONE && group[base] === forest.predecessor[g]) return forest.forEachRow(g, visit);
        states.forEachChange(base === NONE ? EMPTY_STATE : forest.state[group[base]!]!, forest.state[g]!, visit);
      },
      indexOf(id) {
        const g = forest.indexOf(id);
        return g === NONE || goes[g] === 1 ? NONE : index[g]!;
      },
    },
  };
}
