/**
 * Smaller, and no slower to read: a plan that gives up rows for reads at one exchange rate, by local searches from a few starts.
 * Where reads are faster than they were, a small room is searched at lower rates, too: there are rows to be had for that. Where
 * they would be slower than allowed, at higher ones, then under shorter chains; at worst the room is left as it is.
 */
import { Attempts, better, splitOf } from "./attempts.ts";
import { type DeltaForest, NONE } from "../forest/forest.ts";
import { type Chains, measureReads, type ReadCosts, type Readers } from "./cost.ts";
import { FEW_GROUPS, type Split } from "./hang.ts";
import { CHEAP_ROWS, type NaturalBases } from "./natural.ts";
import type { CompressOptions } from "./plan.ts";

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
  /** And while the newest groups cost no more than this many times what they cost at `rate`, or that plus so many microseconds. */
  readonly newestRatio: number;
  /** Nor more than they did plus so many. */
  readonly newestSlackUs: number;
}

/** The settings: 0.5 rows a millisecond means that one row is worth 2 ms, summed over the reads of all groups. */
export const SETTINGS: Readonly<Record<"balance" | "reads", Setting>> = {
  balance: {
    rate: 0.5,
    lowerRates: [0.4, 0.3, 0.2, 0.1, 0.05],
    newestWeight: 9,
    ratio: 1.13,
    slackUs: 100,
    newestRatio: 1.2,
    newestSlackUs: 75,
  },
  reads: {
    rate: 0.7,
    lowerRates: [0.6, 0.5, 0.4],
    newestWeight: 9,
    ratio: 1,
    slackUs: 0,
    newestRatio: 1.05,
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

/**
 * Where searches begin in a room of few groups, too: hung under such shares of the bound. At the setting's rate lines are nearly always
 * better. At lower ones these are: hops are so cheap there that it is the bound that shortens chains, which lines know as dearer hops
 * alone, found by arranging each line again and again.
 */
export const STARTS: readonly (readonly number[])[] = [[1, 0.45, 0.15], [0.8, 0.1]];
/** In a bigger room each of so many groups is visited in the end. */
const POLISH_EACH = 4;

/**
 * Bounds tried in turn where reads would get too slow. Where states are small and hardly any chains stand, a few hops are all
 * that reads allow, and save most rows all the same.
 */
const SHORT_CHAINS = [48, 24, 12, 6, 3];
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
  const split = splitOf(maxHops, STARTS[0]!);
  if (hasNothingToGive(forest, natural)) return { ...asItStands(forest), split };
  const setting = SETTINGS[options.prefer];
  const attempts = new Attempts(forest, natural, setting.newestWeight, options);
  const { readers } = attempts;
  const before = measureReads(forest, readers);
  const goal = new Goal(setting, before, forest, readers);
  const isFew = forest.size <= FEW_GROUPS;
  const hung = (rate: number) => isFew ? STARTS.map((shares) => attempts.under(maxHops, shares, rate)) : [];
  const tryRate = (rate: number) => {
    const best = [attempts.along(maxHops, rate), ...hung(rate)].reduce(better);
    attempts.keepOnly(best);
    return best;
  };
  let found = tryRate(setting.rate);
  for (const factor of DEARER) if (!goal.isAllowed(found.reads)) found = tryRate(setting.rate * factor);
  const { newestUs: newestAtFirst } = found.reads;
  const isCompressed = forest.totalRows < found.search.totalRows * COMPRESSED;
  for (const rate of isFew && !isCompressed ? setting.lowerRates : []) {
    if (!goal.isReached(found.reads, newestAtFirst)) break;
    const fit = [...hung(rate), attempts.from(found.search, rate, maxHops)].filter(({ reads }) =>
      goal.isReached(reads, newestAtFirst) && goal.isAllowed(reads)
    );
    found = [found, ...fit].reduce((a, b) => b.search.totalRows < a.search.totalRows ? b : a);
    attempts.keepOnly(found);
    if (fit.length === 0) break;
  }
  found.polish(isFew ? 1 : POLISH_EACH);
  for (const bound of SHORT_CHAINS) {
    if (goal.isAllowed(found.reads)) break;
    if (bound < maxHops) attempts.keepOnly(found = attempts.along(bound, setting.rate));
  }
  // Compressed before: what stands is a good start, and keeping it takes no rewrites.
  const standing = isCompressed ? attempts.fromStanding(found.rate, maxHops) : undefined;
  if (standing !== undefined) {
    if (isFew) standing.polish();
    const isFit = standing.search.totalRows <= forest.totalRows && goal.isAllowed(standing.reads);
    if (isFit) found = goal.isAllowed(found.reads) ? better(found, standing) : standing;
  }
  const { search } = found;
  const isWorse = search.totalRows >= forest.totalRows || !goal.isAllowed(found.reads);
  return { ...asItStands(isWorse ? forest : search), split };
}

/**
 * Whether each group has the fewest rows that it can have, as in most of a server's rooms: natural bases save nothing, and no other
 * base could, since a group has one row at most, or no choice, as the first two.
 */
function hasNothingToGive({ size, totalRows, rowCount }: DeltaForest, natural: NaturalBases): boolean {
  if (natural.floor < totalRows) return false;
  for (let g = 2; g < size; g++) if (rowCount[g]! > CHEAP_ROWS) return false;
  return true;
}

function asItStands({ predecessor, rowCount }: Chains): Chains & { readonly level: undefined } {
  return { predecessor, rowCount, level: undefined };
}

/** What the search finds at each rate, whatever reads cost then: points of the frontier. The next takes the columns of the one before. */
export function* searchAt(
  forest: DeltaForest,
  natural: NaturalBases,
  rates: readonly number[],
  { maxHops, heights }: Pick<BalanceOptions, "maxHops" | "heights">,
): Generator<Chains> {
  const attempts = new Attempts(forest, natural, SETTINGS.balance.newestWeight, { heights });
  for (const rate of rates) {
    const attempt = attempts.along(maxHops, rate);
    attempts.keepOnly(attempt);
    yield attempt.search;
  }
}

/** What a setting asks for, in this room. */
class Goal {
  readonly #mean: number;
  readonly #newest: number;
  readonly #setting: Setting;
  readonly #most: number;

  constructor(setting: Setting, { meanUs, newestUs }: ReadCosts, forest: DeltaForest, { all }: Readers) {
    this.#mean = Math.max(meanUs * setting.ratio, meanUs + setting.slackUs);
    this.#newest = newestUs;
    this.#setting = setting;
    // Of a part only its own groups have something to give up, or groups that many parts carry would pay for each of them.
    const own = new Float64Array(forest.size);
    let [owned, readers, isCarrying] = [0, 0, false];
    for (let g = 0; g < forest.size; g++) {
      own[g] = 1 - forest.isContext[g]!;
      owned += own[g]!;
      readers += all[g]!;
    }
    for (const root of forest.outside.root) isCarrying ||= root !== NONE && forest.isContext[root] === 0;
    const share = readers === 0 ? 0 : owned / readers;
    const { meanUs: ownUs } = measureReads(forest, { all: own, newest: own });
    const worse = (ratio: number, us: number) => share * Math.max(ownUs * (ratio - 1), us);
    this.#most = meanUs + (
      share === 1
        ? worse(WORSE_RATIO, WORSE_US)
        : isCarrying
        ? worse(CARRYING_PART.ratio, CARRYING_PART.us)
        : worse(PART.ratio, PART.us)
    );
  }

  /** Whether there may be rows to be had; `newestAtFirst` is what the newest groups cost at the setting's own rate. */
  isReached({ meanUs, newestUs }: ReadCosts, newestAtFirst: number): boolean {
    const { newestRatio, newestSlackUs } = this.#setting;
    const mostNewest = Math.min(
      this.#newest + newestSlackUs,
      Math.max(newestAtFirst * newestRatio, newestAtFirst + newestSlackUs),
    );
    return meanUs <= this.#mean && newestUs <= mostNewest;
  }

  isAllowed({ meanUs }: ReadCosts): boolean {
    return meanUs <= this.#most;
  }
}
