/**
 * What a run came to, as words and as JSON. The words are the Rust tool's lines, in their order, so that scripts which read the
 * Rust tool's output go on working. Knows figures only: those of a compression, to which
 * the run adds its own.
 */
import { type Compression, describeShape, type Rewrites, type Shape, type Strategy } from "../core/plan/compress.ts";
import type { Defect } from "../core/forest/defects.ts";
import { formatBytes, formatCount, formatDuration, formatMean, formatUnits } from "./numbers.ts";
import { describeSkips, noSkips, type SkipCounts, type SkippedGroup } from "./skipped.ts";
import { countHops } from "../core/forest/forest.ts";
import { countHopsOutside } from "../core/forest/outside.ts";

/** How a run ended. None of these is an error. */
export type Outcome = "written" | "planned" | "nothing-to-save" | "below-minimum" | "no-groups";

/** What a run on one room came to. Context groups count in all counts of groups and rows, as the Rust tool counts them. */
export interface RoomReport {
  /** The room. */
  readonly roomId: string;
  /** How the run ended. */
  outcome: Outcome;
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
   * what stands there, with groups that Synapse changed meanwhile as they were read.
   */
  rowsAfter: number;
  /** Snapshots forced because no base fitted, and their rows. */
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
  /** Edges to follow from a group to its snapshot: the most, and the mean, of all groups of the room. */
  readonly maxHopsBefore: number;
  /** The same after. */
  maxHopsAfter: number;
  /** Edges to follow to a full state, on average over all groups. */
  readonly meanHopsBefore: number;
  /** The same after. */
  meanHopsAfter: number;
  /** Groups without a predecessor. */
  readonly snapshotsBefore: number;
  /** The same after. */
  snapshotsAfter: number;
  /** The groups with the most rows, most first. */
  readonly largestBefore: Shape["largest"];
  /** The same after. */
  largestAfter: Shape["largest"];
  /** Groups that are, or would be, rewritten. */
  groupsRewritten: number;
  /** Groups that were to be rewritten and were left as they are: how many, which, and how many for which reason. */
  groupsSkipped: number;
  /** The groups that were left as they are, each with its reason. */
  readonly skipped: SkippedGroup[];
  /** How many of them for which reason. */
  readonly skippedByKind: SkipCounts;
  /** Groups that were as wanted already, and those that a stop left unwritten; like all below, of the database alone. */
  groupsUnchanged: number;
  /** Rewrites that a stop left undone. */
  groupsLeft: number;
  /** What was changed in the database, and about how many bytes of table and index that frees. */
  rowsDeleted: number;
  /** Rows that were inserted. */
  rowsInserted: number;
  /** About how many bytes of table and index the saved rows took. */
  bytesFreed: number;
  /** Transactions that were tried again, since another one was in the way. */
  retries: number;
  /** Whether the tables were vacuumed. */
  vacuumed: boolean;
  /** Broken data that was found. */
  readonly defects: readonly Defect[];
  /** Groups left out because of a defect in them or under them. */
  readonly groupsLeftOut: number;
  /** Groups that Synapse has marked for deletion: left alone. */
  readonly groupsPending: number;
  /** How long each step took, in seconds. */
  readonly seconds: { load: number; compress: number; verify: number; write: number };
}

/** The report of a compression of which nothing is written yet. O(groups). */
export function makeReport(compression: Compression): RoomReport {
  const { forest, strategy, rowsBefore, rowsAfter, resets, resetRows, groupsChanged } = compression;
  // The Rust tool goes on at a ratio of 1, where there is nothing to gain from writing.
  const outcome: Outcome = rowsAfter < rowsBefore ? "planned" : "nothing-to-save";
  const before = describeShape(forest, forest);
  const maxHops = compression.levels.reduce((sum, { maxLength }) => sum + maxLength, 0);
  const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
  return {
    roomId: forest.roomId,
    outcome,
    strategy,
    levels: compression.levels.map((level) => level.maxLength),
    groups: forest.size,
    rowsBefore,
    ...figuresAfter(compression, maxHops),
    resets,
    resetRows,
    groupsChanged,
    groupsOutside: forest.outside.size,
    maxHops,
    maxHopsBefore: before.maxHops,
    meanHopsBefore: before.meanHops,
    snapshotsBefore: before.snapshots,
    largestBefore: before.largest,
    groupsRewritten: 0,
    groupsSkipped: 0,
    skipped: [],
    skippedByKind: noSkips(),
    groupsUnchanged: 0,
    groupsLeft: 0,
    rowsDeleted: 0,
    rowsInserted: 0,
    bytesFreed: 0,
    retries: 0,
    vacuumed: false,
    groupsLeftOut: count(forest.isLeftOut),
    groupsPending: count(forest.isPending),
    defects: forest.defects,
    seconds: { load: 0, compress: 0, verify: 0, write: 0 },
  };
}

/** The figures "after" of columns. */
type FiguresAfter = Pick<
  RoomReport,
  "rowsAfter" | "groupsOverBound" | "maxHopsAfter" | "meanHopsAfter" | "snapshotsAfter" | "largestAfter"
>;

function figuresAfter(
  columns: Pick<Compression, "forest" | "predecessor" | "rowCount">,
  maxHops: number,
): FiguresAfter {
  const shape = describeShape(columns.forest, columns);
  return {
    rowsAfter: columns.rowCount.reduce((sum, rows) => sum + rows, 0),
    groupsOverBound: countOver(columns, maxHops),
    maxHopsAfter: shape.maxHops,
    meanHopsAfter: shape.meanHops,
    snapshotsAfter: shape.snapshots,
    largestAfter: shape.largest,
  };
}

/** Makes a report tell of what stands, where only some rewrites do: `stands[i]` is 1 where rewrite i does. O(groups). */
export function reportStanding(
  report: RoomReport,
  { forest }: Pick<Compression, "forest">,
  rewrites: Rewrites,
  stands: Uint8Array,
): void {
  const predecessor = forest.predecessor.slice();
  const rowCount = forest.rowCount.slice();
  for (let i = 0; i < rewrites.count; i++) {
    if (stands[i] === 0) continue;
    const g = rewrites.group[i]!;
    predecessor[g] = rewrites.predecessor[i]!;
    rowCount[g] = rewrites.rowStart[i + 1]! - rewrites.rowStart[i]!;
  }
  Object.assign(report, figuresAfter({ forest, predecessor, rowCount }, report.maxHops));
}

/** How many groups have chains longer than a bound. */
function countOver(
  { forest, predecessor }: Pick<Compression, "forest" | "predecessor">,
  bound: number,
): number {
  const hops = countHops(predecessor);
  let count = 0;
  for (const column of [hops, countHopsOutside(forest.outside, hops)]) {
    for (let g = 0; g < column.length; g++) if (column[g]! > bound) count++;
  }
  return count;
}

/** What the Rust tool's lines say. */
export type Statistics = Pick<RoomReport, "rowsBefore" | "rowsAfter" | "resets" | "resetRows" | "groupsChanged">;

/** The lines that follow "Compressing state...": the Rust tool's own. */
export function formatStatistics(report: Statistics): string[] {
  const percent = (report.rowsAfter / report.rowsBefore * 100).toFixed(2);
  return [
    `Number of rows after compression: ${report.rowsAfter} (${percent}%)`,
    "Compression Statistics:",
    `  Number of forced resets due to lacking prev: ${report.resets}`,
    `  Number of compressed rows caused by the above: ${report.resetRows}`,
    `  Number of state groups changed: ${report.groupsChanged}`,
  ];
}

/** The Rust tool's line that says why nothing was written, or undefined where there was no reason not to. */
export function formatOutcome(report: Pick<RoomReport, "outcome" | "rowsBefore" | "rowsAfter">): string | undefined {
  if (report.outcome === "nothing-to-save") return "This compression would not remove any rows. Exiting.";
  if (report.outcome !== "below-minimum") return undefined;
  const saved = Math.max(0, report.rowsBefore - report.rowsAfter);
  return `Only ${saved} rows would be saved by this compression. Skipping output.`;
}

/** What the Rust tool does not say: hops, snapshots, and how many groups were rewritten or left alone. */
export function formatShape(report: RoomReport): string[] {
  const lines = [
    `Edges to follow to a full state: at most ${formatCount(report.maxHopsBefore)} before, ${
      formatCount(report.maxHopsAfter)
    } after; on average ${formatMean(report.meanHopsBefore)} before, ${formatMean(report.meanHopsAfter)} after`,
    `Snapshots: ${formatCount(report.snapshotsBefore)} before, ${formatCount(report.snapshotsAfter)} after`,
    `Largest state groups: ${formatLargest(report.largestBefore)} before, ${formatLargest(report.largestAfter)} after`,
  ];
  if (report.groupsOverBound > 0) {
    const before = report.strategy === "branches" ? ", as there were before" : "";
    lines.push(
      `State groups with more than ${formatUnits(report.maxHops, "edge")} to follow${before}: ${
        formatCount(report.groupsOverBound)
      }`,
    );
  }
  if (report.groupsRewritten > 0) lines.push(`State groups rewritten: ${formatCount(report.groupsRewritten)}`);
  if (report.groupsSkipped > 0) {
    lines.push(`State groups skipped: ${formatCount(report.groupsSkipped)} (${describeSkips(report.skippedByKind)})`);
  }
  if (report.groupsUnchanged > 0) lines.push(`State groups already rewritten: ${formatCount(report.groupsUnchanged)}`);
  if (report.groupsLeft > 0) lines.push(`State groups left to rewrite: ${formatCount(report.groupsLeft)}`);
  if (report.retries > 0) {
    lines.push(`Transactions repeated because another one was in the way: ${formatCount(report.retries)}`);
  }
  if (report.groupsLeftOut > 0) {
    lines.push(`State groups left out because of broken data: ${formatCount(report.groupsLeftOut)}`);
  }
  if (report.groupsPending > 0) {
    lines.push(`State groups left alone because Synapse is about to delete them: ${formatCount(report.groupsPending)}`);
  }
  return lines;
}

function formatLargest(groups: Shape["largest"]): string {
  return groups.slice(0, 3).map(({ groupId, rows }) => `${groupId} (${formatUnits(rows, "row")})`).join(", ");
}

/** What the run itself took. */
export function formatCost({ load, compress, verify, write }: RoomReport["seconds"], peakRssBytes: number): string {
  const time = (seconds: number) => formatDuration(seconds * 1000);
  return `Time: ${time(load)} to load, ${time(compress)} to compress, ${time(verify)} to verify, ` +
    `${time(write)} to write; memory: up to ${formatBytes(peakRssBytes)}`;
}

/** Less than this is not worth a maintenance command: PostgreSQL fills it again by itself. */
const WORTH_RECLAIMING_BYTES = 100 * 1024 ** 2;

/** What a commit freed, and where that is worth a command how the space comes back. */
export function formatFreed(
  report: Pick<RoomReport, "rowsDeleted" | "rowsInserted" | "bytesFreed" | "vacuumed">,
): string[] {
  const rows = report.rowsDeleted - report.rowsInserted;
  if (rows <= 0) return [];
  const when = report.vacuumed ? "now" : "after the next autovacuum";
  const freed = `Freed ${formatUnits(rows, "row")}, about ${formatBytes(report.bytesFreed)} of table and index. ` +
    `New rows can use that space ${when}; the files do not shrink.`;
  if (report.bytesFreed < WORTH_RECLAIMING_BYTES) return [freed];
  return [freed, "To give the space back to the system: `synapse_compress_state reclaim` compares the ways to do so."];
}
