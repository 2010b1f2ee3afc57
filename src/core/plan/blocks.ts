/**
 * Which block of a line builds on which, so that rows + λ × read cost are least. Blocks are runs of groups, each on the one before;
 * the first group of a block, its head, may build on any earlier block's head or end, or be a snapshot. What is read by way of a
 * block follows it without a gap: then the least cost of all blocks from one to another is a sum of two smaller ones, and where the
 * second begins only moves forward (Knuth's bound, which for deltas is a good guess and not a law). O(blocks²); 19 bytes for each pair.
 */

/** What a block holds. */
export interface Block {
  /** What counts of the groups in it, and of all that builds on them beside the line. */
  readonly weight: number;
  /** Rows and hops from its head to its end. */
  readonly restRows: number;
  readonly restHops: number;
  /** The rows of its head as a snapshot. */
  readonly snapshotRows: number;
}

/** Prices, in rows. */
export interface Prices {
  /** Of a hop and of a row on the path, for each unit of weight. */
  readonly hop: number;
  readonly row: number;
  /** Of a rewrite. */
  readonly rewrite: number;
  /** Of the path to what the line builds on, for each unit of weight. */
  readonly rootPath: number;
}

/** Where a block's head was put: on the head or the end of block `base`; 0 is what the line builds on, -1 a snapshot. */
export interface BlockPlace {
  readonly base: number;
  readonly isOnHead: boolean;
}

/** Rows of a delta that cannot be. */
const NEVER = 1 << 28;

/** Deltas between blocks, numbered from 1; 0 is what the line builds on. Reused for one line after the other. */
export class BlockTable {
  #count = 0;
  #added = 0;
  /** at[j] + k is where the pair j < k has its cells. */
  #at = new Int32Array(0);
  #onHead = new Int32Array(0);
  #onEnd = new Int32Array(0);
  /** cost[at[j] + k]: the least cost of what is read by way of j, up to block k; where the last part of it begins, and whether on j's head. */
  #cost = new Float64Array(0);
  #last = new Int16Array(0);
  #isOnHead = new Uint8Array(0);
  /** weightUpTo[k]: of blocks 1 to k. */
  #weightUpTo = new Float64Array(0);
  // Of each block.
  #restRows = new Int32Array(0);
  #restHops = new Int32Array(0);
  #snapshotRows = new Int32Array(0);

  /** Begins a line of so many blocks, at most 32,767. */
  reset(count: number): void {
    this.#count = count;
    this.#added = 0;
    this.#at = new Int32Array(count + 1);
    for (let j = 1; j <= count; j++) this.#at[j] = this.#at[j - 1]! + count - j;
    const pairs = (count + 1) * (count + 2) / 2;
    if (pairs > this.#cost.length) {
      this.#onHead = new Int32Array(pairs);
      this.#onEnd = new Int32Array(pairs);
      this.#cost = new Float64Array(pairs);
      this.#last = new Int16Array(pairs);
      this.#isOnHead = new Uint8Array(pairs);
    }
    this.#weightUpTo = new Float64Array(count + 1);
    this.#restRows = new Int32Array(count + 1);
    this.#restHops = new Int32Array(count + 1);
    this.#snapshotRows = new Int32Array(count + 1);
  }

  /** Adds the next block. */
  add({ weight, restRows, restHops, snapshotRows }: Block): void {
    const k = ++this.#added;
    this.#weightUpTo[k] = this.#weightUpTo[k - 1]! + weight;
    this.#restRows[k] = restRows;
    this.#restHops[k] = restHops;
    this.#snapshotRows[k] = snapshotRows;
  }

  /** Sets the rows of block k's head on the head, and on the end, of block j < k. */
  setRows(j: number, k: number, onHead: number, onEnd: number): void {
    const at = this.#at[j]! + k;
    this.#onHead[at] = onHead;
    this.#onEnd[at] = onEnd;
  }

  /** Forbids deltas on a block's head or end, but for the end's to the next block: that is as it stands. */
  forbidBase(j: number, { head, end }: { readonly head: boolean; readonly end: boolean }): void {
    for (let k = j + 1; k <= this.#count; k++) {
      if (head) this.#onHead[this.#at[j]! + k] = NEVER;
      if (end && k > j + 1) this.#onEnd[this.#at[j]! + k] = NEVER;
    }
  }

  /** Leaves block k where it is. */
  fix(k: number): void {
    for (let j = 0; j < k; j++) {
      this.#onHead[this.#at[j]! + k] = NEVER;
      if (j < k - 1) this.#onEnd[this.#at[j]! + k] = NEVER;
    }
    if (k > 1) this.#snapshotRows[k] = NEVER;
  }

  /** There is nothing that the line builds on. */
  forbidRoot(): void {
    for (let k = 1; k <= this.#count; k++) this.#onHead[this.#at[0]! + k] = this.#onEnd[this.#at[0]! + k] = NEVER;
  }

  /** The best places of all blocks; [0] is nothing's. */
  solve(prices: Prices): BlockPlace[] {
    const count = this.#count;
    const [at, cost, weightUpTo, snapshotRows] = [this.#at, this.#cost, this.#weightUpTo, this.#snapshotRows];
    this.#solvePairs(prices);
    // What is read by way of the root comes first, then snapshots with what is read by way of them.
    const least = new Float64Array(count + 1).fill(Infinity);
    const begin = new Int32Array(count + 1);
    least[0] = 0;
    for (let e = 1; e <= count; e++) {
      let best = cost[e]! + prices.rootPath * weightUpTo[e]!;
      for (let c = 1; c <= e; c++) {
        const weight = weightUpTo[e]! - weightUpTo[c - 1]!;
        const alone = least[c - 1]! + snapshotRows[c]! * (1 + prices.row * weight) + prices.rewrite;
        if (alone >= best) continue;
        const sum = alone + (e > c ? cost[at[c]! + e]! : 0);
        if (sum < best) {
          best = sum;
          begin[e] = c;
        }
      }
      least[e] = best;
    }
    const places: BlockPlace[] = Array(count + 1).fill({ base: 0, isOnHead: false });
    const parts: [base: number, end: number][] = [];
    for (let e = count; e > 0; e = begin[e]! - 1) {
      parts.push([begin[e]!, e]);
      if (begin[e] === 0) break;
      places[begin[e]!] = { base: -1, isOnHead: false };
    }
    for (let part; (part = parts.pop()) !== undefined;) {
      const [base] = part;
      for (let end = part[1]; end > base;) {
        const pair = this.#at[base]! + end;
        const c = this.#last[pair]!;
        places[c] = { base, isOnHead: this.#isOnHead[pair] === 1 };
        parts.push([c, end]);
        end = c - 1;
      }
    }
    return places;
  }

  #solvePairs({ row, hop, rewrite }: Prices): void {
    const count = this.#count;
    const [at, cost, last, isOnHead] = [this.#at, this.#cost, this.#last, this.#isOnHead];
    const [onHead, onEnd, weightUpTo] = [this.#onHead, this.#onEnd, this.#weightUpTo];
    for (let j = count - 1; j >= 0; j--) {
      const line = at[j]!;
      const hopOnEnd = hop + (row * this.#restRows[j]! + hop * this.#restHops[j]!);
      for (let e = j + 1; e <= count; e++) {
        let from = j + 1;
        let to = e;
        if (e > j + 1) {
          from = last[line + e - 1]!;
          to = Math.max(from, last[at[j + 1]! + e]!);
        }
        let best = Infinity;
        let begin = from;
        let byHeadIsBest = false;
        for (;;) {
          for (let c = from; c <= to; c++) {
            const weight = weightUpTo[e]! - weightUpTo[c - 1]!;
            const rows = 1 + row * weight;
            const byEnd = onEnd[line + c]! * rows + hopOnEnd * weight + (c === j + 1 ? 0 : rewrite);
            const byHead = onHead[line + c]! * rows + hop * weight + rewrite;
            const sum = (byEnd < byHead ? byEnd : byHead) + (c > j + 1 ? cost[line + c - 1]! : 0) +
              (e > c ? cost[at[c]! + e]! : 0);
            if (sum < best) {
              best = sum;
              begin = c;
              byHeadIsBest = byHead < byEnd;
            }
          }
          if (best < NEVER || begin === j + 1) break;
          // All that was looked at is forbidden. One run of all blocks is always possible.
          from = to = begin = j + 1;
        }
        cost[line + e] = best;
        last[line + e] = begin;
        isOnHead[line + e] = byHeadIsBest ? 1 : 0;
      }
    }
  }
}
