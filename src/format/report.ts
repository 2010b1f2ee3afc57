/**
 * What a run came to, as words and as JSON. The words are the peers' lines, in their order, so that scripts which read the
 * Rust tool's output go on working. Knows figures only: those of a compression, to which
 * the run adds its own.
 */
import { type Compression, describeShape, type Shape, type Strategy } from "../core/plan/compress.ts";
import type { Defect } from "../core/forest/defects.ts";
import { describeSkips, noSkips, type SkipCounts, type SkippedGroup } from "./skipped.ts";
import { countHops } from "../core/forest/forest.ts";
import { countHopsOutside } from "../core/forest/outside.ts";

/** How a run ended. None of these is an error. */
export type Outcome = "written" | "planned" | "nothing-to-save" | "below-minimum" | "no-groups";

/** What a run on one room came to. Context groups count in all counts of groups and rows, as the peers count them. */
export interface RoomReport {
  readonly roomId: string;
  outcome: Outcome;
  readonly strategy: Strategy;
  /** The sizes of the levels, lowest first, that made the result. */
  readonly levels: readonly number[];
  readonly groups: number;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  /** Snapshots forced because no base fitted, and their rows. */
  readonly resets: number;
  readonly resetRows: number;
  readonly groupsChanged: number;
  /** Groups outside the range that are counted in the figures on chains below: known by their edges alone. */
  readonly groupsOutside: number;
  /** The bound on hops that was asked for. */
  readonly maxHops: number;
  /** Groups whose chains are longer than that even after: no group of the range could shorten them. */
  readonly groupsOverBound: number;
  /** Edges to follow from a group to its snapshot: the most, and the mean, of all groups of the room. */
  readonly maxHopsBefore: number;
  readonly maxHopsAfter: number;
  readonly meanHopsBefore: number;
  readonly meanHopsAfter: number;
  readonly snapshotsBefore: number;
  readonly snapshotsAfter: number;
  /** The groups with the most rows, most first. */
  readonly largestBefore: Shape["largest"];
  readonly largestAfter: Shape["largest"];
  /** Groups that are, or would be, rewritten. */
  groupsRewritten: number;
  /** Groups that were to be rewritten and were left as they are: how many, which, and how many for which reason. */
  groupsSkipped: number;
  readonly skipped: SkippedGroup[];
  readonly skippedByKind: SkipCounts;
  /** Groups that were as wanted already, and those that a stop left unwritten; like all below, of the database alone. */
  groupsUnchanged: number;
  groupsLeft: number;
  /** What was changed in the database, and about how many bytes of table and index that frees. */
  rowsDeleted: number;
  rowsInserted: number;
  bytesFreed: number;
  /** Transactions that were tried again, since another one was in the way. */
  retries: number;
  /** Whether the tables were vacuumed. */
  vacuumed: boolean;
  readonly defects: readonly Defect[];
  /** Groups left out because of a defect in them or under them. */
  readonly groupsLeftOut: number;
  /** Groups that Synapse has marked for deletion: left alone. */
  readonly groupsPending: number;
  readonly seconds: { load: number; compress: number; verify: number; write: number };
}

/** The report of a compression of which nothing is written yet. O(groups). */
export function makeReport(compression: Compression): RoomReport {
  const { forest, strategy, rowsBefore, rowsAfter, resets, resetRows, groupsChanged } = compression;
  // The peers go on at a ratio of 1, where there is nothing to gain from writing.
  const outcome: Outcome = rowsAfter < rowsBefore ? "planned" : "nothing-to-save";
  const before = describeShape(forest, forest);
  const after = describeShape(forest, compression);
  const maxHops = compression.levels.reduce((sum, { maxLength }) => sum + maxLength, 0);
  const count = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);
  return {
    roomId: forest.roomId,
    outcome,
    strategy,
    levels: compression.levels.map((level) => level.maxLength),
    groups: forest.size,
    rowsBefore,
    rowsAfter,
    resets,
    resetRows,
    groupsChanged,
    groupsOutside: forest.outside.size,
    maxHops,
    groupsOverBound: countOver(compression, maxHops),
    maxHopsBefore: before.maxHops,
    maxHopsAfter: after.maxHops,
    meanHopsBefore: before.meanHops,
    meanHopsAfter: after.meanHops,
    snapshotsBefore: before.snapshots,
    snapshotsAfter: after.snapshots,
    largestBefore: before.largest,
    largestAfter: after.largest,
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

/** How many groups have chains longer than a bound. */
function countOver({ forest, predecessor }: Compression, bound: number): number {
  const hops = countHops(predecessor);
  let count = 0;
  for (const column of [hops, countHopsOutside(forest.outside, hops)]) {
    for (let g = 0; g < column.length; g++) if (column[g]! > bound) count++;
  }
  return count;
}

/** What the peers' lines say. */
export type Statistics = Pick<RoomReport, "rowsBefore" | "rowsAfter" | "resets" | "resetRows" | "groupsChanged">;

/** The lines that follow "Compressing state...": the peers' own. */
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

/** The peers' line that says why nothing was written, or undefined where there was no reason not to. */
export function formatOutcome(report: Pick<RoomReport, "outcome" | "rowsBefore" | "rowsAfter">): string | undefined {
  if (report.outcome === "nothing-to-save") return "This compression would not remove any rows. Exiting.";
  if (report.outcome !== "below-minimum") return undefined;
  const saved = Math.max(0, report.rowsBefore - report.rowsAfter);
  return `Only ${saved} rows would be saved by this compression. Skipping output.`;
}

/** What the peers do not say: hops, snapshots, and how many groups were rewritten or left alone. */
export function formatShape(report: RoomReport): string[] {
  const lines = [
    `Edges to follow to a full state: at most ${report.maxHopsBefore} before, ${report.maxHopsAfter} after; ` +
    `on average ${report.meanHopsBefore.toFixed(1)} before, ${report.meanHopsAfter.toFixed(1)} after`,
    `Snapshots: ${report.snapshotsBefore} before, ${report.snapshotsAfter} after`,
    `Largest state groups: ${formatLargest(report.largestBefore)} before, ${formatLargest(report.largestAfter)} after`,
  ];
  if (report.groupsOverBound > 0) {
    const before = report.strategy === "branches" ? ", as there were before" : "";
    lines.push(`State groups with more than ${report.maxHops} edges to follow${before}: ${report.groupsOverBound}`);
  }
  if (report.groupsRewritten > 0) lines.push(`State groups rewritten: ${report.groupsRewritten}`);
  if (report.groupsSkipped > 0) {
    lines.push(`State groups skipped: ${report.groupsSkipped} (${describeSkips(report.skippedByKind)})`);
  }
  if (report.groupsUnchanged > 0) lines.push(`State groups that were rewritten already: ${report.groupsUnchanged}`);
  if (report.groupsLeft > 0) lines.push(`State groups that are left to be rewritten: ${report.groupsLeft}`);
  if (report.retries > 0) {
    lines.push(`Transactions repeated because another one was in the way: ${report.retries}`);
  }
  if (report.groupsLeftOut > 0) lines.push(`State groups left out because of broken data: ${report.groupsLeftOut}`);
  if (report.groupsPending > 0) {
    lines.push(`State groups left alone, since Synapse is to delete them: ${report.groupsPending}`);
  }
  return lines;
}

function formatLargest(groups: Shape["largest"]): string {
  return groups.slice(0, 3).map(({ groupId, rows }) => `${groupId} (${rows} rows)`).join(", ");
}

/** What the run itself took. */
export function formatCost({ load, compress, verify, write }: RoomReport["seconds"], peakRssBytes: number): string {
  const seconds = (value: number) => value.toFixed(2);
  return `Seconds: ${seconds(load)} to load, ${seconds(compress)} to compress, ${seconds(verify)} to verify, ` +
    `${seconds(write)} to write; memory: ${formatBytes(peakRssBytes)} at most`;
}

/** Less than this is not worth a maintenance command: PostgreSQL fills it again by itself. 100 MB. */
const WORTH_RECLAIMING_BYTES = 100_000_000;

/** What a commit freed, and where that is worth it how the space comes back: commands to copy, each with its cost. */
export function formatFreed(
  report: Pick<RoomReport, "rowsDeleted" | "rowsInserted" | "bytesFreed" | "vacuumed">,
): string[] {
  const rows = report.rowsDeleted - report.rowsInserted;
  if (rows <= 0) return [];
  const freed = `Freed ${rows} rows, about ${formatBytes(report.bytesFreed)} of table and index.`;
  if (report.bytesFreed < WORTH_RECLAIMING_BYTES) {
    return [`${freed} New rows can use that space ${report.vacuumed ? "now" : "after the next autovacuum"}.`];
  }
  return [
    report.vacuumed
      ? `${freed} New rows can use that space now; the files do not shrink by it. To give it back to the system:`
      : `${freed} New rows can use that space after a VACUUM, which also comes by itself:`,
    ...report.vacuumed ? [] : [
      "    VACUUM (ANALYZE) state_groups_state;",
      "        beside Synapse, in minutes; the files do not shrink by it. To give the space back to the system:",
    ],
    "    REINDEX INDEX CONCURRENTLY state_groups_state_type_idx;",
    "        the index's part, beside Synapse; needs disk for a second copy of the index, and PostgreSQL 12",
    "    VACUUM FULL state_groups_state;",
    "        table and index; Synapse stands still meanwhile; needs disk for a second copy of both",
    "    CREATE UNIQUE INDEX CONCURRENTLY for_repack ON state_groups_state (state_group, type, state_key);",
    "    pg_repack --no-order --table=state_groups_state DATABASE",
    "        the same beside Synapse, with the extension pg_repack; DROP INDEX for_repack afterwards",
  ];
}

function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) [bytes, unit] = [bytes / 1000, unit + 1];
  return `${unit > 0 && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}
