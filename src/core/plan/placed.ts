/**
 * A plan whose groups are moved one at a time. A group's move changes what reading everything above it costs, so each group
 * carries the weight of all that builds on it, and hops, rows on the path and weights are kept up to date as it moves: a move is
 * made in O(groups above it + hops), so that whoever looks for one can judge it in O(1) but for the size of one delta. Typed
 * arrays only; 60 bytes a group.
 */
import { type DeltaForest, isRewritable, NONE } from "../forest/forest.ts";
import { type Chains, type CostModel, READ_COST, readCost, type ReadCosts, type Readers, ReadSum } from "./cost.ts";
import { DeltaSizes } from "./deltas.ts";
import type { NaturalBases } from "./natural.ts";
import { Paths } from "./paths.ts";
import { type OnStep, STEP_MASK } from "./plan.ts";

/** Where groups may be, and what counts. */
export interface PlaceLimits {
  /** The most hops any group may have. */
  readonly maxHops: number;
  /** reserve[g]: hops that must stay free above g, for groups outside the forest or because g is a tip. */
  readonly reserve: Int32Array;
  /** How many groups are read by way of each. */
  readonly readers: Readers;
  /** Sizes that other searches of this forest have found. @default none */
  readonly deltas?: DeltaSizes | undefined;
  /** The paths of the natural bases. @default they are found */
  readonly paths?: Paths | undefined;
  /** @default READ_COST */
  readonly model?: CostModel | undefined;
  /** Called every few dozen visits. */
  readonly onStep?: OnStep | undefined;
}

/**
 * What a move that rewrites a group must save, in rows: a rewrite costs a transaction's share and its WAL, so it has to pay for
 * itself. Without it three times as many groups are rewritten, for one part in a thousand.
 */
export const REWRITE_ROWS = 0.3;

/** A plan in the making. Its columns are there to be read; only move() changes them. */
export class PlacedGroups implements Chains {
  readonly forest: DeltaForest;
  readonly natural: NaturalBases;
  readonly deltas: DeltaSizes;
  readonly paths: Paths;
  /** The most hops any group may have. */
  maxHops = 0;
  readonly predecessor: Int32Array<ArrayBuffer>;
  readonly rowCount: Int32Array<ArrayBuffer>;
  /** The plan's rows. */
  totalRows = 0;
  /** What a hop and a row on the path cost in milliseconds: λ is rows a millisecond. */
  readonly hopMs: number;
  readonly rowMs: number;
  /** isMovable[g]: 1 where g may be rewritten. */
  readonly isMovable: Uint8Array;
  readonly hops: Int32Array;
  /** pathRows[g]: rows of g and of all that it builds on. */
  readonly pathRows: Int32Array;
  /** weight[g]: of g and all groups above it. */
  readonly weight: Float64Array;
  /** need[g]: hops that g and the groups above it need above g. */
  readonly need: Int32Array;
  /** Children as linked lists: child[g] is the one hung last, next[g] its neighbour; or NONE. */
  readonly child: Int32Array;
  readonly next: Int32Array;
  readonly #previous: Int32Array;
  #reserve: Int32Array = new Int32Array(0);
  readonly #model: CostModel;
  /** How many groups are read by way of each. */
  readonly readers: Readers;
  readonly #onStep: OnStep | undefined;
  /** Groups visited, for whatever reason. */
  #visits = 0;
  readonly #stack: Int32Array;

  constructor(forest: DeltaForest, natural: NaturalBases, start: Chains, limits: PlaceLimits) {
    const { size } = forest;
    const model = limits.model ?? READ_COST;
    this.forest = forest;
    this.natural = natural;
    this.deltas = limits.deltas ?? new DeltaSizes(forest.states, size);
    this.paths = limits.paths ?? new Paths(natural.base);
    this.#model = model;
    this.#onStep = limits.onStep;
    this.readers = limits.readers;
    this.hopMs = model.hopUs / 1000;
    this.rowMs = model.rowUs / 1000;
    this.isMovable = new Uint8Array(size);
    for (let g = 0; g < size; g++) this.isMovable[g] = isRewritable(forest, g) ? 1 : 0;
    const column = () => new Int32Array(size);
    [this.predecessor, this.rowCount] = [column(), column()];
    [this.hops, this.pathRows, this.need] = [column(), column(), column()];
    [this.child, this.next, this.#previous] = [column(), column(), column()];
    this.weight = new Float64Array(size);
    this.#stack = column();
    this.restart(start, limits);
  }

  /** Begins anew with other chains, in the same columns; weights are to be set then. O(groups). */
  restart(start: Chains, { maxHops, reserve }: Pick<PlaceLimits, "maxHops" | "reserve">): void {
    const { predecessor, rowCount, hops, pathRows, need } = this;
    const size = predecessor.length;
    this.maxHops = maxHops;
    this.#reserve = reserve;
    predecessor.set(start.predecessor);
    rowCount.set(start.rowCount);
    need.set(reserve);
    this.child.fill(NONE);
    this.next.fill(NONE);
    let total = 0;
    for (let g = 0; g < size; g++) {
      const base = this.under(g);
      hops[g] = base === NONE ? 0 : hops[base]! + 1;
      pathRows[g] = rowCount[g]! + (base === NONE ? 0 : pathRows[base]!);
      total += rowCount[g]!;
      this.#link(g, base);
    }
    this.totalRows = total;
    for (let g = size - 1; g >= 0; g--) {
      const base = this.under(g);
      if (base !== NONE && need[g]! >= need[base]!) need[base] = need[g]! + 1;
    }
  }

  /** Counts a visit to a group, and tells of the work now and then. */
  tell(): void {
    if ((++this.#visits & STEP_MASK) === 0) this.#onStep?.("arranging", undefined);
  }

  /** Sets how many times as much as others a newest group's read counts. Call it before any move. O(groups). */
  weigh(newest: number): void {
    const { all, newest: newestReaders } = this.readers;
    const weight = this.weight;
    for (let g = 0; g < weight.length; g++) weight[g] = all[g]! + (newest - 1) * newestReaders[g]!;
    for (let g = weight.length - 1; g >= 0; g--) {
      const base = this.under(g);
      if (base !== NONE) weight[base]! += weight[g]!;
    }
  }

  /** What reading the groups costs by the plan as it is now. O(groups). */
  readCosts(): ReadCosts {
    const sum = new ReadSum();
    for (let g = 0; g < this.predecessor.length; g++) {
      const cost = readCost(this.hops[g]!, this.pathRows[g]!, this.#model);
      sum.add(cost, this.readers.all[g]!, this.readers.newest[g]!);
    }
    return sum.costs();
  }

  /** Whether every chain keeps the bound. O(groups). */
  isWithinBound(): boolean {
    for (let g = 0; g < this.predecessor.length; g++) {
      if (this.under(g) === NONE && this.need[g]! > this.maxHops) return false;
    }
    return true;
  }

  /** What the search minimizes, at a rate; with what the rewrites cost that it takes to get there. O(groups). */
  objective(lambda: number, newestWeight: number): number {
    const { all, newest } = this.readers;
    const { predecessor, rowCount } = this.forest;
    let sum = this.totalRows;
    for (let g = 0; g < this.predecessor.length; g++) {
      const weight = all[g]! + (newestWeight - 1) * newest[g]!;
      sum += lambda * weight * (this.hopMs * this.hops[g]! + this.rowMs * this.pathRows[g]!);
      if (this.predecessor[g] !== predecessor[g] || this.rowCount[g] !== rowCount[g]) sum += REWRITE_ROWS;
    }
    return sum;
  }

  /** Moves g to another base, or to none, with so many rows. */
  move(g: number, base: number, rows: number): void {
    const from = this.predecessor[g]!;
    const weight = this.weight[g]!;
    this.#unlink(g, from);
    for (let under = from; under !== NONE; under = this.under(under)) this.weight[under]! -= weight;
    this.#lowerNeeds(from, this.need[g]! + 1);
    const hops = (base === NONE ? 0 : this.hops[base]! + 1) - this.hops[g]!;
    const pathRows = rows + (base === NONE ? 0 : this.pathRows[base]!) - this.pathRows[g]!;
    this.totalRows += rows - this.rowCount[g]!;
    this.predecessor[g] = base;
    this.rowCount[g] = rows;
    this.#link(g, base);
    let need = this.need[g]!;
    for (let under = base; under !== NONE; under = this.under(under)) {
      this.weight[under]! += weight;
      if (++need > this.need[under]!) this.need[under] = need;
    }
    this.#shift(g, hops, pathRows);
  }

  /** Adds to the hops and path rows of g and all above it. */
  #shift(g: number, hops: number, pathRows: number): void {
    let top = 0;
    this.#stack[top++] = g;
    while (top > 0) {
      const group = this.#stack[--top]!;
      this.hops[group]! += hops;
      this.pathRows[group]! += pathRows;
      for (let child = this.child[group]!; child !== NONE; child = this.next[child]!) {
        this.#stack[top++] = child;
      }
    }
  }

  /** Works out need[group] and those under it again, after something that needed `gone` hops above it went away. */
  #lowerNeeds(group: number, gone: number): void {
    while (group !== NONE && this.need[group] === gone) {
      let need = this.#reserve[group]!;
      for (let child = this.child[group]!; child !== NONE && need < gone; child = this.next[child]!) {
        if (this.need[child]! >= need) need = this.need[child]! + 1;
      }
      if (need >= gone) return;
      this.need[group] = need;
      gone++;
      group = this.under(group);
    }
  }

  /** What g is hung on, or NONE; broken data may have a predecessor that comes later: the chain ends there. */
  under(g: number): number {
    const base = this.predecessor[g]!;
    return base < g ? base : NONE;
  }

  #link(g: number, base: number): void {
    if (base === NONE) return;
    const first = this.child[base]!;
    this.#previous[g] = NONE;
    this.next[g] = first;
    if (first !== NONE) this.#previous[first] = g;
    this.child[base] = g;
  }

  #unlink(g: number, base: number): void {
    if (base === NONE) return;
    const [previous, next] = [this.#previous[g]!, this.next[g]!];
    if (previous === NONE) this.child[base] = next;
    else this.next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }
}
