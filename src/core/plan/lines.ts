/**
 * A start for the search, near the optimum: every line of groups is arranged as one. A line is a group, the one of those building
 * on it by their natural bases by way of which most is read, and so on to a tip; the rest build on it as lines of their own.
 * Along a line a state differs from an earlier one in just the keys changed in between, so that sizes of deltas are counted, not
 * compared. The line is cut into blocks, and which block builds on which, so that rows + λ × read cost are least, is found by
 * dynamic programming: the blocks that are read by way of a block follow it without a gap. Where a chain then breaks the bound, hops
 * are made dearer. O(groups + rows of deltas + cells).
 */
import { type BlockPlace, BlockTable } from "./blocks.ts";
import { type DeltaForest, isRewritable, mayBeBase, NONE } from "../forest/forest.ts";
import { NO_FIT } from "../forest/states.ts";
import { type Chains, READ_COST, type Readers } from "./cost.ts";
import type { NaturalBases } from "./natural.ts";
import { REWRITE_ROWS } from "./placed.ts";

/** Pairs of blocks looked at, about: of a line for each of its groups, and of all lines together. The more, the finer the blocks. */
const CELLS_A_GROUP = 16;
const CELLS = 600_000;
/**
 * By how much, and how often without getting cheaper, hops are made dearer for a line that breaks the bound. What still does is hung
 * lower, group by group.
 */
const DEARER = 1.5;
const MOST_IN_VAIN = 3;
/** The most of the bound that is kept free for a line that leaves another. */
const SIDE_SHARE = 0.4;

/** What lines are arranged for. */
export interface LineOptions {
  /** λ */
  readonly rate: number;
  /** How many times as much as others a newest group's read counts. */
  readonly newestWeight: number;
  readonly readers: Readers;
  readonly maxHops: number;
  /** reserve[g]: hops that must stay free above g. */
  readonly reserve: Int32Array;
}

/** Arranges a forest's lines. All chains of groups that may be rewritten keep the bound. */
export function arrangeLines(forest: DeltaForest, natural: NaturalBases, options: LineOptions): Chains {
  return new Lines(forest, natural, options).arrange();
}

class Lines implements Chains {
  readonly predecessor: Int32Array<ArrayBuffer>;
  readonly rowCount: Int32Array<ArrayBuffer>;
  readonly #forest: DeltaForest;
  readonly #natural: NaturalBases;
  readonly #maxHops: number;
  /** Prices of a hop and of a row on the path, in rows, for each unit of weight. */
  readonly #hopPrice: number;
  readonly #rowPrice: number;
  readonly #hops: Int32Array;
  readonly #pathRows: Int32Array;
  /** need[g]: hops that must stay free above g, also for what is on it and must not move. */
  readonly #need: Int32Array;
  /** weight[g]: of g and all groups that build on it by their natural bases. */
  readonly #weight: Float64Array;
  /** heir[g]: the next group of g's line, or NONE. */
  readonly #heir: Int32Array;
  readonly #table = new BlockTable();

  constructor(forest: DeltaForest, natural: NaturalBases, options: LineOptions) {
    const { size } = forest;
    this.#forest = forest;
    this.#natural = natural;
    this.#maxHops = options.maxHops;
    this.#hopPrice = options.rate * READ_COST.hopUs / 1000;
    this.#rowPrice = options.rate * READ_COST.rowUs / 1000;
    this.predecessor = Int32Array.from(natural.base);
    this.rowCount = Int32Array.from(natural.rows);
    this.#hops = new Int32Array(size);
    this.#pathRows = new Int32Array(size);
    this.#need = Int32Array.from(options.reserve);
    const { all, newest } = options.readers;
    this.#weight = all.map((readers, g) => readers + (options.newestWeight - 1) * newest[g]!);
    this.#heir = new Int32Array(size).fill(NONE);
    for (let g = size - 1; g >= 0; g--) {
      if (!isRewritable(forest, g)) this.predecessor[g] = forest.predecessor[g]!;
      const base = natural.base[g]!;
      if (base === NONE) continue;
      this.#weight[base]! += this.#weight[g]!;
      const heir = this.#heir[base]!;
      if (heir === NONE || this.#weight[g]! > this.#weight[heir]!) this.#heir[base] = g;
      if (!isRewritable(forest, g)) this.#need[base] = Math.max(this.#need[base]!, this.#need[g]! + 1);
    }
  }

  arrange(): Chains {
    const { base } = this.#natural;
    for (let g = 0; g < base.length; g++) {
      if (base[g] === NONE || this.#heir[base[g]!] !== g) this.#arrangeLine(g);
    }
    return this;
  }

  #arrangeLine(first: number): void {
    const line: number[] = [];
    for (let g = first; g !== NONE; g = this.#heir[g]!) line.push(g);
    const cells = Math.min(CELLS / this.predecessor.length, CELLS_A_GROUP) * line.length;
    const blockSize = Math.max(1, Math.ceil(line.length / Math.sqrt(2 * cells)));
    if (line.length <= blockSize) {
      this.#settle(line);
      return;
    }
    const root = this.#rootOf(first, line.length);
    this.#fill(line, blockSize, root);
    let best: BlockPlace[] = [];
    let places = best;
    let least = Infinity;
    for (let times = 0, inVain = 0; inVain < MOST_IN_VAIN; times++, inVain++) {
      places = this.#solve(root, DEARER ** times);
      this.#put(line, blockSize, root, places);
      const { cost, lowered } = this.#settle(line);
      if (cost < least) [best, least, inVain] = [places, cost, -1];
      if (lowered === 0) break;
    }
    if (places === best) return;
    this.#put(line, blockSize, root, best);
    this.#settle(line);
  }

  /** What a line builds on: its first group's natural base, or, where that leaves it too few hops, one under it. */
  #rootOf(first: number, length: number): number {
    const natural = this.#natural.base[first]!;
    if (natural === NONE || !isRewritable(this.#forest, first)) return natural;
    const room = this.#maxHops - this.#need[first]! - Math.min(length, Math.floor(this.#maxHops * SIDE_SHARE));
    let root = natural;
    while (root !== NONE && (this.#hops[root]! > room || !mayBeBase(this.#forest, root))) {
      root = this.predecessor[root]!;
    }
    return root === NONE ? natural : root;
  }

  /** What counts of g, and of all that builds on it beside its line. */
  #ownWeight(g: number): number {
    const heir = this.#heir[g]!;
    return this.#weight[g]! - (heir === NONE ? 0 : this.#weight[heir]!);
  }

  /** Describes a line to the table: its blocks, their weights, and the deltas between them. */
  #fill(line: readonly number[], blockSize: number, root: number): void {
    const { states, state, isLeftOut } = this.#forest;
    const { base: bases, rows: naturalRows } = this.#natural;
    const table = this.#table;
    const count = Math.ceil(line.length / blockSize);
    table.reset(count);
    // A key's last change: its block, below zero where that was the block's head.
    const last = new Map<number, number>();
    const inHead = new Int32Array(count + 1);
    const inRest = new Int32Array(count + 1);
    const start = line[0]!;
    // What the first group has more on the root than on its natural base, every other has.
    const lower = root === bases[start] ? 0 : states.deltaSize(state[root]!, state[start]!) - naturalRows[start]!;
    for (let k = 1; k <= count; k++) {
      const from = (k - 1) * blockSize;
      const to = Math.min(k * blockSize, line.length);
      let weight = 0;
      let restRows = 0;
      for (let i = from; i < to; i++) {
        const g = line[i]!;
        weight += this.#ownWeight(g);
        const isHead = i === from;
        if (bases[g] !== NONE && isLeftOut[g] === 0) {
          states.forEachChange(state[bases[g]!]!, state[g]!, (key) => {
            const was = last.get(key);
            if (was !== undefined) (was < 0 ? inHead : inRest)[Math.abs(was)]!--;
            (isHead ? inHead : inRest)[k]!++;
            last.set(key, isHead ? -k : k);
          });
        }
        if (!isHead) restRows += naturalRows[g]!;
        else {
          for (let j = k - 1, rows = inHead[k]!; j >= 0; j--) {
            const onEnd = j === 0 ? rows + lower : rows;
            rows += inRest[j]!;
            table.setRows(j, k, j === 0 ? onEnd : rows, onEnd);
            rows += inHead[j]!;
          }
        }
      }
      const head = line[from]!;
      table.add({ weight, restRows, restHops: to - from - 1, snapshotRows: states.keyCount(state[head]!) });
    }
    if (root === NONE) table.forbidRoot();
    else if (!mayBeBase(this.#forest, root)) table.forbidBase(0, { head: true, end: true });
    for (let k = 1; k <= count; k++) {
      const head = line[(k - 1) * blockSize]!;
      const end = line[Math.min(k * blockSize, line.length) - 1]!;
      if (!isRewritable(this.#forest, head)) table.fix(k);
      table.forbidBase(k, { head: !mayBeBase(this.#forest, head), end: !mayBeBase(this.#forest, end) });
    }
  }

  /** Where a line's blocks are best, by λ and so much dearer hops. */
  #solve(root: number, dearer: number): BlockPlace[] {
    const hop = this.#hopPrice * dearer;
    const row = this.#rowPrice;
    const rootPath = root === NONE ? 0 : hop * this.#hops[root]! + row * this.#pathRows[root]!;
    return this.#table.solve({ hop, row, rewrite: REWRITE_ROWS, rootPath });
  }

  /** Puts a line's blocks in their places. */
  #put(line: readonly number[], blockSize: number, root: number, places: readonly BlockPlace[]): void {
    const { base: bases, rows: naturalRows } = this.#natural;
    const { states, state } = this.#forest;
    for (const g of line) {
      if (!isRewritable(this.#forest, g)) continue;
      this.predecessor[g] = bases[g]!;
      this.rowCount[g] = naturalRows[g]!;
    }
    for (let k = 1; k < places.length; k++) {
      const g = line[(k - 1) * blockSize]!;
      const { base: j, isOnHead } = places[k]!;
      const base = j < 0 ? NONE : j === 0 ? root : line[isOnHead ? (j - 1) * blockSize : j * blockSize - 1]!;
      if (base === bases[g] || !isRewritable(this.#forest, g)) continue;
      this.predecessor[g] = base;
      this.rowCount[g] = base === NONE ? states.keyCount(state[g]!) : states.deltaSize(state[base]!, state[g]!);
    }
  }

  /** Works out hops and paths of a line; hangs lower what breaks the bound. Returns what the line costs and how many were hung lower. */
  #settle(line: readonly number[]): { readonly cost: number; readonly lowered: number } {
    let [cost, lowered] = [0, 0];
    for (const g of line) {
      if (this.#lower(g)) lowered++;
      const base = this.predecessor[g]!;
      const isSnapshot = base === NONE || base > g;
      this.#hops[g] = isSnapshot ? 0 : this.#hops[base]! + 1;
      this.#pathRows[g] = this.rowCount[g]! + (isSnapshot ? 0 : this.#pathRows[base]!);
      cost += this.rowCount[g]! +
        this.#ownWeight(g) * (this.#hopPrice * this.#hops[g]! + this.#rowPrice * this.#pathRows[g]!);
    }
    return { cost, lowered };
  }

  /** Hangs g lower where it breaks the bound. Those under it are as they will be. */
  #lower(g: number): boolean {
    const { states, state } = this.#forest;
    let base = this.predecessor[g]!;
    const most = this.#maxHops - this.#need[g]! - 1;
    if (base === NONE || base > g || this.#hops[base]! <= most || !isRewritable(this.#forest, g)) return false;
    while (base !== NONE && (this.#hops[base]! > most || !mayBeBase(this.#forest, base))) {
      base = this.predecessor[base]!;
    }
    const snapshotRows = states.keyCount(state[g]!);
    const rows = base === NONE ? NO_FIT : states.deltaSize(state[base]!, state[g]!);
    const isSnapshot = rows === NO_FIT || rows >= snapshotRows;
    this.predecessor[g] = isSnapshot ? NONE : base;
    this.rowCount[g] = isSnapshot ? snapshotRows : rows;
    return true;
  }
}
