/**
 * The order in which rewrites are written, so that no chain is too long in between either. Writing may end after any of
 * them: then some groups stand on their new predecessors and the others on their old ones, and such a mixture can have
 * chains as long as the old and the new ones together.
 *
 * The rule, for going from one forest to another: first, by ascending id, each group that stands deeper than it will in
 * the end; then, by descending id, all others. No group is ever deeper than the deeper of its two places:
 * - In the first pass all groups below the next one are no deeper than they will be. If it is itself deeper than it will be,
 *   its new predecessor is no deeper than it will be, so moving it there brings it, and all that is built on it, up.
 * - After the first pass no group is deeper than it will be. In the second, what is built on the next group is built as it
 *   will be, since all above it is written; and its new predecessor is no deeper than it will be.
 *
 * The room is cut into the shortest runs of ids between which a stop does no harm, and the rule is applied to one run after
 * the other; so a stop finds few groups written that cost rows without those that save them. O(groups + rewrites).
 */
import { countHops, type DeltaForest, NONE } from "../forest/forest.ts";
import { heightsAbove } from "../forest/outside.ts";
import type { Rewrites } from "./compress.ts";

/** An order of writing. */
export interface WriteOrder {
  /** order[n]: which rewrite is the n-th to be written, by its place among the rewrites. */
  readonly order: Int32Array<ArrayBuffer>;
  /**
   * The most hops of all groups that end deeper than they were, those outside the forest included: whatever is written up
   * to anywhere in the order, no group has more hops than this or than it had before.
   */
  readonly maxHops: number;
}

/** Orders rewrites. */
export function orderRewrites(forest: DeltaForest, rewrites: Rewrites): WriteOrder {
  const after = newPredecessors(forest, rewrites);
  const [oldHops, newHops] = [countHops(forest.predecessor), countHops(after)];
  const heights = heightsAbove(forest.outside, forest.size);
  let maxHops = 0;
  for (let g = 0; g < forest.size; g++) {
    if (newHops[g]! > oldHops[g]!) maxHops = Math.max(maxHops, newHops[g]! + heights[g]!);
  }
  /** rewriteOf[g]: its rewrite, or NONE. */
  const rewriteOf = new Int32Array(forest.size).fill(NONE);
  for (let i = 0; i < rewrites.count; i++) rewriteOf[rewrites.group[i]!] = i;
  const isHarmful = findHarmfulCuts(forest, { oldHops, newHops, heights, maxHops });
  const order = new Int32Array(rewrites.count);
  /** hops[g]: as it stands when the first pass of its run has looked at g. */
  const hops = new Int32Array(forest.size);
  let written = 0;
  let waiting: number[] = [];
  for (let g = 0, start = 0; g < forest.size; g++) {
    const old = below(forest.predecessor, hops, g);
    hops[g] = old;
    if (rewriteOf[g] !== NONE) {
      if (old > newHops[g]!) {
        hops[g] = below(after, hops, g);
        order[written++] = rewriteOf[g]!;
      } else {
        waiting.push(rewriteOf[g]!);
      }
    }
    if (isHarmful[g] === 1) continue;
    for (let i = waiting.length - 1; i >= 0; i--) order[written++] = waiting[i]!;
    waiting = [];
    for (; start <= g; start++) hops[start] = newHops[start]!;
  }
  return { order, maxHops };
}

/** predecessor[g]: index of g's predecessor once all is written, or NONE. */
function newPredecessors(forest: DeltaForest, rewrites: Rewrites): Int32Array<ArrayBuffer> {
  const predecessor = forest.predecessor.slice() as Int32Array<ArrayBuffer>;
  for (let i = 0; i < rewrites.count; i++) predecessor[rewrites.group[i]!] = rewrites.predecessor[i]!;
  return predecessor;
}

/** The hops of g on its predecessor; broken data may have one that comes later, which ends a chain as in countHops(). */
function below(predecessor: Int32Array, hops: Int32Array, g: number): number {
  const base = predecessor[g]!;
  return base === NONE || base >= g ? 0 : hops[base]! + 1;
}

/**
 * isHarmful[g]: 1 where a chain would be too long once all rewrites up to g, and none above it, are written: one that leads
 * by an old edge over the cut down to a group that has become deeper.
 */
function findHarmfulCuts(
  { size, predecessor }: DeltaForest,
  { oldHops, newHops, heights, maxHops }: {
    readonly oldHops: Int32Array;
    readonly newHops: Int32Array;
    readonly heights: Int32Array;
    readonly maxHops: number;
  },
): Uint8Array {
  const oldHeights = heights.slice();
  for (let g = size - 1; g >= 0; g--) {
    const base = predecessor[g]!;
    if (base !== NONE && base < g) oldHeights[base] = Math.max(oldHeights[base]!, oldHeights[g]! + 1);
  }
  /** delta[g]: edges that harm from the cut after g on, less those that no longer do. */
  const delta = new Int32Array(size + 1);
  for (let g = 0; g < size; g++) {
    const base = predecessor[g]!;
    if (base === NONE || base >= g || newHops[base]! <= oldHops[base]!) continue;
    if (newHops[base]! + 1 + oldHeights[g]! <= maxHops) continue;
    delta[base]!++;
    delta[g]!--;
  }
  const isHarmful = new Uint8Array(size);
  for (let g = 0, open = 0; g < size; g++) {
    open += delta[g]!;
    isHarmful[g] = open > 0 ? 1 : 0;
  }
  return isHarmful;
}
