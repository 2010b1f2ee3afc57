/**
 * Groups outside a forest, known by their edges alone: later groups that build on a range, and the rest of the room. They
 * are never rewritten, but their chains grow and shrink with the groups that they build on, so the bound on hops and every
 * reported figure counts them. 16 bytes a group; O(groups × log groups) to build.
 */
import { indexOf, NONE } from "./defects.ts";
import { grown } from "./interner.ts";

/** Groups outside a forest. */
export interface Outside {
  /** How many groups there are. */
  readonly size: number;
  /** groupId[i]: the database id, ascending. */
  readonly groupId: Float64Array;
  /** root[i]: index in the forest of the group at which i's chain enters the forest, or NONE where it never does. */
  readonly root: Int32Array;
  /** hops[i]: edges from i down to root[i], or, where that is NONE, down to its own snapshot. */
  readonly hops: Int32Array;
}

/** No groups. */
export const NOTHING_OUTSIDE: Outside = {
  size: 0,
  groupId: new Float64Array(0),
  root: new Int32Array(0),
  hops: new Int32Array(0),
};

/** Edges of groups outside a forest, in any order. */
export class OutsideBuilder {
  #size = 0;
  #groupId: Float64Array<ArrayBuffer> = new Float64Array(64);
  #predecessorId: Float64Array<ArrayBuffer> = new Float64Array(64);

  /** Adds a group, with NaN for a snapshot. A group with two predecessors is added twice. */
  add(groupId: number, predecessorId: number): void {
    if (this.#size === this.#groupId.length) {
      this.#groupId = grown(this.#groupId, this.#size + 1);
      this.#predecessorId = grown(this.#predecessorId, this.#size + 1);
    }
    this.#groupId[this.#size] = groupId;
    this.#predecessorId[this.#size++] = predecessorId;
  }

  /** @param inside the ids of the forest's groups, ascending; an outside group that is among them is left out. */
  finish(inside: Float64Array): Outside {
    if (this.#size === 0) return NOTHING_OUTSIDE;
    const [groupId, predecessorId] = [this.#groupId, this.#predecessorId];
    const order = Int32Array.from({ length: this.#size }, (_, i) => i).sort((a, b) => groupId[a]! - groupId[b]!);
    const ids = new Float64Array(this.#size);
    const root = new Int32Array(this.#size);
    const hops = new Int32Array(this.#size);
    let size = 0;
    for (const edge of order) {
      const id = groupId[edge]!;
      if (indexOf(inside, id) !== NONE) continue;
      const under = predecessorId[edge]!;
      const at = indexOf(inside, under);
      // Broken data may have a predecessor that is missing or has a bigger id: the chain ends there, as it does inside.
      const below = at === NONE && under < id ? indexOf(ids.subarray(0, size), under) : NONE;
      const [entry, edges] = at !== NONE ? [at, 1] : below === NONE ? [NONE, 0] : [root[below]!, hops[below]! + 1];
      const isNew = size === 0 || ids[size - 1] !== id;
      // Of two predecessors the longer chain counts.
      if (!isNew && edges <= hops[size - 1]!) continue;
      const i = isNew ? size++ : size - 1;
      ids[i] = id;
      root[i] = entry;
      hops[i] = edges;
    }
    return { size, groupId: ids.slice(0, size), root: root.slice(0, size), hops: hops.slice(0, size) };
  }
}

/** heights[g]: the most hops that groups outside the forest need on top of g. */
export function heightsAbove({ size, root, hops }: Outside, groups: number): Int32Array<ArrayBuffer> {
  const heights = new Int32Array(groups);
  for (let i = 0; i < size; i++) {
    const g = root[i]!;
    if (g !== NONE && hops[i]! > heights[g]!) heights[g] = hops[i]!;
  }
  return heights;
}

/** hops[i]: edges from outside group i down to its snapshot, where the forest's groups have `inside[g]`. */
export function countHopsOutside({ size, root, hops }: Outside, inside: Int32Array): Int32Array<ArrayBuffer> {
  const total = new Int32Array(size);
  for (let i = 0; i < size; i++) total[i] = hops[i]! + (root[i] === NONE ? 0 : inside[root[i]!]!);
  return total;
}
