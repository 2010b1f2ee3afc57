/**
 * Searches of one forest from many starts, at one rate each, with what came of them. What Synapse will build on is kept shallow in
 * all. A search costs some passes over the groups.
 */
import { type DeltaForest, NONE } from "../forest/forest.ts";
import { type Chains, countReaders, type ReadCosts, type Readers } from "./cost.ts";
import { DeltaSizes } from "./deltas.ts";
import { hang, type HangLimits, reserveHops, type Split, SYNAPSE_HOPS } from "./hang.ts";
import { arrangeLines } from "./lines.ts";
import type { NaturalBases } from "./natural.ts";
import type { CompressOptions } from "./plan.ts";
import { Paths } from "./paths.ts";
import { LocalSearch } from "./search.ts";

/** The most hops of what Synapse will build on: half its own bound, so that it has as many to go. */
const TIP_HOPS = 50;
/** Besides the newest groups so many tips keep to that: a branch that rests may go on. */
const LAST_TIPS = 8;
/** Searches of one forest. */
export class Attempts {
  readonly readers: Readers;
  readonly #forest: DeltaForest;
  readonly #natural: NaturalBases;
  readonly #newestWeight: number;
  readonly #limits: HangLimits;
  readonly #deltas: DeltaSizes;
  readonly #paths: Paths;
  /** Chains hung under a split, and what must stay free above each group under a bound, by their names. */
  readonly #hung = new Map<string, Chains>();
  readonly #reserves = new Map<number, Int32Array>();
  /** Searches of attempts that are given up: their columns are used anew. */
  readonly #free: LocalSearch[] = [];
  #taken: LocalSearch[] = [];

  constructor(
    forest: DeltaForest,
    natural: NaturalBases,
    newestWeight: number,
    { newestFrom, standing, heights, onStep }: Pick<CompressOptions, "newestFrom" | "standing" | "heights" | "onStep">,
  ) {
    this.readers = countReaders(forest, newestFrom);
    this.#forest = forest;
    this.#natural = natural;
    this.#newestWeight = newestWeight;
    this.#deltas = new DeltaSizes(forest.states, forest.size);
    this.#paths = new Paths(natural.base);
    this.#limits = { standing, heights, onStep, mostHops: keepTipsShallow(forest, natural, this.readers) };
  }

  /** Begins with some chains. */
  from(start: Chains, rate: number, bound: number): Attempt {
    return this.#attempt(this.#begin(start, bound), rate);
  }

  /** Begins with chains hung under shares of a bound. */
  under(bound: number, shares: readonly number[], rate: number): Attempt {
    const split = splitOf(bound, shares);
    const name = split.join();
    let hung = this.#hung.get(name);
    if (hung === undefined) {
      const { predecessor, rowCount } = hang(this.#forest, this.#natural, split[0]!, this.#limits, split).hanging;
      this.#hung.set(name, hung = { predecessor, rowCount });
    }
    return this.from(hung, rate, bound);
  }

  /** Begins with lines of groups that are each arranged as one. */
  along(bound: number, rate: number): Attempt {
    const reserve = this.#reserve(bound);
    const options = { rate, newestWeight: this.#newestWeight, readers: this.readers, maxHops: bound, reserve };
    return this.from(arrangeLines(this.#forest, this.#natural, options), rate, bound);
  }

  /** Begins with the forest as it stands; undefined where that has longer chains. */
  fromStanding(rate: number, bound: number): Attempt | undefined {
    const search = this.#begin(this.#forest, bound);
    return search.isWithinBound() ? this.#attempt(search, rate) : undefined;
  }

  /** Gives up all attempts but one: the others must not be looked at any more. */
  keepOnly({ search }: Attempt): void {
    for (const taken of this.#taken) if (taken !== search) this.#free.push(taken);
    this.#taken = [search];
  }

  #begin(start: Chains, maxHops: number): LocalSearch {
    const reserve = this.#reserve(maxHops);
    let search = this.#free.pop();
    if (search !== undefined) {
      search.restart(start, { maxHops, reserve });
    } else {
      search = new LocalSearch(this.#forest, this.#natural, start, {
        maxHops,
        reserve,
        readers: this.readers,
        deltas: this.#deltas,
        paths: this.#paths,
        onStep: this.#limits.onStep,
      });
    }
    this.#taken.push(search);
    search.weigh(this.#newestWeight);
    return search;
  }

  #reserve(maxHops: number): Int32Array {
    let reserve = this.#reserves.get(maxHops);
    if (reserve === undefined) {
      this.#reserves.set(maxHops, reserve = reserveHops(this.#forest, maxHops, this.#limits));
    }
    return reserve;
  }

  #attempt(search: LocalSearch, rate: number): Attempt {
    improve(search, rate);
    return new Attempt(search, rate, this.#newestWeight);
  }
}

/** A search at one rate, and what came of it. */
export class Attempt {
  readonly search: LocalSearch;
  /** λ */
  readonly rate: number;
  readonly #newestWeight: number;
  reads: ReadCosts;
  #objective: number | undefined;

  constructor(search: LocalSearch, rate: number, newestWeight: number) {
    this.search = search;
    this.rate = rate;
    this.#newestWeight = newestWeight;
    this.reads = search.readCosts();
  }

  /** What the search minimized. */
  get objective(): number {
    return this.#objective ??= this.search.objective(this.rate, this.#newestWeight);
  }

  /** Visits every group, or each n-th: of what is to be had so, each fourth finds nearly all. */
  polish(each = 1): void {
    this.search.moveAll(this.rate, each);
    this.search.moveHeads(this.rate);
    this.search.shiftHeads(this.rate);
    this.reads = this.search.readCosts();
    this.#objective = undefined;
  }
}

/** The one that minimized more. */
export function better(a: Attempt, b: Attempt): Attempt {
  return b.objective < a.objective ? b : a;
}

/** A bound's split by shares of it. */
export function splitOf(bound: number, shares: readonly number[]): Split {
  const limits = shares.map((share) => Math.max(1, Math.round(bound * share)));
  return limits.filter((limit, i) => i === 0 || limit < limits[i - 1]!);
}

/** Moves heads, then what Synapse reads most, then heads again. */
function improve(search: LocalSearch, rate: number): void {
  search.moveHeads(rate);
  search.shiftHeads(rate);
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
