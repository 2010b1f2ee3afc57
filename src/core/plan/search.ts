/**
 * Local search over a plan: groups are moved to other bases, one at a time, where that lowers rows + λ × read cost. A group's
 * move changes what reading everything above it costs, so each group carries the weight of all that builds on it, and hops, rows on the
 * path and weights are kept up to date as it moves: a move is judged in O(1) but for the size of one delta, and made in
 * O(groups above it + hops). Typed arrays only; 60 bytes a group.
 */
import { type DeltaForest, isRewritable, NONE } from "../forest/forest.ts";
import { NO_FIT } from "../forest/states.ts";
import { type Chains, type CostModel, READ_COST, readCost, type ReadCosts, type Readers, ReadSum } from "./cost.ts";
import type { NaturalBases } from "./natural.ts";
import { type OnStep, STEP_MASK } from "./plan.ts";

/** What a search may do, and what counts. */
export interface SearchLimits {
  /** The most hops any group may have. */
  readonly maxHops: number;
  /** reserve[g]: hops that must stay free above g, for groups outside the forest or because g is a tip. */
  readonly reserve: Int32Array;
  /** How many groups are read by way of each. */
  readonly readers: Readers;
  /** @default READ_COST */
  readonly model?: CostModel | undefined;
  /** Called every few dozen visits. */
  readonly onStep?: OnStep | undefined;
}

/**
 * What a move that rewrites a group must save, in rows: a rewrite costs a transaction's share and its WAL, so it has to pay for
 * itself. Without it three times as many groups are rewritten, for one part in a thousand.
 */
const REWRITE_ROWS = 0.3;
/** Siblings looked at, of those hung last. */
const SIBLINGS = 8;
/** Bases are tried at distances that grow by this factor: near ones are likelier to be good, and all alike far away. */
const STRIDE = 1.5;
/** How far down its natural chain a group looks. */
const REACH = 400;
const EPSILON = 1e-9;

/** A plan being improved. */
export class LocalSearch implements Chains {
  readonly predecessor: Int32Array<ArrayBuffer>;
  readonly rowCount: Int32Array<ArrayBuffer>;
  /** The plan's rows. */
  totalRows = 0;
  readonly #forest: DeltaForest;
  readonly #natural: NaturalBases;
  readonly #maxHops: number;
  /** Model constants in milliseconds: λ is rows a millisecond. */
  readonly #hopMs: number;
  readonly #rowMs: number;
  readonly #model: CostModel;
  readonly #readers: Readers;
  readonly #isMovable: Uint8Array;
  readonly #hops: Int32Array;
  readonly #pathRows: Int32Array;
  /** weight[g]: of g and all groups above it. */
  readonly #weight: Float64Array;
  /** need[g]: hops that g and the groups above it need above g. */
  readonly #need: Int32Array;
  readonly #reserve: Int32Array;
  /** Children as linked lists, the one hung last first. */
  readonly #child: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #stack: Int32Array;
  /** seen[g]: the visit in which g was considered. */
  readonly #seen: Int32Array;
  #visit = 0;
  readonly #onStep: OnStep | undefined;
  /** Groups visited, for whatever reason. */
  #visits = 0;

  // The group being visited: what it costs at best, and where.
  #group = NONE;
  #scale = 0;
  #best = 0;
  #bestBase = NONE;
  #bestRows = 0;
  /** The least that any base costs beyond its delta's rows. */
  #least = 0;

  constructor(forest: DeltaForest, natural: NaturalBases, start: Chains, limits: SearchLimits) {
    const { size } = forest;
    const model = limits.model ?? READ_COST;
    this.#forest = forest;
    this.#natural = natural;
    this.#maxHops = limits.maxHops;
    this.#model = model;
    this.#readers = limits.readers;
    this.#onStep = limits.onStep;
    this.#hopMs = model.hopUs / 1000;
    this.#rowMs = model.rowUs / 1000;
    this.predecessor = Int32Array.from(start.predecessor);
    this.rowCount = Int32Array.from(start.rowCount);
    this.#isMovable = new Uint8Array(size);
    this.#hops = new Int32Array(size);
    this.#pathRows = new Int32Array(size);
    this.#weight = new Float64Array(size);
    this.#reserve = limits.reserve;
    this.#need = Int32Array.from(limits.reserve);
    this.#child = new Int32Array(size).fill(NONE);
    this.#next = new Int32Array(size).fill(NONE);
    this.#previous = new Int32Array(size).fill(NONE);
    this.#seen = new Int32Array(size);
    this.#stack = new Int32Array(256);
    for (let g = 0; g < size; g++) {
      this.#isMovable[g] = isRewritable(forest, g) ? 1 : 0;
      const base = this.#under(g);
      this.#hops[g] = base === NONE ? 0 : this.#hops[base]! + 1;
      this.#pathRows[g] = this.rowCount[g]! + (base === NONE ? 0 : this.#pathRows[base]!);
      this.totalRows += this.rowCount[g]!;
      this.#link(g, base);
    }
    for (let g = size - 1; g >= 0; g--) {
      const base = this.#under(g);
      if (base === NONE) continue;
      this.#need[base] = Math.max(this.#need[base]!, this.#need[g]! + 1);
    }
  }

  /** Sets how many times as much as others a newest group's read counts. Call it before any move. O(groups). */
  weigh(newest: number): void {
    const { all, newest: newestReaders } = this.#readers;
    const weight = this.#weight;
    for (let g = 0; g < weight.length; g++) weight[g] = all[g]! + (newest - 1) * newestReaders[g]!;
    for (let g = weight.length - 1; g >= 0; g--) {
      const base = this.#under(g);
      if (base !== NONE) weight[base]! += weight[g]!;
    }
  }

  /** What reading the groups costs by the plan as it is now. O(groups). */
  readCosts(): ReadCosts {
    const sum = new ReadSum();
    for (let g = 0; g < this.predecessor.length; g++) {
      const cost = readCost(this.#hops[g]!, this.#pathRows[g]!, this.#model);
      sum.add(cost, this.#readers.all[g]!, this.#readers.newest[g]!);
    }
    return sum.costs();
  }

  /** Whether every chain keeps the bound. O(groups). */
  isWithinBound(): boolean {
    for (let g = 0; g < this.predecessor.length; g++) {
      if (this.#under(g) === NONE && this.#need[g]! > this.#maxHops) return false;
    }
    return true;
  }

  /** What the search minimizes, at a rate; with what the rewrites cost that it takes to get there. O(groups). */
  objective(lambda: number, newestWeight: number): number {
    const { all, newest } = this.#readers;
    const { predecessor, rowCount } = this.#forest;
    let sum = this.totalRows;
    for (let g = 0; g < this.predecessor.length; g++) {
      const weight = all[g]! + (newestWeight - 1) * newest[g]!;
      sum += lambda * weight * (this.#hopMs * this.#hops[g]! + this.#rowMs * this.#pathRows[g]!);
      if (this.predecessor[g] !== predecessor[g] || this.rowCount[g] !== rowCount[g]) sum += REWRITE_ROWS;
    }
    return sum;
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
      if (this.#isMovable[g] === 0) continue;
      if (this.rowCount[g]! > this.#natural.rows[g]! || this.predecessor[g] === NONE) heads.push(g);
    }
    heads.sort((a, b) => this.rowCount[b]! - this.rowCount[a]! || a - b);
    let moves = 0;
    for (const g of heads) if (this.#improve(g, lambda)) moves++;
    return moves;
  }

  /**
   * Visits all groups, the oldest first.
   *
   * @returns the moves made
   */
  moveAll(lambda: number): number {
    let moves = 0;
    for (let g = 0; g < this.predecessor.length; g++) if (this.#isMovable[g] === 1 && this.#improve(g, lambda)) moves++;
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
      if (this.#isMovable[g] === 0 || this.rowCount[g]! <= this.#natural.rows[g]!) continue;
      if (this.predecessor[g] !== NONE && this.#shiftHead(g, lambda)) moves++;
    }
    return moves;
  }

  #tell(): void {
    if ((++this.#visits & STEP_MASK) === 0) this.#onStep?.("arranging", undefined);
  }

  #shiftHead(g: number, lambda: number): boolean {
    this.#tell();
    const head = this.predecessor[g]!;
    const natural = this.#natural.base[g]!;
    if (natural === NONE || natural === head || this.#forest.isPending[natural] === 1) return false;
    const rows = this.#natural.rows[g]!;
    let best = REWRITE_ROWS;
    let successor = NONE;
    let successorRows = 0;
    const { states, state } = this.#forest;
    const [hop, row] = [lambda * this.#hopMs, lambda * this.#rowMs];
    const [hops, path, weight, need] = [this.#hops, this.#pathRows, this.#weight, this.#need];
    const delta = (x: number, limit: number) => states.deltaSize(state[head]!, state[x]!, limit);
    // A later group: the heaviest children of g, of that, and so on, at growing distances.
    if (hops[natural]! + 1 + need[g]! <= this.#maxHops) {
      const away = rows - this.rowCount[g]! +
        weight[g]! * (hop * (hops[natural]! + 1 - hops[g]!) + row * (path[natural]! + rows - path[g]!));
      const [hopsOver, pathOver] = [hops[natural]! + 1 - hops[g]!, path[natural]! + rows - path[g]!];
      let step = 1;
      for (let x = this.#heaviestChild(g), i = 1; x !== NONE && i <= 40; x = this.#heaviestChild(x), i++) {
        if (i < step || this.#isMovable[x] === 0) continue;
        step = Math.max(step + 1, Math.floor(step * STRIDE));
        const gain = (size: number) =>
          -(away + size - this.rowCount[x]! +
            weight[x]! *
              (hop * (hops[head]! + 1 - hops[x]! - hopsOver) + row * (path[head]! + size - path[x]! - pathOver)));
        if (gain(this.#natural.rows[x]!) <= best) continue;
        const size = delta(x, this.rowCount[g]! * 2 + 8);
        if (size === NO_FIT || size > this.rowCount[g]! * 2 + 8) continue;
        if (gain(size) > best) [best, successor, successorRows] = [gain(size), x, size];
      }
    }
    // An earlier one, under which g would come to stand.
    let step = 1;
    for (let x = natural, i = 1; x !== NONE && x > head && i <= 40; x = this.predecessor[x]!, i++) {
      if (i < step || this.#isMovable[x] === 0 || this.predecessor[x] === head) continue;
      step = Math.max(step + 1, Math.floor(step * STRIDE));
      if (hops[head]! + 1 + i + need[g]! > this.#maxHops || hops[head]! + 1 + need[x]! > this.#maxHops) continue;
      const gain = (size: number) => {
        const [hopsOver, pathOver] = [hops[head]! + 1 - hops[x]!, path[head]! + size - path[x]!];
        return -(size - this.rowCount[x]! + weight[x]! * (hop * hopsOver + row * pathOver) + rows - this.rowCount[g]! +
          weight[g]! *
            (hop * (hops[natural]! + hopsOver + 1 - hops[g]!) + row * (path[natural]! + pathOver + rows - path[g]!)));
      };
      if (gain(this.#natural.rows[x]!) <= best) continue;
      const size = delta(x, this.rowCount[g]! * 2 + 8);
      if (size === NO_FIT || size > this.rowCount[g]! * 2 + 8) continue;
      if (gain(size) > best) [best, successor, successorRows] = [gain(size), x, size];
    }
    if (successor === NONE) return false;
    if (successor < g) {
      this.#move(successor, head, successorRows);
      this.#move(g, natural, rows);
    } else {
      this.#move(g, natural, rows);
      this.#move(successor, head, successorRows);
    }
    return true;
  }

  #heaviestChild(g: number): number {
    let heaviest = NONE;
    for (let child = this.#child[g]!, i = 0; child !== NONE && i < 64; child = this.#next[child]!, i++) {
      if (heaviest === NONE || this.#weight[child]! > this.#weight[heaviest]!) heaviest = child;
    }
    return heaviest;
  }

  /** Moves g to the best base in reach, if that is better than where it is. */
  #improve(g: number, lambda: number): boolean {
    const { predecessor, rowCount } = this;
    const { predecessor: before, rowCount: rowsBefore, states, state } = this.#forest;
    const present = predecessor[g]!;
    const scale = this.#scale = lambda * this.#weight[g]!;
    const keyCount = states.keyCount(state[g]!);
    this.#tell();
    this.#visit++;
    this.#group = g;
    this.#bestBase = present;
    this.#bestRows = rowCount[g]!;
    this.#best = this.#hops[g]! + this.#need[g]! > this.#maxHops
      ? Infinity
      : rowCount[g]! + scale * (this.#hopMs * this.#hops[g]! + this.#rowMs * this.#pathRows[g]!) +
        (present === before[g] && rowCount[g] === rowsBefore[g] ? 0 : REWRITE_ROWS);
    const snapshot = keyCount * (1 + scale * this.#rowMs) + (before[g] === NONE ? 0 : REWRITE_ROWS);
    if (snapshot < this.#best - EPSILON && this.#need[g]! <= this.#maxHops) {
      this.#best = snapshot;
      this.#bestBase = NONE;
      this.#bestRows = keyCount;
    }
    // The rows on a path are at least the keys of the state.
    this.#least = scale * (this.#hopMs + this.#rowMs * keyCount);
    if (before[g] !== NONE && before[g]! < g) this.#consider(before[g]!);
    const natural = this.#natural.base[g]!;
    const isHead = rowCount[g]! > this.#natural.rows[g]!;
    if (this.#isOpen()) {
      if (natural !== NONE) {
        this.#consider(natural);
        this.#walk(predecessor, natural);
        this.#walk(this.#natural.base, natural);
        if (isHead) this.#considerSiblings(natural);
      }
      if (present !== NONE && present !== natural) {
        this.#walk(predecessor, present);
        if (isHead) this.#considerSiblings(present);
      }
    }
    if (this.#bestBase === present && this.#bestRows === rowCount[g]) return false;
    this.#move(g, this.#bestBase, this.#bestRows);
    return true;
  }

  /** Whether any base could still be better: one with the fewest rows, the fewest hops and no hidden rows. */
  #isOpen(): boolean {
    return this.#natural.rows[this.#group]! + REWRITE_ROWS < this.#best - this.#least;
  }

  /** Tries groups under `from` in a tree, at growing distances, until deltas are too large for any gain. */
  #walk(tree: Int32Array, from: number): void {
    let step = 1;
    let group = tree[from]!;
    for (let i = 1; group !== NONE && i < REACH; i++, group = tree[group]!) {
      if (i < step) continue;
      if (!this.#consider(group)) return;
      step = Math.max(step + 1, Math.floor(step * STRIDE));
    }
  }

  #considerSiblings(base: number): void {
    let group = this.#child[base]!;
    for (let i = 0; i < SIBLINGS && group !== NONE; i++, group = this.#next[group]!) {
      if (group < this.#group) this.#consider(group);
    }
    const under = this.#under(base);
    if (under === NONE) return;
    group = this.#child[under]!;
    for (let i = 0; i < SIBLINGS && group !== NONE; i++, group = this.#next[group]!) {
      if (group < this.#group) this.#consider(group);
    }
  }

  /** Notes `base` if the group is better off on it. False where its delta is too large for any base of this kind to gain. */
  #consider(base: number): boolean {
    if (this.#seen[base] === this.#visit) return true;
    this.#seen[base] = this.#visit;
    const g = this.#group;
    const { states, state, predecessor, isPending, isLeftOut, rowCount } = this.#forest;
    if (this.#hops[base]! + 1 + this.#need[g]! > this.#maxHops) return true;
    const isBefore = base === predecessor[g];
    if (!isBefore && (isPending[base] === 1 || isLeftOut[base] === 1)) return true;
    const fee = isBefore && rowCount[g] === this.#natural.rows[g] ? 0 : REWRITE_ROWS;
    const rows = 1 + this.#scale * this.#rowMs;
    const place = this.#scale * (this.#hopMs * (this.#hops[base]! + 1) + this.#rowMs * this.#pathRows[base]!);
    const limit = (this.#best - fee - place) / rows;
    if (this.#natural.rows[g]! >= limit - EPSILON) return true;
    const most = this.#best - this.#least;
    const size = states.deltaSize(state[base]!, state[g]!, most);
    if (size === NO_FIT) return true;
    if (size >= most) return false;
    if (size < limit - EPSILON) {
      this.#best = size * rows + place + fee;
      this.#bestBase = base;
      this.#bestRows = size;
    }
    return true;
  }

  #move(g: number, base: number, rows: number): void {
    const from = this.predecessor[g]!;
    const weight = this.#weight[g]!;
    this.#unlink(g, from);
    for (let under = from; under !== NONE; under = this.#under(under)) this.#weight[under]! -= weight;
    this.#lowerNeeds(from, this.#need[g]! + 1);
    const hops = (base === NONE ? 0 : this.#hops[base]! + 1) - this.#hops[g]!;
    const pathRows = rows + (base === NONE ? 0 : this.#pathRows[base]!) - this.#pathRows[g]!;
    this.totalRows += rows - this.rowCount[g]!;
    this.predecessor[g] = base;
    this.rowCount[g] = rows;
    this.#link(g, base);
    let need = this.#need[g]!;
    for (let under = base; under !== NONE; under = this.#under(under)) {
      this.#weight[under]! += weight;
      if (++need > this.#need[under]!) this.#need[under] = need;
    }
    this.#shift(g, hops, pathRows);
  }

  /** Adds to the hops and path rows of g and all above it. */
  #shift(g: number, hops: number, pathRows: number): void {
    let top = 0;
    this.#stack[top++] = g;
    while (top > 0) {
      const group = this.#stack[--top]!;
      this.#hops[group]! += hops;
      this.#pathRows[group]! += pathRows;
      for (let child = this.#child[group]!; child !== NONE; child = this.#next[child]!) {
        if (top === this.#stack.length) {
          const stack = new Int32Array(top * 2);
          stack.set(this.#stack);
          this.#stack = stack;
        }
        this.#stack[top++] = child;
      }
    }
  }

  /** Works out need[group] and those under it again, after something that needed `gone` hops above it went away. */
  #lowerNeeds(group: number, gone: number): void {
    while (group !== NONE && this.#need[group] === gone) {
      let need = this.#reserve[group]!;
      for (let child = this.#child[group]!; child !== NONE && need < gone; child = this.#next[child]!) {
        if (this.#need[child]! >= need) need = this.#need[child]! + 1;
      }
      if (need >= gone) return;
      this.#need[group] = need;
      gone++;
      group = this.#under(group);
    }
  }

  #under(g: number): number {
    const base = this.predecessor[g]!;
    return base < g ? base : NONE;
  }

  #link(g: number, base: number): void {
    if (base === NONE) return;
    const first = this.#child[base]!;
    this.#previous[g] = NONE;
    this.#next[g] = first;
    if (first !== NONE) this.#previous[first] = g;
    this.#child[base] = g;
  }

  #unlink(g: number, base: number): void {
    if (base === NONE) return;
    const [previous, next] = [this.#previous[g]!, this.#next[g]!];
    if (previous === NONE) this.#child[base] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }
}
