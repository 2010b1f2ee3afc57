/** `prune` in words: what unused groups there are, what a room's pruning came to, and what has to happen next. */
import { formatBytes, formatCount, formatUnits } from "../format/numbers.ts";
import { countSkips } from "../db/write/skips.ts";
import type { PruneReport, PruneServerReport, UnusedRoom, UnusedSurvey } from "../jobs/prune.ts";

const DAY_MS = 86_400_000;
/** Rooms that are listed; the rest is one line. */
const LISTED = 20;

/** The unused groups, room by room, a line an element. */
export function formatUnused({ rooms }: UnusedSurvey): string[] {
  if (rooms.length === 0) return ["Every state group is used by an event: there is nothing to prune."];
  const line = (room: Omit<UnusedRoom, "roomId" | "groups">, name: string) =>
    [room.unused, room.mayGo, room.leaves, room.rows].map((n) => formatCount(n).padStart(12)).join("") +
    formatBytes(room.bytes).padStart(12) + `  ${name}`;
  const total = (of: (room: UnusedRoom) => number, some: readonly UnusedRoom[] = rooms) =>
    some.reduce((sum, room) => sum + of(room), 0);
  const sum = (some: readonly UnusedRoom[]) => ({
    unused: total((room) => room.unused, some),
    mayGo: total((room) => room.mayGo, some),
    leaves: total((room) => room.leaves, some),
    rows: total((room) => room.rows, some),
    bytes: total((room) => room.bytes, some),
  });
  const rest = rooms.slice(LISTED);
  return [
    ["unused", "old enough", "leaves", "rows", "bytes"].map((name) => name.padStart(12)).join("") + "  room",
    ...rooms.slice(0, LISTED).map((room) => line(room, room.roomId)),
    ...rest.length === 0 ? [] : [line(sum(rest), `${formatUnits(rest.length, "more room")}`)],
    line(sum(rooms), `all ${formatUnits(rooms.length, "room")}`),
    "",
    "unused: state groups that no event uses. leaves: those that no other group builds on; the others lie between used",
    "groups, which must first be moved to other predecessors. rows and bytes: what the unused groups hold; some of the rows",
    "move to the groups built on them.",
  ];
}

/** A warning where Synapse does not seem to delete what is marked, or undefined. */
export function formatOldMark(oldestMarkMs: number | undefined, now: number = Date.now()): string | undefined {
  if (oldestMarkMs === undefined || now - oldestMarkMs < DAY_MS) return undefined;
  const since = new Date(oldestMarkMs).toISOString().slice(0, 10);
  return `Groups have been marked for deletion since ${since}, and Synapse has not deleted them. Is it running, ` +
    "with a background worker? Until it deletes them, pruning frees nothing.";
}

/** What pruning a room came to. */
export function formatPruned(report: PruneReport): string {
  const { unused, mayGo, goes, rowsBefore, rowsAfter, marked, leftAlone } = report;
  if (report.outcome === "nothing-to-prune") {
    return mayGo === 0
      ? `${formatUnits(unused, "unused state group")}, none of them old enough to delete`
      : `${formatUnits(mayGo, "unused state group")} hold rows that used ones need: nothing to prune`;
  }
  const rows = `${formatUnits(rowsBefore, "row")} now, ${formatCount(rowsAfter)} once Synapse has deleted them`;
  if (report.outcome === "planned") {
    return `${formatCount(goes)} of ${formatUnits(unused, "unused state group")} would be deleted; ${rows}`;
  }
  const notes = leftAlone === 0
    ? ""
    : `; ${formatCount(leftAlone)} left alone because they are in use again or other groups still build on them`;
  const { contention } = countSkips(report.skipped);
  const again = contention === 0 ? "" : "; other transactions were in the way: run it again";
  return `${formatUnits(marked, "unused state group")} marked for deletion; ${rows}${notes}${again}`;
}

/** How a whole run ended. */
export function formatPrunedServer({ rooms, failed }: PruneServerReport): string[] {
  const sum = (of: (report: PruneReport) => number) => rooms.reduce((total, report) => total + of(report), 0);
  const marked = sum((report) => report.marked);
  const saved = sum((report) => report.rowsBefore - report.rowsAfter);
  return [
    `Marked for deletion: ${formatUnits(marked, "state group")} in ${formatUnits(rooms.length, "room")}. ` +
    `Synapse deletes them after ten minutes or more; that removes ${formatUnits(saved, "row")}.`,
    ...failed.map(({ roomId, error }) => `room "${roomId}": skipped: ${error.message}`),
  ];
}
