/**
 * Local search over a plan: groups are moved to other bases, one at a time, where that lowers rows + λ × read cost. Which groups
 * are visited, and in which order, is up to the caller. A visit costs the sizes of a few deltas.
 */
import { type DeltaForest, mayBeBase, NONE } from "../forest/forest.ts";
import { NO_FIT } from "../forest/states.ts";
import type { Chains } from "./cost.ts";
import type { NaturalBases } from "./natural.ts";
import { PlacedGroups, type PlaceLimits, REWRITE_ROWS } from "./placed.ts";
import { shiftHead } from "./shift.ts";

/** Siblings looked at, of those hung last. */
const SIBLINGS = 8;
/** Bases are tried at distances that grow by this factor: near ones are likelier to be good, and all alike far away. */
const STRIDE = 1.5;
/** How far down its natural chain a group looks. */
const REACH = 400;
const EPSILON = 1e-9;

function further(distance: number): number {
  return Math.max(distance + 1, Math.floor(distance * STRIDE));
}

/** A plan being improved. */
export class LocalSearch extends PlacedGroups {
  /** seen[g]: the visit in which g was considered. */
  readonly #seen: Int32Array;
  #visit = 0;

  // The group being visited: what it costs at best, and where.
  #group = NONE;
  #scale = 0;
  #best = 0;
  #bestBase = NONE;
  #bestRows = 0;
  /** The least that any base costs beyond its delta's rows. */
  #least = 0;

  constructor(forest: DeltaForest, natural: NaturalBases, start: Chains, limits: PlaceLimits) {
    super(forest, natural, start, limits);
    this.#seen = new Int32Array(forest.size);
  }

  /**
   * Visits the groups that cost more rows than on their natural base, the dearest first: the heads of runs and the snapshots.
   * They are few, and all that builds on them follows.
   *
   * @returns the moves made
   */
  moveHeads(lambda: number): number {
    const heads: number[] = [];
    for (let g = 0; g < this.predecessor.length; g++) {
      if (this.isMovable[g] === 0) continue;
      if (this.rowCount[g]! > this.natural.rows[g]! || this.predecessor[g] === NONE) heads.push(g);
    }
    heads.sort((a, b) => this.rowCount[b]! - this.rowCount[a]! || a - b);
    let moves = 0;
    for (const g of heads) if (this.#improve(g, lambda)) moves++;
    return moves;
  }

  /**
   * Visits the groups that are too deep, and those by way of which the newest are read, the oldest first.
   *
   * @returns the moves made
   */
  moveNewest(lambda: number): number {
    const { newest } = this.readers;
    let moves = 0;
    for (let g = 0; g < this.predecessor.length; g++) {
      if (this.isMovable[g] === 0) continue;
      if (newest[g]! === 0 && this.hops[g]! + this.need[g]! <= this.maxHops) continue;
      if (this.#improve(g, lambda)) moves++;
    }
    return moves;
  }

  /**
   * Visits all groups, or each n-th, the oldest first.
   *
   * @returns the moves made
   */
  moveAll(lambda: number, each = 1): number {
    let moves = 0;
    for (let g = 0; g < this.predecessor.length; g += each) {
      if (this.isMovable[g] === 1 && this.#improve(g, lambda)) moves++;
    }
    return moves;
  }

  /**
   * Moves heads along their branches: a head goes back to its natural base, and a group before or after it takes its place. One
   * move at a time cannot do that, since either half alone is a loss.
   *
   * @returns the heads moved
   */
  shiftHeads(lambda: number): number {
    let moves = 0;
    for (let g = this.predecessor.length - 1; g >= 0; g--) {
      if (this.isMovable[g] === 0 || this.rowCount[g]! <= this.natural.rows[g]!) continue;
      if (this.predecessor[g] !== NONE && shiftHead(this, g, lambda)) moves++;
    }
    return moves;
  }

  /** Moves g to the best base in reach, if that is better than where it is. */
  #improve(g: number, lambda: number): boolean {
    this.tell();
    const { predecessor, rowCount } = this;
    const { predecessor: before, rowCount: rowsBefore, states, state } = this.forest;
    const present = predecessor[g]!;
    const scale = this.#scale = lambda * this.weight[g]!;
    const keyCount = states.keyCount(state[g]!);
    this.#visit++;
    this.#group = g;
    this.#bestBase = present;
    this.#bestRows = rowCount[g]!;
    this.#best = this.hops[g]! + this.need[g]! > this.maxHops
      ? Infinity
      : rowCount[g]! + scale * (this.hopMs * this.hops[g]! + this.rowMs * this.pathRows[g]!) +
        (present === before[g] && rowCount[g] === rowsBefore[g] ? 0 : REWRITE_ROWS);
    const snapshot = keyCount * (1 + scale * this.rowMs) + (before[g] === NONE ? 0 : REWRITE_ROWS);
    if (snapshot < this.#best - EPSILON && this.need[g]! <= this.maxHops) {
      this.#best = snapshot;
      this.#bestBase = NONE;
      this.#bestRows = keyCount;
    }
    // The rows on a path are at least the keys of the state.
    this.#least = scale * (this.hopMs + this.rowMs * keyCount);
    if (before[g] !== NONE && before[g]! < g) this.#consider(before[g]!);
    const natural = this.natural.base[g]!;
    const isHead = rowCount[g]! > this.natural.rows[g]!;
    if (this.#isOpen()) {
      if (natural !== NONE) {
        this.#consider(natural);
        this.#walkDown(natural);
        this.#walkNatural(natural);
        if (isHead) this.#considerSiblings(natural);
      }
      if (present !== NONE && present !== natural) {
        this.#walkDown(present);
        if (isHead) this.#considerSiblings(present);
      }
    }
    if (this.#bestBase === present && this.#bestRows === rowCount[g]) return false;
    this.move(g, this.#bestBase, this.#bestRows);
    return true;
  }

  /** Whether any base could still be better: one with the fewest rows, the fewest hops and no hidden rows. */
  #isOpen(): boolean {
    return this.natural.rows[this.#group]! + REWRITE_ROWS < this.#best - this.#least;
  }

  /** Tries groups under `from` as they are hung now, at growing distances, until deltas are too large for any gain. */
  #walkDown(from: number): void {
    const { predecessor, hops } = this;
    let group = predecessor[from]!;
    for (let i = 1, step = 1; group !== NONE && i < REACH; step = further(step)) {
      if (hops[group]! < step - i) return;
      for (; i < step; i++) group = predecessor[group]!;
      if (!this.#consider(group)) return;
    }
  }

  /** The same along natural bases. */
  #walkNatural(from: number): void {
    for (let step = 1; step < REACH; step = further(step)) {
      const group = this.paths.under(from, step);
      if (group === NONE || !this.#consider(group)) return;
    }
  }

  #considerSiblings(base: number): void {
    let group = this.child[base]!;
    for (let i = 0; i < SIBLINGS && group !== NONE; i++, group = this.next[group]!) {
      if (group < this.#group) this.#consider(group);
    }
    const under = this.under(base);
    if (under === NONE) return;
    group = this.child[under]!;
    for (let i = 0; i < SIBLINGS && group !== NONE; i++, group = this.next[group]!) {
      if (group < this.#group) this.#consider(group);
    }
  }

  /** Notes `base` if the group is better off on it. False where its delta is too large for any base of this kind to gain. */
  #consider(base: number): boolean {
    if (this.#seen[base] === this.#visit) return true;
    this.#seen[base] = this.#visit;
    const g = this.#group;
    const { state, predecessor, rowCount } = this.forest;
    if (this.hops[base]! + 1 + this.need[g]! > this.maxHops) return true;
    const isBefore = base === predecessor[g];
    if (!isBefore && !mayBeBase(this.forest, base)) return true;
    const fee = isBefore && rowCount[g] === this.natural.rows[g] ? 0 : REWRITE_ROWS;
    const rows = 1 + this.#scale * this.rowMs;
    const place = this.#scale * (this.hopMs * (this.hops[base]! + 1) + this.rowMs * this.pathRows[base]!);
    const limit = (this.#best - fee - place) / rows;
    if (this.natural.rows[g]! >= limit - EPSILON) return true;
    const most = this.#best - this.#least;
    const size = this.deltas.size(state[base]!, state[g]!, most);
    if (size === NO_FIT) return true;
    if (size >= most) return false;
    if (size < limit - EPSILON) {
      this.#best = size * rows + place + fee;
      this.#bestBase = base;
      this.#bestRows = size;
    }
    return true;
  }
}
