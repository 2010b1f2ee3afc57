/** What a job over the whole server says: a line an event, its end, and its figures as data. */
import { formatBytes, formatCount, formatUnits } from "../format/numbers.ts";
import type { ServerEvent } from "../jobs/auto.ts";
import type { FailedRoom, ServerReport } from "../jobs/tally.ts";
import { formatPruned } from "./prune.ts";
import { describeReclaimEvent, formatReclaimed } from "./reclaim.ts";
import { describeSkips } from "./skips.ts";

/** Why a saved head was replaced. */
const HEADS = {
  "gone": "is gone",
  "other-room": "is a group of another room",
  "ahead": "is above the saved progress",
} as const;

/** An event as a line; the chunks of a room in one style. */
export function describeServerEvent(event: ServerEvent): string | undefined {
  switch (event.kind) {
    case "room":
    case "working":
    case "left":
      return undefined;
    case "gone":
      return `Deleted the saved progress of rooms that no longer exist: ${formatCount(event.rooms)}`;
    case "found":
      return `State groups to compress: ${formatCount(event.groups)}, rooms: ${formatCount(event.rooms)}`;
    case "busy":
      return `room "${event.roomId}": skipped, another compressor is working on it`;
    case "failed":
      return `room "${event.roomId}": skipped: ${event.error.message}`;
    case "pruned":
      return `room "${event.report.roomId}": ${formatPruned(event.report)}`;
    case "reclaiming":
      return describeReclaimEvent(event.event);
    case "reclaim-later":
      return `${formatBytes(event.bytes)} could be given back to the system, but only inside the reclaim window`;
    case "reclaimed":
      return formatReclaimed(event.report).join(". ");
    case "chunk":
      break;
  }
  const { report } = event;
  const outcome = report.outcome === "skipped"
    ? "nothing to save, skipped"
    : `${formatUnits(report.rowsSaved, "row")} saved, ${formatUnits(report.groupsRewritten, "state group")} rewritten`;
  const notes = report.replaced.map(({ head, reason, by }) =>
    `saved level head ${head} ${HEADS[reason]}: ${by === undefined ? "its level starts again" : `continued from ${by}`}`
  );
  if (report.groupsSkipped > 0) {
    const ids = few(report.skipped.map(({ groupId }) => String(groupId)));
    notes.push(
      `${formatUnits(report.groupsSkipped, "state group")} skipped (${describeSkips(report.skippedByKind)}): ${ids}`,
    );
  }
  if (report.retries > 0) {
    notes.push(`${formatUnits(report.retries, "transaction")} repeated because another one was in the way`);
  }
  if (report.outcome === "unfinished") notes.push("not finished, so no progress is saved");
  if (report.defects.length > 0) {
    const more = report.defects.length === 1 ? "" : ` and ${formatCount(report.defects.length - 1)} more`;
    notes.push(
      `broken data: ${report.defects[0]!.detail}${more}, ${
        formatUnits(report.groupsLeftOut, "state group")
      } left as they are`,
    );
  }
  return [
    `room "${report.roomId}": ${formatUnits(report.groups, "state group")} up to ${report.lastGroup}: ${outcome}`,
    ...notes,
  ]
    .join("; ");
}

/** What a job's end says on standard output and after it; the first line is the Rust tool's. */
export function describeServerEnd(report: ServerReport): string[] {
  const lines = [
    `Finished running compressor. Saved ${report.rowsSaved} rows. Skipped ${report.chunksSkipped}/${report.chunks} chunks`,
  ];
  if (report.roomsWithDefects.length > 0) {
    lines.push(
      `Rooms with broken data, compressed around it (${formatCount(report.roomsWithDefects.length)}): ${
        few(report.roomsWithDefects)
      }`,
    );
  }
  if (report.failed.length > 0) {
    lines.push(
      `Rooms that failed (${formatCount(report.failed.length)}): ${few(report.failed.map(({ roomId }) => roomId))}`,
    );
  }
  if (report.groupsSkipped > 0) {
    lines.push(`State groups skipped: ${formatCount(report.groupsSkipped)} (${describeSkips(report.skippedByKind)})`);
  }
  if (report.roomsUnfinished.length > 0) {
    lines.push(
      `Rooms not finished because other transactions were in the way (${formatCount(report.roomsUnfinished.length)}): ${
        few(report.roomsUnfinished)
      }. The next run starts with what is left of them`,
    );
  }
  if (report.roomsBusy.length > 0) {
    lines.push(`Rooms left to another compressor (${formatCount(report.roomsBusy.length)}): ${few(report.roomsBusy)}`);
  }
  if (report.outcome === "out-of-time") lines.push("Time limit reached; the next run continues where this one stopped");
  return lines;
}

function few(names: readonly string[]): string {
  return names.length <= 10 ? names.join(", ") : `${names.slice(0, 10).join(", ")} …`;
}

/** A server's report as data: errors are sentences. */
export interface ExplainedServer extends Omit<ServerReport, "failed"> {
  /** Rooms that failed, each with the sentence that says why. */
  readonly failed: readonly (Omit<FailedRoom, "error"> & { readonly error: string })[];
}

/** The report as data. */
export function explainServer(report: ServerReport): ExplainedServer {
  return { ...report, failed: report.failed.map(({ roomId, error }) => ({ roomId, error: error.message })) };
}
