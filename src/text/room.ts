/**
 * What a run on one room came to, in words: the Rust tool's lines, in their order, so that scripts which read the Rust tool's
 * output go on working, and what it does not say.
 */
import type { Shape } from "../core/plan/compress.ts";
import { formatBytes, formatCount, formatDuration, formatMean, formatUnits } from "../format/numbers.ts";
import type { RoomReport } from "../jobs/report.ts";
import { describeSkips } from "./skips.ts";

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

/** What the Rust tool does not say: bytes, hops, snapshots, and how many groups were rewritten or left alone. */
export function formatShape(report: RoomReport): string[] {
  const lines = [
    `Rows: ${formatCount(report.rowsBefore)} before, ${formatCount(report.rowsAfter)} after; of table and index about ${
      formatBytes(report.bytesBefore)
    } before, ${formatBytes(report.bytesAfter)} after`,
    `Edges to follow to a full state: at most ${formatCount(report.maxHopsBefore)} before, ${
      formatCount(report.maxHopsAfter)
    } after; on average ${formatMean(report.meanHopsBefore)} before, ${formatMean(report.meanHopsAfter)} after`,
    `Modelled read cost of a full state: ${readMs(report.readMsBefore)} before, ${readMs(report.readMsAfter)} after; ` +
    `of the newest: ${readMs(report.readNewestMsBefore)} before, ${readMs(report.readNewestMsAfter)} after`,
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

function readMs(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

function formatLargest(groups: Shape["largest"]): string {
  return groups.slice(0, 3).map(({ groupId, rows }) => `${groupId} (${formatUnits(rows, "row")})`).join(", ");
}

/** What the run itself took. */
export function formatCost(seconds: RoomReport["seconds"], peakRssBytes: number): string {
  return `Time: ${describeSeconds(seconds)}; memory: up to ${formatBytes(peakRssBytes)}`;
}

/** How long each part of a run took. */
export function describeSeconds({ load, compress, verify, write }: RoomReport["seconds"]): string {
  const time = (seconds: number) => formatDuration(seconds * 1000);
  return `${time(load)} to load, ${time(compress)} to compress, ${time(verify)} to verify, ${time(write)} to write`;
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
  const freed = `New rows can use the freed space ${when}; the files do not shrink.`;
  if (report.bytesFreed < WORTH_RECLAIMING_BYTES) return [freed];
  return [freed, "To give the space back to the system: `synapse_compress_state reclaim` compares the ways to do so."];
}
