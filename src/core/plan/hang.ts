/**
 * Our rule for bases: levels carried along each branch. First every group is given its natural base, the nearest earlier
 * state that it can build on, with no regard to hops: together they need the fewest rows there can be (the floor). Then the
 * hop bound is kept by re-hanging a group, where its branch has used the bound up, on the branch's own last head of a
 * higher level. Several splits of the bound into levels are tried and the best kept.
 * O(groups × splits) plus the differences of the states compared.
 */
import { type DeltaForest, isRewritable, NONE } from "../forest/forest.ts";
import type { NaturalBases } from "./natural.ts";
import { type CompressOptions, STEP_MASK } from "./plan.ts";
import { NO_FIT } from "../forest/states.ts";

/**
 * How a hop bound is shared out. limits[i]: the most hops that a group put on level i may have, lowest level first; so the
 * first is the bound itself. A branch that needs few heads leaves their hops to the runs under them.
 */
export type Split = readonly number[];

/**
 * Synapse stores a snapshot where a group's predecessor has 100 groups on its chain (MAX_STATE_DELTA_HOPS): its own chains have
 * at most 99 edges.
 */
export const SYNAPSE_HOPS = 99;
/** A room of so few groups takes next to no time: more is tried. */
export const FEW_GROUPS = 20_000;
/** Below this bound more levels than four are tried: the shorter the runs, the more levels it takes to keep heads cheap. */
const FEW_HOPS = 80;
const MAX_LEVELS = 8;
/** How the hops are shared out among many levels: evenly, or more to the lower ones. */
const LEANS = [1, 1.5, 2];

/** A forest hung under a split. Columns are reused between tries. */
export interface Hanging {
  readonly predecessor: Int32Array<ArrayBuffer>;
  readonly rowCount: Int32Array<ArrayBuffer>;
  readonly hops: Int32Array<ArrayBuffer>;
  /** level[g]: the level on which g was put. */
  readonly level: Uint8Array<ArrayBuffer>;
  total: number;
}

/** What hang() has to heed beside the bound. */
export interface HangLimits extends Pick<CompressOptions, "standing" | "heights" | "onStep"> {
  /** mostHops[g]: the most hops that g may have, where that is less than the bound. @default the bound */
  readonly mostHops?: Int32Array | undefined;
}

/** A forest hung under the bound: the plan before any group is moved by a search. */
export interface Hung {
  readonly hanging: Hanging;
  readonly split: Split;
}

/**
 * Hangs a forest under a bound: under the split that needs the fewest rows, or under the one given.
 */
export function hang(
  forest: DeltaForest,
  natural: NaturalBases,
  maxHops: number,
  limits: HangLimits = {},
  split?: Split,
): Hung {
  const reserve = reserveHops(forest, maxHops, limits);
  const workspace = new Workspace(forest, natural, limits, reserve);
  const best = split ?? workspace.search(maxHops);
  const hanging = workspace.hang(best);
  settle(forest, natural, hanging, maxHops, limits.heights, reserve);
  return { hanging, split: best };
}

/** reserve[g]: hops that must stay free above g: for groups outside the forest, or for those that Synapse will build on it. */
export function reserveHops(forest: DeltaForest, maxHops: number, limits: HangLimits): Int32Array<ArrayBuffer> {
  const { heights, mostHops } = limits;
  const reserve = heights === undefined ? new Int32Array(forest.size) : Int32Array.from(heights);
  if (mostHops === undefined) return reserve;
  for (let g = 0; g < forest.size; g++) {
    if (isRewritable(forest, g)) reserve[g] = Math.max(reserve[g]!, maxHops - mostHops[g]!);
  }
  return reserve;
}

/** Hangs a forest under one split after another, in the same columns. */
class Workspace {
  readonly #forest: DeltaForest;
  readonly #natural: NaturalBases;
  readonly #movable: Uint8Array;
  readonly #standing: Uint8Array | undefined;
  readonly #onStep: HangLimits["onStep"];
  /** reserve[g]: hops that groups which must not move need above g. */
  readonly #reserve: Int32Array;
  /** need[g]: hops that all groups above g need, as far as they stay on their natural bases. */
  readonly #need: Int32Array;
  readonly #hanging: Hanging;
  /** heads[i][g]: the nearest of g and the groups under it that was put on level i or higher. */
  readonly #heads: Int32Array<ArrayBuffer>[] = [];

  constructor(
    forest: DeltaForest,
    natural: NaturalBases,
    { standing, heights, onStep }: HangLimits,
    reserve: Int32Array,
  ) {
    this.#forest = forest;
    this.#onStep = onStep;
    this.#standing = standing;
    this.#natural = natural;
    this.#movable = new Uint8Array(forest.size);
    for (let g = 0; g < forest.size; g++) this.#movable[g] = isRewritable(forest, g) ? 1 : 0;
    this.#reserve = Int32Array.from(reserve);
    for (let g = forest.size - 1; g >= 0; g--) {
      const base = forest.predecessor[g]!;
      if (this.#movable[g] === 1 || base === NONE || base > g) continue;
      this.#reserve[base] = Math.max(this.#reserve[base]!, this.#reserve[g]! + 1);
    }
    this.#need = this.#reserve.map((hops, g) => Math.max(hops, openNeed(heights, g)));
    raiseHeights(this.#need, natural.base);
    const column = () => new Int32Array(forest.size);
    this.#hanging = {
      predecessor: column(),
      rowCount: column(),
      hops: column(),
      level: new Uint8Array(forest.size),
      total: 0,
    };
  }

  /** The split of the bound that needs the fewest rows, of those tried: a coarse grid, then steps around the best. */
  search(maxHops: number): Split {
    const at = (part: number) => Math.max(1, Math.round(maxHops * part));
    const fewHops = this.#forest.size <= FEW_GROUPS ? SYNAPSE_HOPS : FEW_HOPS;
    const tried = new Map<string, number>();
    const rows = (split: Split) => {
      const name = split.join();
      let total = tried.get(name);
      if (total === undefined) tried.set(name, total = this.hang(split).total);
      return total;
    };
    let best: Split = [maxHops];
    const consider = (split: Split) => {
      const falls = split.every((limit, i) => limit >= 1 && (i === 0 || limit < split[i - 1]!));
      if (falls && rows(split) < rows(best)) best = split;
    };
    consider([maxHops, at(0.2)]);
    consider([maxHops, at(0.45)]);
    for (const [second, third] of [[0.3, 0.1], [0.45, 0.15], [0.6, 0.25]]) consider([maxHops, at(second!), at(third!)]);
    consider([maxHops, at(0.6), at(0.3), at(0.1)]);
    for (let levels = 4; levels <= MAX_LEVELS && maxHops < fewHops; levels++) {
      const rowsBefore = rows(best);
      for (const lean of LEANS) {
        consider(Array.from({ length: levels }, (_, i) => Math.round(maxHops * (1 - i / levels) ** lean)));
      }
      if (levels > best.length + 1 && rows(best) === rowsBefore) break;
    }
    for (let step = at(0.08); step >= 1 && best.length > 1; step = Math.floor(step / 2)) {
      for (let level = 1; level < best.length; level++) {
        for (const by of [step, -step]) consider(best.map((limit, i) => i === level ? limit + by : limit));
      }
    }
    return best;
  }

  /** Hangs every group: on its natural base while the bound allows, else on the lowest head that does, else on none. */
  hang(limits: Split): Hanging {
    const { states, state, predecessor: before, rowCount: rowsBefore } = this.#forest;
    const { predecessor, rowCount, hops, level: put } = this.#hanging;
    const levels = limits.length;
    while (this.#heads.length < levels) this.#heads.push(new Int32Array(this.#forest.size));
    const heads = this.#heads;
    let total = 0;
    for (let g = 0; g < predecessor.length; g++) {
      if ((g & STEP_MASK) === 0) this.#onStep?.("arranging", undefined);
      let base = NONE;
      let level = levels;
      let rows: number;
      if (this.#movable[g] === 0) {
        base = before[g]! < g ? before[g]! : NONE;
        if (base !== NONE) level = this.#standingLevel(g, hops[base]! + 1, limits);
        rows = rowsBefore[g]!;
        predecessor[g] = before[g]!;
      } else {
        rows = states.keyCount(state[g]!);
        const natural = this.#natural.base[g]!;
        let head = NONE;
        if (natural !== NONE && hops[natural]! + 1 + this.#reserve[g]! > limits[0]!) {
          const near = nearestWithRoom(this.#forest, this.#natural.base, hops, {
            from: natural,
            room: limits[0]! - 1 - this.#need[g]!,
          });
          const size = near === NONE ? NO_FIT : states.deltaSize(state[near]!, state[g]!, rows);
          if (size !== NO_FIT && size < rows) {
            base = near;
            rows = size;
            level = 0;
          }
        }
        for (let i = 0; i < levels && natural !== NONE; i++) {
          const next = i === 0 ? natural : heads[i]![natural]!;
          if (next === head) continue;
          head = next;
          if (hops[head]! + 1 > limits[i]! || hops[head]! + 1 + this.#reserve[g]! > limits[0]!) continue;
          if (this.#forest.isPending[head] === 1 && head !== before[g]) continue;
          const size = i === 0 ? this.#natural.rows[g]! : states.deltaSize(state[head]!, state[g]!, rows);
          if (size < rows || size === rows && head === before[g]) {
            base = head;
            rows = size;
            level = i;
          }
          break;
        }
        predecessor[g] = base;
      }
      rowCount[g] = rows;
      total += rows;
      hops[g] = base === NONE ? 0 : hops[base]! + 1;
      put[g] = level;
      for (let i = 1; i < levels; i++) heads[i]![g] = i <= level ? g : heads[i]![base]!;
    }
    this.#hanging.total = total;
    return this.#hanging;
  }

  /** The level on which a group that must not move counts; of a context group what is known, or what leaves half the hops. */
  #standingLevel(g: number, hops: number, limits: Split): number {
    if (this.#forest.isContext[g] === 0) return 0;
    let level = Math.min(this.#standing?.[g] ?? 0, limits.length - 1);
    while (level + 1 < limits.length && hops * 2 <= limits[level + 1]!) level++;
    return level;
  }
}

/**
 * The nearest of `group` and the groups under it that has at most `room` hops, or NONE. A group whose branch ends soon needs
 * no head of a higher level, but only to be hung as much lower as its branch is long.
 */
function nearestWithRoom(
  { isPending }: DeltaForest,
  bases: Int32Array,
  hops: Int32Array,
  { from, room }: { readonly from: number; readonly room: number },
): number {
  if (room < 0) return NONE;
  let group = from;
  while (group !== NONE && (hops[group]! > room || isPending[group] === 1)) group = bases[group]!;
  return group;
}

/** What a branch that goes on beyond the forest will need: more than any bound has, so that it keeps to its levels. */
function openNeed(heights: Int32Array | undefined, g: number): number {
  return (heights?.[g] ?? 0) > 0 ? 1 << 20 : 0;
}

/** Makes height[g] at least the hops that the groups above g need in this column of bases. */
function raiseHeights(height: Int32Array, bases: Int32Array): void {
  for (let g = bases.length - 1; g >= 0; g--) {
    const base = bases[g]!;
    if (base !== NONE && base < g) height[base] = Math.max(height[base]!, height[g]! + 1);
  }
}

/**
 * A second pass, with the heights known that the first could not know. In ascending order a group's hops are final when it is
 * looked at. A group that needs more rows than on its natural base moves as near to that as the groups above it allow; one
 * that saves nothing by its new place goes back to its old one, so that as few groups as possible are rewritten.
 */
function settle(
  forest: DeltaForest,
  natural: NaturalBases,
  hanging: Hanging,
  maxHops: number,
  heights: Int32Array | undefined,
  reserve: Int32Array,
): void {
  const { predecessor, rowCount, hops } = hanging;
  const { states, state } = forest;
  const height = Int32Array.from(reserve);
  const need = height.map((hops, g) => Math.max(hops, openNeed(heights, g)));
  raiseHeights(height, predecessor);
  raiseHeights(need, predecessor);
  for (let g = 0; g < forest.size; g++) {
    const place = (base: number, rows: number) => {
      hanging.total += rows - rowCount[g]!;
      predecessor[g] = base;
      rowCount[g] = rows;
    };
    if (isRewritable(forest, g) && rowCount[g]! > natural.rows[g]!) {
      const near = nearestWithRoom(forest, natural.base, hops, {
        from: natural.base[g]!,
        room: maxHops - 1 - need[g]!,
      });
      const rows = near === NONE ? NO_FIT : states.deltaSize(state[near]!, state[g]!, rowCount[g]!);
      if (rows !== NO_FIT && rows < rowCount[g]!) place(near, rows);
    }
    const old = forest.predecessor[g]!;
    if (predecessor[g] !== old && rowCount[g]! >= forest.rowCount[g]!) {
      const then = old === NONE ? 0 : hops[old]! + 1;
      if (then + height[g]! <= maxHops) place(old, forest.rowCount[g]!);
    }
    const base = predecessor[g]!;
    hops[g] = base === NONE || base > g ? 0 : hops[base]! + 1;
  }
}
