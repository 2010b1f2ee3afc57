/**
 * From a forest to what would be written instead of it: a plan (each group's new predecessor and row count), its
 * rewrites (the groups that differ, with their new rows), and its statistics. `strategy: "levels"` is the Rust tool's rule, row
 * for row; `"branches"` is ours. Costs the differences between states, not their size.
 */
import { compressBranches } from "./branches.ts";
import { countHops, type DeltaForest, isRewritable, mayBeBase, NONE } from "../forest/forest.ts";
import { countHopsOutside } from "../forest/outside.ts";
import { grown } from "../forest/interner.ts";
import { checkLevel, DEFAULT_LEVELS, makeLevels, pushLevels } from "./levels.ts";
import { type CompressOptions, type Plan, STEP_MASK, type Strategy } from "./plan.ts";
import { EMPTY_STATE, NO_FIT } from "../forest/states.ts";

export {
  type CompressOptions,
  DEFAULT_PREFERENCE,
  type OnStep,
  type Plan,
  type Preference,
  PREFERENCES,
  type Strategy,
} from "./plan.ts";

/** The groups that change, with their new rows, as columns. */
export interface Rewrites {
  /** How many groups change. */
  readonly count: number;
  /** group[i]: index in the forest, ascending. */
  readonly group: Int32Array;
  /** predecessor[i]: index of its new predecessor, or NONE. */
  readonly predecessor: Int32Array;
  /** Its new rows are rowStart[i] up to rowStart[i + 1] of `key` and `event`. */
  readonly rowStart: Int32Array;
  /** key[r]: the number of row r's (type, state_key) pair in the forest's `keys`. */
  readonly key: Int32Array;
  /** event[r]: the number of row r's event id in the forest's `events`. */
  readonly event: Int32Array;
}

/** A forest and what is to become of it. */
export interface Compression extends Plan {
  /** The room as it stands. */
  readonly forest: DeltaForest;
  /** The strategy that made the plan. */
  readonly strategy: Strategy;
  /** Rows of all loaded groups, context groups included, as they stand. */
  readonly rowsBefore: number;
  /** The same once the plan is carried out. More than `rowsBefore` only with "levels". */
  readonly rowsAfter: number;
}

/**
 * Finds every group's new base.
 *
 * @throws {RangeError} a level or maxHops below 1
 */
export function compress(forest: DeltaForest, options: CompressOptions = {}): Compression {
  options.levels?.forEach(checkLevel);
  const strategy = options.strategy ?? "branches";
  const plan = strategy === "levels" ? compressLevels(forest, options) : compressBranches(forest, options);
  let rowsAfter = 0;
  for (let g = 0; g < forest.size; g++) rowsAfter += plan.rowCount[g]!;
  return { ...plan, forest, strategy, rowsBefore: forest.totalRows, rowsAfter };
}

/** The Rust tool's rule (its compressor.rs): push each group on the levels, take the base that they propose or one under it. */
function compressLevels(forest: DeltaForest, options: CompressOptions): Plan {
  const levels = options.savedLevels ?? makeLevels(options.levels ?? DEFAULT_LEVELS);
  const { states, state } = forest;
  const predecessor = forest.predecessor.slice();
  const rowCount = forest.rowCount.slice();
  let resets = 0;
  let resetRows = 0;
  let groupsChanged = 0;
  for (let g = 0; g < forest.size; g++) {
    if ((g & STEP_MASK) === 0) options.onStep?.("comparing", g / forest.size);
    if (!isRewritable(forest, g)) continue;
    let base = pushLevels(levels, g);
    if (base === forest.predecessor[g]) continue;
    groupsChanged++;
    let rows = NO_FIT;
    while (base !== NONE) {
      if (mayCarry(forest, base, g)) rows = states.deltaSize(state[base]!, state[g]!);
      if (rows !== NO_FIT) break;
      base = forest.isLeftOut[base] === 1 ? NONE : predecessor[base]!;
      if (base === NONE) {
        resets++;
        resetRows += states.keyCount(state[g]!);
      }
    }
    predecessor[g] = base;
    rowCount[g] = base === NONE ? states.keyCount(state[g]!) : rows;
  }
  return { predecessor, rowCount, resets, resetRows, groupsChanged, levels };
}

/** Whether `base` may be under `g`, if its state fits. A saved head can be any group, even one behind `g`. */
function mayCarry(forest: DeltaForest, base: number, g: number): boolean {
  if (base === forest.predecessor[g]) return true;
  return base < g && mayBeBase(forest, base);
}

/**
 * The groups whose predecessor or rows change, and their new rows. A delta on an unchanged predecessor has the same rows
 * unless it held needless ones, so it differs exactly where the count does.
 *
 * @param onProgress called every few dozen rewrites with what is done of them, 0 to 1
 */
export function findRewrites(compression: Compression, onProgress?: (share: number) => void): Rewrites {
  const { forest, predecessor, rowCount } = compression;
  const changed = [];
  let rows = 0;
  for (let g = 0; g < forest.size; g++) {
    if (predecessor[g] === forest.predecessor[g] && rowCount[g] === forest.rowCount[g]) continue;
    changed.push(g);
    rows += rowCount[g]!;
  }
  const group = Int32Array.from(changed);
  const rowStart = new Int32Array(group.length + 1);
  let key = new Int32Array(Math.min(rows, 1 << 20));
  let event = new Int32Array(key.length);
  let end = 0;
  for (let i = 0; i < group.length; i++) {
    if ((i & STEP_MASK) === 0) onProgress?.(i / group.length);
    const g = group[i]!;
    const base = predecessor[g]!;
    const from = base === NONE ? EMPTY_STATE : forest.state[base]!;
    forest.states.forEachChange(from, forest.state[g]!, (k, e) => {
      if (end === key.length) {
        key = grown(key, end + 1);
        event = grown(event, end + 1);
      }
      key[end] = k;
      event[end++] = e;
    });
    rowStart[i + 1] = end;
  }
  return { count: group.length, group, predecessor: group.map((g) => predecessor[g]!), rowStart, key, event };
}

/** A group and its rows. */
export interface GroupRows {
  /** The database id. */
  readonly groupId: number;
  /** How many rows the group has. */
  readonly rows: number;
}

/** What a forest looks like: chains and snapshots, those outside included, and the groups with the most rows. */
export interface Shape {
  /** The most edges from a group to its snapshot. */
  readonly maxHops: number;
  /** The mean of these edges over all groups; 0 where there are none. */
  readonly meanHops: number;
  /** Groups without a predecessor. */
  readonly snapshots: number;
  /** The groups with the most rows, most first, at most ten. */
  readonly largest: readonly GroupRows[];
}

/** Describes a forest's columns, before or after, and the chains of the groups outside that build on them. O(groups). */
export function describeShape(
  { groupId, outside }: Pick<DeltaForest, "groupId" | "outside">,
  { predecessor, rowCount }: Pick<Plan, "predecessor" | "rowCount">,
): Shape {
  const hops = countHops(predecessor);
  const above = countHopsOutside(outside, hops);
  let maxHops = 0;
  let sum = 0;
  let snapshots = 0;
  for (const column of [hops, above]) {
    for (let g = 0; g < column.length; g++) {
      if (column[g]! > maxHops) maxHops = column[g]!;
      sum += column[g]!;
    }
  }
  for (let g = 0; g < predecessor.length; g++) if (predecessor[g] === NONE) snapshots++;
  for (let i = 0; i < outside.size; i++) if (above[i] === 0) snapshots++;
  const groups = hops.length + above.length;
  const largest: GroupRows[] = [];
  let least = -1;
  for (let g = 0; g < rowCount.length; g++) {
    if (rowCount[g]! <= least) continue;
    largest.push({ groupId: groupId[g]!, rows: rowCount[g]! });
    largest.sort((a, b) => b.rows - a.rows || a.groupId - b.groupId);
    if (largest.length > 10) largest.pop();
    if (largest.length === 10) least = largest[9]!.rows;
  }
  return { maxHops, meanHops: groups === 0 ? 0 : sum / groups, snapshots, largest };
}
