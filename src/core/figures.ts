/**
 * What a compression comes to in figures: rows, snapshots, hops and what reads cost, before and after. Knows the columns of a compression; O(groups)
 * of time and memory, and O(rows) of time for the bytes.
 */
import { type Compression, describeShape, type Rewrites, type Shape, type Strategy } from "./plan/compress.ts";
import { countReaders, measureReads, type Readers } from "./plan/cost.ts";
import { estimateBytes } from "./forest/bytes.ts";
import type { Defect } from "./forest/defects.ts";
import { countHops } from "./forest/forest.ts";
import { countHopsOutside } from "./forest/outside.ts";

/** The figures of a room and its compression. Context groups count in all of them, as the Rust tool counts them. */
export interface RoomFigures {
  /** The room. */
  readonly roomId: string;
  /** How bases were chosen. */
  readonly strategy: Strategy;
  /** The sizes of the levels, lowest first, that made the result. */
  readonly levels: readonly number[];
  /** State groups, context groups included. */
  readonly groups: number;
  /** Rows before, context groups included. */
  readonly rowsBefore: number;
  /**
   * Rows after, likewise. This and all figures "after" are those of the plan; once something was written to the database, of
   * what stands there, with groups that Synapse changed in the meantime as they were read.
   */
  rowsAfter: number;
  /** About how many bytes the rows take in table and index, free space aside. */
  readonly bytesBefore: number;
  /** The same after, at the same mean size of a row. */
  bytesAfter: number;
  /** Snapshots forced because no base fitted. */
  readonly resets: number;
  /** Rows of the groups that were forced to be snapshots. */
  readonly resetRows: number;
  /** Groups whose predecessor or rows change. */
  readonly groupsChanged: number;
  /** Groups outside the range that are counted in the figures on chains below: known by their edges alone. */
  readonly groupsOutside: number;
  /** The bound on hops that was asked for. */
  readonly maxHops: number;
  /** Groups whose chains are longer than that even after: no group of the range could shorten them. */
  groupsOverBound: number;
  /** Edges to follow from a group to its snapshot: the most of all groups of the room. */
  readonly maxHopsBefore: number;
  /** The same after. */
  maxHopsAfter: number;
  /** Edges to follow to a full state, on average over all groups. */
  readonly meanHopsBefore: number;
  /** The same after. */
  meanHopsAfter: number;
  /**
   * What it costs Synapse to read a group's full state, by the model of core/plan/cost.ts, in milliseconds: the mean over all groups.
   * A group outside the range counts as the one that it builds on.
   */
  readonly readMsBefore: number;
  /** The same after. */
  readMsAfter: number;
  /** The same over the newest groups, which Synapse reads most: 5 % of the room's, at most 1,000. */
  readonly readNewestMsBefore: number;
  /** The same after. */
  readNewestMsAfter: number;
  /** Groups without a predecessor. */
  readonly snapshotsBefore: number;
  /** The same after. */
  snapshotsAfter: number;
  /** The groups with the most rows, most first. */
  readonly largestBefore: Shape["largest"];
  /** The same after. */
  largestAfter: Shape["largest"];
  /** Groups left out because of a defect in them or under them. */
  readonly groupsLeftOut: number;
  /** Groups that Synapse has marked for deletion: left alone. */
  readonly groupsPending: number;
  /** Broken data that was found. */
  readonly defects: readonly Defect[];
}

/** The figures that depend on what is written. */
type FiguresAfter = Pick<
  RoomFigures,
  | "rowsAfter"
  | "bytesAfter"
  | "groupsOverBound"
  | "maxHopsAfter"
  | "meanHopsAfter"
  | "readMsAfter"
  | "readNewestMsAfter"
  | "snapshotsAfter"
  | "largestAfter"
>;

/** The figures of a compression. O(rows). */
export function measure(compression: Compression): RoomFigures {
  const { forest, strategy, rowsBefore, resets, resetRows, groupsChanged } = compression;
  const before = describeShape(forest, forest);
  const readers = countReaders(forest);
  const reads = measureReads(forest, readers);
  const bytesBefore = Math.round(estimateBytes(forest));
  const maxHops = compression.levels.reduce((sum, { maxLength }) => sum + maxLength, 0);
  const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
  return {
    roomId: forest.roomId,
    strategy,
    levels: compression.levels.map((level) => level.maxLength),
    groups: forest.size,
    rowsBefore,
    bytesBefore,
    ...measureAfter(compression, maxHops, bytesBefore, readers),
    resets,
    resetRows,
    groupsChanged,
    groupsOutside: forest.outside.size,
    maxHops,
    maxHopsBefore: before.maxHops,
    meanHopsBefore: before.meanHops,
    readMsBefore: reads.meanUs / 1000,
    readNewestMsBefore: reads.newestUs / 1000,
    snapshotsBefore: before.snapshots,
    largestBefore: before.largest,
    groupsLeftOut: count(forest.isLeftOut),
    groupsPending: count(forest.isPending),
    defects: forest.defects,
  };
}

/** The figures after, where only some rewrites are written: `stands[i]` is 1 where rewrite i is. O(groups). */
export function measureStanding(
  { forest }: Pick<Compression, "forest">,
  rewrites: Rewrites,
  stands: Uint8Array,
  { maxHops, bytesBefore }: Pick<RoomFigures, "maxHops" | "bytesBefore">,
): FiguresAfter {
  const predecessor = forest.predecessor.slice();
  const rowCount = forest.rowCount.slice();
  for (let i = 0; i < rewrites.count; i++) {
    if (stands[i] === 0) continue;
    const g = rewrites.group[i]!;
    predecessor[g] = rewrites.predecessor[i]!;
    rowCount[g] = rewrites.rowStart[i + 1]! - rewrites.rowStart[i]!;
  }
  return measureAfter({ forest, predecessor, rowCount }, maxHops, bytesBefore, countReaders(forest));
}

function measureAfter(
  columns: Pick<Compression, "forest" | "predecessor" | "rowCount">,
  maxHops: number,
  bytesBefore: number,
  readers: Readers,
): FiguresAfter {
  const shape = describeShape(columns.forest, columns);
  const reads = measureReads(columns, readers);
  const rowsAfter = columns.rowCount.reduce((sum, rows) => sum + rows, 0);
  const { totalRows } = columns.forest;
  return {
    rowsAfter,
    bytesAfter: totalRows === 0 ? 0 : Math.round(bytesBefore / totalRows * rowsAfter),
    groupsOverBound: countOver(columns, maxHops),
    maxHopsAfter: shape.maxHops,
    meanHopsAfter: shape.meanHops,
    readMsAfter: reads.meanUs / 1000,
    readNewestMsAfter: reads.newestUs / 1000,
    snapshotsAfter: shape.snapshots,
    largestAfter: shape.largest,
  };
}

/** How many groups have chains longer than a bound. */
function countOver({ forest, predecessor }: Pick<Compression, "forest" | "predecessor">, bound: number): number {
  const hops = countHops(predecessor);
  let count = 0;
  for (const column of [hops, countHopsOutside(forest.outside, hops)]) {
    for (let g = 0; g < column.length; g++) if (column[g]! > bound) count++;
  }
  return count;
}
