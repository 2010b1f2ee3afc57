/**
 * The read-cost model: what Synapse pays for a group's full state, in microseconds. One place for it; the local search minimizes by
 * it, the reports show it, and never-worse is judged by it.
 *
 * Synapse reads a state with a recursive query over the edges, then fetches and sorts the rows of every group on the path,
 * also those that a later row hides (`_get_state_groups_from_groups_txn` in synapse/storage/databases/state/bg_updates.py, run
 * with enable_seqscan off). So a read costs a fixed part, an index probe for each hop, and each row on the path. The constants are
 * rounded from fits to those two queries on PostgreSQL 15, over several rooms: machines differ in the unit, hardly in the
 * ratios, and only the ratios matter to a plan.
 */
import { type DeltaForest, NONE } from "../forest/forest.ts";

/** What a read costs, in microseconds: a fixed part, each hop, each row on the path. */
export interface CostModel {
  readonly fixedUs: number;
  readonly hopUs: number;
  readonly rowUs: number;
}

/** The yardstick: a hop costs as much as about three rows. */
export const READ_COST: CostModel = { fixedUs: 100, hopUs: 10, rowUs: 3 };

/** Microseconds to read the full state of a group with so many hops and rows on its path. */
export function readCost(hops: number, pathRows: number, model: CostModel = READ_COST): number {
  return model.fixedUs + model.hopUs * hops + model.rowUs * pathRows;
}

/** The share of a room's groups that count as its newest, and the most that do: Synapse reads these all day. */
export const NEWEST_SHARE = 0.05;
export const MAX_NEWEST = 1000;

/** How many of a room's groups are its newest: 5 %, at least 1 and at most 1,000. */
function countNewest(groups: number): number {
  return Math.min(groups, MAX_NEWEST, Math.max(1, Math.ceil(groups * NEWEST_SHARE)));
}

/** How many groups are read by way of each group: itself, and those outside the forest whose chains enter it there. */
export interface Readers {
  /** all[g]: of all groups. */
  readonly all: Float64Array;
  /** newest[g]: of the room's newest. */
  readonly newest: Float64Array;
  /** The id of the oldest of the room's newest groups; Infinity where there are no groups. */
  readonly newestFrom: number;
}

/**
 * Counts the readers of a forest's groups. O(groups).
 *
 * @param newestFrom the id of the oldest of the room's newest groups, where the forest and what is outside it are not the whole room
 */
export function countReaders(
  forest: Pick<DeltaForest, "size" | "groupId" | "outside">,
  newestFrom: number = findNewestFrom(forest),
): Readers {
  const { size, groupId, outside } = forest;
  const all = new Float64Array(size).fill(1);
  const newest = new Float64Array(size);
  for (let g = size - 1; g >= 0 && groupId[g]! >= newestFrom; g--) newest[g] = 1;
  for (let i = 0; i < outside.size; i++) {
    const root = outside.root[i]!;
    if (root === NONE) continue;
    all[root]!++;
    if (outside.groupId[i]! >= newestFrom) newest[root]!++;
  }
  return { all, newest, newestFrom };
}

function findNewestFrom({ size, groupId, outside }: Pick<DeltaForest, "size" | "groupId" | "outside">): number {
  let [g, i] = [size - 1, outside.size - 1];
  let from = Infinity;
  for (let left = countNewest(size + outside.size); left > 0; left--) {
    from = i < 0 || g >= 0 && groupId[g]! > outside.groupId[i]! ? groupId[g--]! : outside.groupId[i--]!;
  }
  return from;
}

/** What reading a room costs. */
export interface ReadCosts {
  /** Mean modelled cost of reading a group's full state, in microseconds, over all groups. */
  readonly meanUs: number;
  /** The same over the room's newest groups: 5 % of all, at most 1,000; 0 where none of them builds on the forest. */
  readonly newestUs: number;
}

/** A forest's columns, before or after. */
export interface Chains {
  /** predecessor[g]: index of g's predecessor, or NONE. */
  readonly predecessor: Int32Array;
  /** rowCount[g]: g's rows. */
  readonly rowCount: Int32Array;
}

/**
 * Works out what reading the groups costs. A group outside the forest counts as the group of the forest that it builds on: what it
 * adds is the same before and after. O(groups).
 */
export function measureReads(
  { predecessor, rowCount }: Chains,
  readers: Pick<Readers, "all" | "newest">,
  model: CostModel = READ_COST,
): ReadCosts {
  const size = predecessor.length;
  const hops = new Int32Array(size);
  const pathRows = new Float64Array(size);
  const sum = new ReadSum();
  for (let g = 0; g < size; g++) {
    const base = predecessor[g]!;
    const isSnapshot = base === NONE || base > g;
    hops[g] = isSnapshot ? 0 : hops[base]! + 1;
    pathRows[g] = rowCount[g]! + (isSnapshot ? 0 : pathRows[base]!);
    sum.add(readCost(hops[g]!, pathRows[g]!, model), readers.all[g]!, readers.newest[g]!);
  }
  return sum.costs();
}

/** Sums up what groups cost to read. */
export class ReadSum {
  #all = 0;
  #newest = 0;
  #count = 0;
  #newestCount = 0;

  add(costUs: number, readers: number, newest: number): void {
    this.#all += costUs * readers;
    this.#newest += costUs * newest;
    this.#count += readers;
    this.#newestCount += newest;
  }

  costs(): ReadCosts {
    const mean = (sum: number, count: number) => count === 0 ? 0 : sum / count;
    return { meanUs: mean(this.#all, this.#count), newestUs: mean(this.#newest, this.#newestCount) };
  }
}
