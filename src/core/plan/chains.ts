/**
 * A room's chains as they stand while its rewrites are written: which of them already are, which never will be since
 * Synapse was faster, and what it has built meanwhile. Says of each further rewrite whether it may be written, so that the
 * bound on hops holds whatever was left out before it. Costs the chain under a group and the groups above it.
 */
import { indexOf, NONE } from "../forest/defects.ts";
import { countHops, type DeltaForest } from "../forest/forest.ts";
import { heightsAbove } from "../forest/outside.ts";
import type { Rewrites } from "./compress.ts";

/** Where a group outside the forest stands. */
interface Place {
  readonly root: number;
  readonly hops: number;
}

/** Chains that change. */
export class StandingChains {
  readonly #forest: DeltaForest;
  readonly #rewrites: Rewrites;
  readonly #maxHops: number;
  /** Each group's predecessor now, its first child, and its neighbours among the children of its predecessor; or NONE. */
  readonly #predecessor: Int32Array<ArrayBuffer>;
  readonly #child: Int32Array<ArrayBuffer>;
  readonly #next: Int32Array<ArrayBuffer>;
  readonly #previous: Int32Array<ArrayBuffer>;
  /** before[g]: hops that g had before anything was written. */
  readonly #before: Int32Array;
  /** heights[g]: hops that groups outside the forest need above g. */
  readonly #heights: Int32Array<ArrayBuffer>;
  /** New groups, by id. */
  readonly #added = new Map<number, Place>();
  /** Moves that may be taken back: the group, then the predecessor that it had. */
  readonly #moves: [group: number, predecessor: number][] = [];

  /** @param maxHops that of orderRewrites() */
  constructor(forest: DeltaForest, rewrites: Rewrites, maxHops: number) {
    this.#forest = forest;
    this.#rewrites = rewrites;
    this.#maxHops = maxHops;
    const column = () => new Int32Array(forest.size).fill(NONE);
    [this.#predecessor, this.#child, this.#next, this.#previous] = [column(), column(), column(), column()];
    this.#before = countHops(forest.predecessor);
    this.#heights = heightsAbove(forest.outside, forest.size);
    // Broken data may have a predecessor that comes later: the chain ends there.
    for (let g = 0; g < forest.size; g++) if (forest.predecessor[g]! < g) this.#hang(g, forest.predecessor[g]!);
  }

  /**
   * Moves a rewrite's group, unless a group would then have more hops than the bound and than it had in the beginning.
   *
   * @param index its place among the rewrites
   * @returns whether it was moved
   */
  move(index: number): boolean {
    const group = this.#rewrites.group[index]!;
    const base = this.#rewrites.predecessor[index]!;
    const hops = base === NONE ? 0 : this.#hops(base) + 1;
    if (hops > this.#hops(group) && !this.#fits(group, hops)) return false;
    this.#put(group, base);
    return true;
  }

  /** The hops of the deepest group on a rewrite's group once that is moved, or 0 where it gets no deeper. */
  reach(index: number): number {
    const group = this.#rewrites.group[index]!;
    const base = this.#rewrites.predecessor[index]!;
    const hops = base === NONE ? 0 : this.#hops(base) + 1;
    let most = 0;
    if (hops > this.#hops(group)) {
      this.#walk(group, hops, (g, hops) => (most = Math.max(most, hops + this.#heights[g]!), true));
    }
    return most;
  }

  /** Moves a rewrite's group that is found to stand as wanted. */
  accept(index: number): void {
    this.#put(this.#rewrites.group[index]!, this.#rewrites.predecessor[index]!);
  }

  /** What was moved so far is committed. */
  keep(): void {
    this.#moves.length = 0;
  }

  /** What was moved since the last keep() is undone. */
  undo(): void {
    for (let move; (move = this.#moves.pop()) !== undefined;) {
      this.#unhang(move[0]);
      this.#hang(...move);
    }
  }

  /** Notes a group that was stored since the forest was loaded, after those that it builds on. */
  add(groupId: number, predecessorId: number): void {
    const { outside } = this.#forest;
    const inside = this.#forest.indexOf(predecessorId);
    let place = this.#added.get(predecessorId);
    if (inside !== NONE) {
      place = { root: inside, hops: 0 };
    } else if (place === undefined) {
      const i = indexOf(outside.groupId, predecessorId);
      if (i === NONE || outside.root[i] === NONE) return;
      place = { root: outside.root[i]!, hops: outside.hops[i]! };
    }
    const { root, hops } = place;
    this.#added.set(groupId, { root, hops: hops + 1 });
    this.#heights[root] = Math.max(this.#heights[root]!, hops + 1);
  }

  #hops(group: number): number {
    let hops = 0;
    for (let g = this.#predecessor[group]!; g !== NONE; g = this.#predecessor[g]!) hops++;
    return hops;
  }

  /** Whether a group and all that is built on it may be where the group has so many hops. */
  #fits(group: number, hops: number): boolean {
    return this.#walk(group, hops, (g, hops) => hops <= this.#before[g]! || hops + this.#heights[g]! <= this.#maxHops);
  }

  /** Visits a group and all that is built on it, with its hops where the group has `hops`; ends at a visit that is false. */
  #walk(group: number, hops: number, visit: (g: number, hops: number) => boolean): boolean {
    for (let g = group, depth = hops;;) {
      if (!visit(g, depth)) return false;
      if (this.#child[g] !== NONE) {
        g = this.#child[g]!;
        depth++;
        continue;
      }
      while (g !== group && this.#next[g] === NONE) {
        g = this.#predecessor[g]!;
        depth--;
      }
      if (g === group) return true;
      g = this.#next[g]!;
    }
  }

  #put(group: number, base: number): void {
    if (base === this.#predecessor[group]) return;
    this.#moves.push([group, this.#predecessor[group]!]);
    this.#unhang(group);
    this.#hang(group, base);
  }

  #hang(group: number, base: number): void {
    this.#predecessor[group] = base;
    if (base === NONE) return;
    const next = this.#child[base]!;
    this.#next[group] = next;
    this.#previous[group] = NONE;
    if (next !== NONE) this.#previous[next] = group;
    this.#child[base] = group;
  }

  #unhang(group: number): void {
    const base = this.#predecessor[group]!;
    if (base === NONE) return;
    const [previous, next] = [this.#previous[group]!, this.#next[group]!];
    if (previous === NONE) this.#child[base] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#previous[group] = this.#next[group] = NONE;
  }
}
