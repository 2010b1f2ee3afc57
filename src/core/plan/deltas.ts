/**
 * Sizes of deltas, remembered: searches from several starts and at several rates ask for the same ones again and again. A table
 * of fixed size, in which a newer size takes an older one's place; what it answers is what the states answer.
 */
import { NO_FIT, type StateStore } from "../forest/states.ts";

/** The most sizes remembered: 4 MiB of them, in a room of 16,384 groups or more. */
const MAX_SIZES = 1 << 18;
/** How many are remembered for each group, while these are few. */
const SIZES_A_GROUP = 16;
/** Entries of four words: base, state, size, and for which limits that is the answer. */
const WORDS = 4;
/** That it is the answer to any limit. */
const EXACT = -1;
/** That counting ended at this size: the answer to any smaller limit. */
const ENDED = -2;
const MAX_LIMIT = 2 ** 31 - 1;

/** The sizes of deltas between the states of one store. */
export class DeltaSizes {
  readonly #states: StateStore;
  readonly #table: Int32Array;
  readonly #mask: number;

  /** @param groups how many groups' states will be compared */
  constructor(states: StateStore, groups: number) {
    this.#states = states;
    let sizes = 1 << 6;
    while (sizes < MAX_SIZES && sizes < groups * SIZES_A_GROUP) sizes *= 2;
    this.#table = new Int32Array(sizes * WORDS);
    this.#mask = sizes - 1;
  }

  /**
   * How many rows a delta from `base` to `state` has, or NO_FIT where the base has a key too many. Beyond `limit`: some number above
   * it, or NO_FIT, whichever the states find first.
   */
  size(base: number, state: number, limit: number): number {
    if (base === state) return 0;
    const table = this.#table;
    const at = ((Math.imul(base, 0x9e3779b1) ^ Math.imul(state, 0x85ebca6b)) >>> 7 & this.#mask) * WORDS;
    // Sizes are whole.
    const most = limit < MAX_LIMIT ? Math.floor(limit) : MAX_LIMIT;
    if (table[at] === base && table[at + 1] === state) {
      const size = table[at + 2]!;
      const answers = table[at + 3]!;
      // Less than the limit by which a key too many was found would have ended the count before that.
      if (answers === EXACT || (answers === ENDED ? most < size : most >= answers)) return size;
    }
    const size = this.#states.deltaSize(base, state, most);
    table[at] = base;
    table[at + 1] = state;
    table[at + 2] = size;
    table[at + 3] = size === NO_FIT ? most : size > most ? ENDED : EXACT;
    return size;
  }
}
