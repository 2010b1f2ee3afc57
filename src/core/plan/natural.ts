/**
 * Natural bases: for every group the earlier one whose delta is smallest, of its present predecessor and of those near it:
 * the recent tips of branches, the groups just before it, and, where these have a key too many, the nearest group under
 * them that has not. Knows no hop bound; what it finds is the floor of what any bound can reach. A search costs the
 * differences between states, cut off at the best found so far.
 */
import { type DeltaForest, isRewritable, mayBeBase, NONE } from "../forest/forest.ts";
import { NO_FIT } from "../forest/states.ts";
import { type OnStep, STEP_MASK } from "./plan.ts";

/** The nearest base of every group. */
export interface NaturalBases {
  /** base[g]: index of g's natural base, or NONE. */
  readonly base: Int32Array;
  /** rows[g]: the rows of g's delta on it; of a snapshot where there is none. */
  readonly rows: Int32Array;
  /** The sum of rows: the fewest rows with these bases and no bound on hops. */
  readonly floor: number;
}

/** How many branches' tips are kept at hand. */
const TIPS = 64;
/** How many of the groups just before a group are tried. */
const NEIGHBOURS = 8;
/** Under how many groups that have a key too many a base is looked for: the nearest ones. */
const MISFITS = 6;
/** A delta of so few rows is not worth a search for a smaller one. */
export const CHEAP_ROWS = 1;

/** Finds the natural base of every group that may be rewritten; others keep their predecessor. */
export function findNaturalBases(forest: DeltaForest, onStep?: OnStep): NaturalBases {
  const { size, states, state, predecessor } = forest;
  const base = new Int32Array(size);
  const rows = new Int32Array(size);
  const ancestry = new Ancestry(size);
  const tips = new RecentTips();
  const misfits = new Nearest();
  let floor = 0;
  for (let g = 0; g < size; g++) {
    if ((g & STEP_MASK) === 0) onStep?.("comparing", g / size);
    const old = predecessor[g]!;
    let best = old;
    let bestRows = forest.rowCount[g]!;
    if (isRewritable(forest, g)) {
      const snapshotRows = states.keyCount(state[g]!);
      if (old !== NONE) bestRows = states.deltaSize(state[old]!, state[g]!);
      if (bestRows > CHEAP_ROWS) {
        const consider = (candidate: number) => {
          if (!mayBeBase(forest, candidate)) return;
          const rows = states.deltaSize(state[candidate]!, state[g]!, bestRows);
          if (rows === NO_FIT) misfits.add(candidate, states.distance(state[candidate]!, state[g]!, misfits.limit));
          else if (rows < bestRows) [best, bestRows] = [candidate, rows];
        };
        misfits.clear();
        for (let i = tips.count - 1; i >= 0 && bestRows > CHEAP_ROWS; i--) consider(tips.group[i]!);
        for (let near = g - 1; near >= 0 && near >= g - NEIGHBOURS && bestRows > CHEAP_ROWS; near--) consider(near);
        const fits = (group: number) =>
          forest.isPending[group] === 0 && states.deltaSize(state[group]!, state[g]!) !== NO_FIT;
        for (let i = 0; i < misfits.count && bestRows > CHEAP_ROWS; i++) {
          const candidate = ancestry.nearest(misfits.group[i]!, fits);
          const rows = candidate === NONE ? NO_FIT : states.deltaSize(state[candidate]!, state[g]!, bestRows);
          if (rows !== NO_FIT && rows < bestRows) [best, bestRows] = [candidate, rows];
        }
      }
      if (best === NONE || snapshotRows < bestRows) {
        best = NONE;
        bestRows = snapshotRows;
      }
    } else if (best > g) {
      best = NONE;
    }
    base[g] = best;
    rows[g] = bestRows;
    floor += bestRows;
    ancestry.add(g, best);
    if (forest.isLeftOut[g] === 0) tips.add(g, best);
  }
  return { base, rows, floor };
}

/** The few groups nearest to a state, of those whose base would need a key less. Under them a base that fits is looked for. */
class Nearest {
  readonly group = new Int32Array(MISFITS + 1);
  readonly #distance = new Float64Array(MISFITS + 1);
  count = 0;

  /** What is further away than this is not among them. */
  get limit(): number {
    return this.count < MISFITS ? Infinity : this.#distance[MISFITS - 1]!;
  }

  clear(): void {
    this.count = 0;
  }

  add(group: number, distance: number): void {
    if (distance >= this.limit) return;
    let at = this.count;
    for (; at > 0 && this.#distance[at - 1]! > distance; at--) {
      this.group[at] = this.group[at - 1]!;
      this.#distance[at] = this.#distance[at - 1]!;
    }
    this.group[at] = group;
    this.#distance[at] = distance;
    this.count = Math.min(this.count + 1, MISFITS);
  }
}

/** The tips of the branches grown last, oldest first. */
class RecentTips {
  readonly group = new Int32Array(TIPS + 1);
  count = 0;

  /** `group` grows on `base`: it is the tip of that branch from now on. */
  add(group: number, base: number): void {
    const tips = this.group;
    let at = this.count - 1;
    while (at >= 0 && tips[at] !== base) at--;
    if (at >= 0) {
      tips.copyWithin(at, at + 1, this.count);
      this.count--;
    }
    tips[this.count++] = group;
    if (this.count > TIPS) {
      tips.copyWithin(0, 1, this.count);
      this.count--;
    }
  }
}

/**
 * Chains with a jump pointer a group, so that the nearest group under one with some property, which all below it share, is
 * found in O(log hops) looks (Myers, "An applicative random-access stack", 1983).
 */
class Ancestry {
  readonly #base: Int32Array;
  readonly #jump: Int32Array;
  readonly #hops: Int32Array;

  constructor(size: number) {
    this.#base = new Int32Array(size);
    this.#jump = new Int32Array(size);
    this.#hops = new Int32Array(size);
  }

  add(group: number, base: number): void {
    this.#base[group] = base;
    if (base === NONE) {
      this.#jump[group] = NONE;
      return;
    }
    this.#hops[group] = this.#hops[base]! + 1;
    const jump = this.#jump[base]!;
    const over = jump === NONE ? NONE : this.#jump[jump]!;
    const even = jump !== NONE && over !== NONE &&
      this.#hops[base]! - this.#hops[jump]! === this.#hops[jump]! - this.#hops[over]!;
    this.#jump[group] = even ? over : base;
  }

  /** The nearest group under `group` that has the property, or NONE. */
  nearest(group: number, has: (group: number) => boolean): number {
    let at = this.#base[group]!;
    while (at !== NONE && !has(at)) {
      const jump = this.#jump[at]!;
      at = jump !== NONE && jump !== this.#base[at] && !has(jump) ? this.#base[jump]! : this.#base[at]!;
    }
    return at;
  }
}
