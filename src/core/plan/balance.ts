/**
 * Smaller, and no slower to read: a plan that gives up rows for reads at one exchange rate, by local searches from a few starts.
 * Where reads are faster than they were, a small room is searched at lower rates, too: there are rows to be had for that. Where
 * they would be slower than allowed, at higher ones, then under shorter chains; at worst the room is left as it is.
 */
import { type DeltaForest, NONE } from "../forest/forest.ts";
import { type Chains, countReaders, measureReads, type ReadCosts, type Readers } from "./cost.ts";
import { FEW_GROUPS, hang, type HangLimits, reserveHops, type Split, SYNAPSE_HOPS } from "./hang.ts";
import type { NaturalBases } from "./natural.ts";
import type { CompressOptions } from "./plan.ts";
import { LocalSearch } from "./search.ts";

/** What a setting pays for reads, and where it stops. */
interface Setting {
  /** λ: rows given up for each millisecond that a read of one group gets faster. */
  readonly rate: number;
  /** Rates tried, in turn, where reads are as fast as the setting asks for: there may be rows to be had for what they are faster. */
  readonly lowerRates: readonly number[];
  /** How many times as much as others the read of a newest group counts. Which groups a real Synapse reads: BENCHMARKS.md, "Reads". */
  readonly newestWeight: number;
  /** Lower rates are tried while the mean read costs no more than this many times what it did, or that plus so many microseconds. */
  readonly ratio: number;
  readonly slackUs: number;
  /** The same for the newest groups. */
  readonly newestRatio: number;
  readonly newestSlackUs: number;
}

/** The settings: 0.4 rows a millisecond means that one row is worth 2.5 ms, summed over the reads of all groups. */
export const SETTINGS: Readonly<Record<"balance" | "reads", Setting>> = {
  balance: {
    rate: 0.4,
    lowerRates: [0.3, 0.2, 0.1, 0.05],
    newestWeight: 9,
    ratio: 1.12,
    slackUs: 100,
    newestRatio: 1,
    newestSlackUs: 100,
  },
  reads: {
    rate: 1,
    lowerRates: [0.7, 0.6, 0.5, 0.4],
    newestWeight: 9,
    ratio: 1,
    slackUs: 0,
    newestRatio: 0.9,
    newestSlackUs: 0,
  },
};

/** Never worse: the mean read of a room may get slower by this share, or by so many microseconds, whichever is more. */
export const WORSE_RATIO = 1.15;
export const WORSE_US = 100;
/**
 * The same for a part of a room. What is given up in one part makes those above slower, too, which then count as they are found. So a
 * part that carries others gets half of both, and all parts together keep close to the room's limit: at most both added, by
 * arithmetic.
 */
const PART = { ratio: 1.13, us: 93 };
const CARRYING_PART = { ratio: 1.065, us: 46 };

/** The most hops of what Synapse will build on: half its own bound, so that it has as many to go. */
const TIP_HOPS = 50;
/** Besides the newest groups so many tips keep to that: a branch that rests may go on. */
const LAST_TIPS = 8;
/**
 * Where searches begin: hung under such shares of the bound. Many others end within one part in a hundred of the better of the two; by
 * which of them depends on the room.
 */
const STARTS: readonly (readonly number[])[] = [[1, 0.45, 0.15], [0.4, 0.16, 0.05], [0.8, 0.1]];

/**
 * Bounds tried in turn where reads would get too slow. Where states are small and hardly any chains stand, a few hops are all
 * that reads allow, and save most rows all the same.
 */
const SHORT_CHAINS = [48, 24, 12, 6, 3];
const SHORT_START = [1, 0.4];
/** Before that so many times the rate is tried. */
const DEARER = [1.25, 2, 5];
/**
 * A room with fewer than this many times the rows of what is found has been compressed already. Lower rates are not for it: each run
 * would take what reads cost since the last one for what they may cost, and give up a little more.
 */
const COMPRESSED = 1.1;

/** Options for balance(). */
export interface BalanceOptions extends Pick<CompressOptions, "standing" | "heights" | "newestFrom" | "onStep"> {
  /** From 1 to 99. */
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
  const readers = countReaders(forest, options.newestFrom);
  const limits: HangLimits = {
    standing: options.standing,
    heights: options.heights,
    onStep: options.onStep,
    mostHops: keepTipsShallow(forest, natural, readers),
  };
  const before = measureReads(forest, readers);
  const goal = new Goal(setting, before, forest, readers);
  const begin = (from: Chains, bound = maxHops) => {
    const search = new LocalSearch(forest, natural, from, {
      maxHops: bound,
      reserve: reserveHops(forest, bound, limits),
      readers,
      onStep: options.onStep,
    });
    search.weigh(setting.newestWeight);
    return search;
  };
  const isFew = forest.size <= FEW_GROUPS;
  const tryFrom = (start: Chains, rate: number, bound = maxHops): Attempt => {
    const search = begin(start, bound);
    improve(search, rate);
    return new Attempt(search, rate, setting.newestWeight);
  };
  const tryUnder = (bound: number, shares: readonly number[], rate: number): Attempt => {
    const split = splitOf(bound, shares);
    return tryFrom(hang(forest, natural, split[0]!, limits, split).hanging, rate, bound);
  };
  const starts = STARTS.slice(0, isFew ? 3 : 2);
  const tryRate = (rate: number) => starts.map((shares) => tryUnder(maxHops, shares, rate)).reduce(better);
  let found = tryRate(setting.rate);
  for (const factor of DEARER) if (!goal.isAllowed(found.reads)) found = tryRate(setting.rate * factor);
  const isCompressed = forest.totalRows < found.search.totalRows * COMPRESSED;
  for (const rate of isFew && !isCompressed ? setting.lowerRates : []) {
    if (!goal.isReached(found.reads)) break;
    const fit = [...starts.map((shares) => tryUnder(maxHops, shares, rate)), tryFrom(found.search, rate)]
      .filter(({ reads }) => goal.isReached(reads) && goal.isAllowed(reads));
    if (fit.length === 0) break;
    found = [found, ...fit].reduce((a, b) => b.search.totalRows < a.search.totalRows ? b : a);
  }
  if (isFew) found.polish();
  for (const bound of SHORT_CHAINS) {
    if (goal.isAllowed(found.reads)) break;
    if (bound < maxHops) found = tryUnder(bound, SHORT_START, setting.rate);
  }
  if (isCompressed && begin(forest).isWithinBound()) {
    // Compressed before: what stands is a good start, and keeping it takes no rewrites.
    const standing = tryFrom(forest, found.rate);
    if (isFew) standing.polish();
    const isFit = standing.search.totalRows <= forest.totalRows && goal.isAllowed(standing.reads);
    if (isFit) found = goal.isAllowed(found.reads) ? better(found, standing) : standing;
  }
  const { search } = found;
  const isWorse = search.totalRows >= forest.totalRows || !goal.isAllowed(found.reads);
  const { predecessor, rowCount } = isWorse ? forest : search;
  return { predecessor, rowCount, level: undefined, split: splitOf(maxHops, STARTS[0]!) };
}

/** What the search finds at one rate, whatever reads cost then: a point of the frontier. */
export function searchAt(
  forest: DeltaForest,
  natural: NaturalBases,
  rate: number,
  { maxHops, heights }: Pick<BalanceOptions, "maxHops" | "heights">,
): Chains {
  const readers = countReaders(forest);
  const limits: HangLimits = { heights, mostHops: keepTipsShallow(forest, natural, readers) };
  const split = splitOf(maxHops, STARTS[0]!);
  const { hanging } = hang(forest, natural, maxHops, limits, split);
  const reserve = reserveHops(forest, maxHops, limits);
  const search = new LocalSearch(forest, natural, hanging, { maxHops, reserve, readers });
  search.weigh(SETTINGS.balance.newestWeight);
  improve(search, rate);
  return search;
}

/** A search at one rate, and what came of it. */
class Attempt {
  readonly search: LocalSearch;
  /** λ */
  readonly rate: number;
  readonly #newestWeight: number;
  reads: ReadCosts;
  /** What the search minimized. */
  objective: number;

  constructor(search: LocalSearch, rate: number, newestWeight: number) {
    this.search = search;
    this.rate = rate;
    this.#newestWeight = newestWeight;
    this.reads = search.readCosts();
    this.objective = search.objective(rate, newestWeight);
  }

  /** Visits every group: a third of a percent better, for as much time as all before. */
  polish(): void {
    this.search.moveAll(this.rate);
    this.search.moveHeads(this.rate);
    this.search.shiftHeads(this.rate);
    this.reads = this.search.readCosts();
    this.objective = this.search.objective(this.rate, this.#newestWeight);
  }
}

function better(a: Attempt, b: Attempt): Attempt {
  return b.objective < a.objective ? b : a;
}

/** A bound's split by shares of it. */
function splitOf(bound: number, shares: readonly number[]): Split {
  const limits = shares.map((share) => Math.max(1, Math.round(bound * share)));
  return limits.filter((limit, i) => i === 0 || limit < limits[i - 1]!);
}

/** What a setting asks for, in this room. */
class Goal {
  readonly #mean: number;
  readonly #newest: number;
  readonly #most: number;

  constructor(setting: Setting, { meanUs, newestUs }: ReadCosts, forest: DeltaForest, { all }: Readers) {
    this.#mean = Math.max(meanUs * setting.ratio, meanUs + setting.slackUs);
    this.#newest = Math.max(newestUs * setting.newestRatio, newestUs + setting.newestSlackUs);
    // Of a part only its own groups have something to give up, or groups that many parts carry would pay for each of them.
    const own = Float64Array.from(forest.isContext, (isContext) => 1 - isContext);
    const readers = all.reduce((a, b) => a + b, 0);
    const share = readers === 0 ? 0 : own.reduce((a, b) => a + b, 0) / readers;
    const { meanUs: ownUs } = measureReads(forest, { all: own, newest: own });
    const worse = (ratio: number, us: number) => share * Math.max(ownUs * (ratio - 1), us);
    const isCarrying = forest.outside.root.some((root) => root !== NONE && forest.isContext[root] === 0);
    this.#most = meanUs + (
      share === 1
        ? worse(WORSE_RATIO, WORSE_US)
        : isCarrying
        ? worse(CARRYING_PART.ratio, CARRYING_PART.us)
        : worse(PART.ratio, PART.us)
    );
  }

  isReached({ meanUs, newestUs }: ReadCosts): boolean {
    return meanUs <= this.#mean && newestUs <= this.#newest;
  }

  isAllowed({ meanUs }: ReadCosts): boolean {
    return meanUs <= this.#most;
  }
}

/** Moves heads until little is left to gain, then what Synapse reads most. */
function improve(search: LocalSearch, rate: number): void {
  for (let pass = 0; pass < 2; pass++) {
    search.moveHeads(rate);
    search.shiftHeads(rate);
  }
  search.moveNewest(rate);
  search.moveHeads(rate);
  search.shiftHeads(rate);
}

/**
 * mostHops[g]: how deep g may be. The room's newest groups and the last tips of its branches are what Synapse will build on; where
 * such a group is outside the forest, the one in it that it stands on is as much shallower.
 */
function keepTipsShallow(
  { size, groupId, predecessor, outside }: DeltaForest,
  natural: NaturalBases,
  { newestFrom }: Readers,
): Int32Array {
  const mostHops = new Int32Array(size).fill(SYNAPSE_HOPS);
  const isTip = new Uint8Array(size).fill(1);
  for (const column of [predecessor, natural.base]) {
    for (let g = 0; g < size; g++) if (column[g] !== NONE) isTip[column[g]!] = 0;
  }
  for (let i = 0; i < outside.size; i++) {
    const root = outside.root[i]!;
    if (root === NONE) continue;
    isTip[root] = 0;
    const most = TIP_HOPS - outside.hops[i]!;
    if (outside.groupId[i]! >= newestFrom && most >= 0) mostHops[root] = Math.min(mostHops[root]!, most);
  }
  for (let g = size - 1, tips = 0; g >= 0; g--) {
    const isLast = isTip[g] === 1 && tips++ < LAST_TIPS;
    if (isLast || groupId[g]! >= newestFrom) mostHops[g] = Math.min(mostHops[g]!, TIP_HOPS);
  }
  return mostHops;
}
