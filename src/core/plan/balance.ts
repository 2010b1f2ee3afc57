/**
 * Smaller, and no slower to read: a plan that gives up rows for reads at one exchange rate. From the plan with the fewest rows
 * a local search goes on at a rate that rises step by step, until the room reads as fast as the setting asks for, or the rate is
 * what the setting pays at most. Where reads would still get slower than allowed the room is left as it is.
 */
import { type DeltaForest, NONE } from "../forest/forest.ts";
import { type Chains, countReaders, measureReads, type ReadCosts, type Readers } from "./cost.ts";
import { FEW_GROUPS, hang, type HangLimits, type Split, tipReserve } from "./hang.ts";
import type { NaturalBases } from "./natural.ts";
import { LocalSearch } from "./search.ts";

/** What a setting pays for reads, and where it stops. */
interface Setting {
  /** Rows given up for each millisecond that a read of one group gets faster: the rates tried, the last being the most it pays. */
  readonly rates: readonly number[];
  /** How many times as much as others the read of a newest group counts. */
  readonly newestWeight: number;
  /** The search stops once the mean read costs no more than this many times what it did, or that plus so many microseconds. */
  readonly ratio: number;
  readonly slackUs: number;
  /** The same for the newest groups. */
  readonly newestRatio: number;
  readonly newestSlackUs: number;
  /** The share of the bound under which the search begins, in small rooms and in large ones; found by trial. */
  readonly start: readonly [small: number, large: number];
}

/** The settings: 0.45 rows a millisecond means that one row is worth 2.2 ms, summed over the reads of all groups. */
export const SETTINGS: Readonly<Record<"balance" | "reads", Setting>> = {
  balance: {
    rates: [0.1, 0.2, 0.45],
    newestWeight: 10,
    ratio: 1.08,
    slackUs: 100,
    newestRatio: 1,
    newestSlackUs: 100,
    start: [0.85, 1],
  },
  reads: {
    rates: [0.2, 0.4, 0.75],
    newestWeight: 10,
    ratio: 1,
    slackUs: 0,
    newestRatio: 0.9,
    newestSlackUs: 0,
    start: [0.66, 0.66],
  },
};

/** Never worse: reads may get slower by this share, or by so many microseconds, whichever is more. */
export const WORSE_RATIO = 1.15;
export const WORSE_US = 100;

/** The most hops of a tip, on which Synapse will build: half its own bound, so that it has as many to go. */
const TIP_HOPS = 50;
/** What moving all groups makes of the cost of reads, about, once the heads are where they should be. */
const STILL_TO_COME = 0.93;

/**
 * Bounds tried in turn where reads would get too slow. Where states are small and hardly any chains stand, a few hops are all
 * that reads allow, and save most rows all the same.
 */
const SHORT_CHAINS = [48, 24, 12, 6, 3];
/** A room with fewer than this many times the rows of what is found has been compressed already. */
const COMPRESSED = 1.25;

/** Options for balance(). */
export interface BalanceOptions extends HangLimits {
  readonly maxHops: number;
  readonly prefer: "balance" | "reads";
}

/** Finds the plan. Where nothing better than the forest itself is found, that is the plan. */
export function balance(
  forest: DeltaForest,
  natural: NaturalBases,
  options: BalanceOptions,
): Chains & { readonly level: Uint8Array | undefined; readonly split: Split } {
  const { maxHops } = options;
  const setting = SETTINGS[options.prefer];
  const readers = countReaders(forest);
  const limits: HangLimits = {
    standing: options.standing,
    heights: options.heights,
    onStep: options.onStep,
    tips: findTips(forest, natural, readers),
    tipHops: TIP_HOPS,
  };
  const before = measureReads(forest, readers);
  const goal = new Goal(setting, before);
  const start = setting.start[forest.size <= FEW_GROUPS ? 0 : 1];
  const { hanging, split } = hang(forest, natural, Math.max(1, Math.round(maxHops * start)), limits);
  const whole = [maxHops, ...split.slice(1)];
  const begin = (from: Chains, bound = maxHops) => {
    return new LocalSearch(forest, natural, from, {
      maxHops: bound,
      reserve: tipReserve(forest, bound, limits),
      readers,
      onStep: options.onStep,
    });
  };
  let search = begin(hanging);
  improve(search, setting, goal, forest.size);
  for (const bound of SHORT_CHAINS) {
    if (goal.isAllowed(search.readCosts())) break;
    if (bound >= maxHops) continue;
    search = begin(hang(forest, natural, bound, limits).hanging, bound);
    improve(search, setting, goal, forest.size);
  }
  if (forest.totalRows < search.totalRows * COMPRESSED) {
    // Compressed before: what stands is a good start, and keeping it takes no rewrites.
    const standing = begin(forest);
    const isWithinBound = standing.isWithinBound();
    if (isWithinBound) improve(standing, setting, goal, forest.size);
    const [rate, weight] = [setting.rates.at(-1)!, setting.newestWeight];
    const isFit = isWithinBound && standing.totalRows <= forest.totalRows && goal.isAllowed(standing.readCosts());
    if (isFit && standing.objective(rate, weight) <= search.objective(rate, weight)) search = standing;
  }
  const isWorse = search.totalRows >= forest.totalRows || !goal.isAllowed(search.readCosts());
  const level = isWorse ? undefined : hanging.level;
  return {
    predecessor: forest.predecessor,
    rowCount: forest.rowCount,
    ...isWorse ? {} : columns(search),
    level,
    split: whole,
  };
}

function columns({ predecessor, rowCount }: Chains): Chains {
  return { predecessor, rowCount };
}

/** What a setting asks for, in this room. */
class Goal {
  readonly #mean: number;
  readonly #newest: number;
  readonly #most: number;

  constructor(setting: Setting, { meanUs, newestUs }: ReadCosts) {
    this.#mean = Math.max(meanUs * setting.ratio, meanUs + setting.slackUs);
    this.#newest = Math.max(newestUs * setting.newestRatio, newestUs + setting.newestSlackUs);
    this.#most = Math.max(meanUs * WORSE_RATIO, meanUs + WORSE_US);
  }

  isReached({ meanUs, newestUs }: ReadCosts, factor = 1): boolean {
    return meanUs * factor <= this.#mean && newestUs * factor <= this.#newest;
  }

  isAllowed({ meanUs }: ReadCosts): boolean {
    return meanUs <= this.#most;
  }
}

/** Goes through the rates until the goal is reached. */
function improve(search: LocalSearch, setting: Setting, goal: Goal, groups: number): void {
  search.weigh(setting.newestWeight);
  const dearest = setting.rates.at(-1)!;
  const rates = groups <= FEW_GROUPS ? setting.rates : [dearest];
  for (const rate of rates) {
    search.moveHeads(rate);
    search.moveHeads(rate);
    search.shiftHeads(rate);
    if (rate < dearest && !goal.isReached(search.readCosts(), STILL_TO_COME)) continue;
    search.moveAll(rate);
    search.shiftHeads(rate);
    search.moveHeads(rate);
    search.shiftHeads(rate);
    if (groups <= FEW_GROUPS) search.moveAll(rate);
    if (goal.isReached(search.readCosts())) return;
  }
}

/** tips[g]: 1 where g is one of the room's newest groups and nothing is built on it: new groups will be. */
function findTips({ size, predecessor }: DeltaForest, natural: NaturalBases, { newest }: Readers): Uint8Array {
  const tips = new Uint8Array(size);
  for (let g = 0; g < size; g++) if (newest[g]! > 0) tips[g] = 1;
  for (const column of [predecessor, natural.base]) {
    for (let g = 0; g < size; g++) if (column[g] !== NONE) tips[column[g]!] = 0;
  }
  return tips;
}
