/**
 * Chains that do not change, laid out so that the group a number of hops under another is found without a step for each. A chain is
 * cut into paths, each in one run of a column: at every group the longest chain above it goes on with its path. 12 bytes a group.
 */
import { NONE } from "../forest/forest.ts";

/** The chains of a column of bases, in which each base is smaller than its group. O(groups) to build. */
export class Paths {
  readonly #base: Int32Array;
  /** order[at[g]] is g; the groups of a path stand side by side, the lowest first. */
  readonly #order: Int32Array;
  readonly #at: Int32Array;
  /** bottom[g]: where g's path begins. */
  readonly #bottom: Int32Array;

  constructor(base: Int32Array) {
    const size = base.length;
    this.#base = base;
    this.#at = new Int32Array(size);
    // Until a group's place is known: its longest chain above it, and the group with which that begins.
    const length = this.#bottom = new Int32Array(size);
    const longest = this.#order = new Int32Array(size).fill(NONE);
    for (let g = size - 1; g >= 0; g--) {
      const under = base[g]!;
      if (under === NONE || length[g]! + 1 <= length[under]!) continue;
      length[under] = length[g]! + 1;
      longest[under] = g;
    }
    const isOn = new Uint8Array(size);
    for (let g = 0; g < size; g++) if (longest[g] !== NONE) isOn[longest[g]!] = 1;
    let end = 0;
    for (let g = 0; g < size; g++) {
      const under = base[g]!;
      if (isOn[g] === 1) {
        this.#at[g] = this.#at[under]! + 1;
        this.#bottom[g] = this.#bottom[under]!;
      } else {
        const groups = length[g]! + 1;
        this.#at[g] = this.#bottom[g] = end;
        end += groups;
      }
    }
    for (let g = 0; g < size; g++) this.#order[this.#at[g]!] = g;
  }

  /** The group so many hops under g, or NONE where its chain is shorter. O(paths on the way). */
  under(g: number, hops: number): number {
    let group = g;
    let left = hops;
    while (group !== NONE) {
      const at = this.#at[group]! - left;
      const bottom = this.#bottom[group]!;
      if (at >= bottom) return this.#order[at]!;
      left = bottom - at - 1;
      group = this.#base[this.#order[bottom]!]!;
    }
    return NONE;
  }
}
