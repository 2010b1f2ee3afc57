/**
 * How a run that wrote something ended, as a short table: before, after and freed, then time, memory, and what was left alone
 * and why. Figures alone; what to do next is said elsewhere.
 */
import { formatBytes, formatCount, formatDuration, formatPercent, formatUnits } from "../format/numbers.ts";
import type { RoomReport } from "../jobs/report.ts";
import { describeSeconds } from "./room.ts";
import { describeSkips } from "./skips.ts";
import type { PruneServerReport } from "../jobs/prune.ts";
import type { ReclaimReport } from "../jobs/reclaim.ts";
import type { ServerReport } from "../jobs/tally.ts";

/** A line of figures; undefined where one is not known. */
interface Figures {
  readonly name: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  readonly freed: string;
}

/** A line of words. */
type Fact = readonly [name: string, text: string];

/** What compressing a room came to. */
export function summarizeRoom(report: RoomReport, peakBytes: number): string[] {
  const { load, compress, verify, write } = report.seconds;
  return table(
    [rows(report.rowsBefore, report.rowsDeleted - report.rowsInserted), inside(report.bytesFreed)],
    [
      ["time", `${formatDuration((load + compress + verify + write) * 1000)}: ${describeSeconds(report.seconds)}`],
      ["memory", `up to ${formatBytes(peakBytes)}`],
      leftAlone([
        [report.groupsSkipped, describeSkips(report.skippedByKind)],
        [report.groupsLeftOut, "broken data"],
        [report.groupsPending, "Synapse is about to delete them"],
        [report.groupsLeft, "stopped before"],
      ]),
    ],
  );
}

/** What compressing a server came to. */
export function summarizeServer(report: ServerReport, peakBytes: number): string[] {
  const { reclaimed } = report;
  const rooms = (names: readonly unknown[], why: string): [number, string] => [names.length, why];
  return table(
    [
      rows(report.rowsBefore, report.rowsSaved),
      inside(report.bytesFreed),
      ...reclaimed === undefined ? [] : [files(reclaimed)],
    ],
    [
      ["done", `${formatUnits(report.groups, "state group")} in ${formatUnits(report.rooms, "room")}`],
      ["time", formatDuration(report.seconds * 1000)],
      ["memory", `up to ${formatBytes(peakBytes)}`],
      leftAlone([
        [report.groupsSkipped, describeSkips(report.skippedByKind)],
        [report.groupsLeftOut, "broken data"],
      ]),
      leftAlone([
        rooms(report.failed, "failed"),
        rooms(report.roomsUnfinished, "not finished: other transactions were in the way"),
        rooms(report.roomsBusy, "another compressor works on them"),
      ], "room"),
    ],
  );
}

/** What pruning came to. */
export function summarizePruned(
  { rooms: pruned, failed }: PruneServerReport,
  seconds: number,
  peakBytes: number,
): string[] {
  const sum = (of: (report: PruneServerReport["rooms"][number]) => number) =>
    pruned.reduce((total, report) => total + of(report), 0);
  const before = sum(({ rowsBefore }) => rowsBefore);
  return table(
    [rows(before, before - sum(({ rowsAfter }) => rowsAfter))],
    [
      ["when", "once Synapse has deleted the marked state groups, from ten minutes on"],
      ["time", formatDuration(seconds * 1000)],
      ["memory", `up to ${formatBytes(peakBytes)}`],
      leftAlone([
        [sum(({ leftAlone }) => leftAlone), "used again, or not free yet"],
        [sum(({ skipped }) => skipped.length), "changed by Synapse, or other transactions were in the way"],
      ]),
      leftAlone([[failed.length, "another compressor works on them"]], "room"),
    ],
  );
}

/** What reclaiming came to. */
export function summarizeReclaimed(report: ReclaimReport, peakBytes: number): string[] {
  const line = (name: string, before: number, after: number): Figures => ({
    name,
    before: formatBytes(before),
    after: formatBytes(after),
    freed: formatBytes(before - after),
  });
  return table(
    [
      line("table", report.tableBytesBefore, report.tableBytesAfter),
      line("indexes", report.indexBytesBefore, report.indexBytesAfter),
      files(report),
    ],
    [
      ["time", formatDuration(report.seconds * 1000)],
      ["memory", `up to ${formatBytes(peakBytes)}`],
    ],
  );
}

function rows(before: number, saved: number): Figures {
  const share = before === 0 ? "" : ` (${formatPercent(saved, before)})`;
  return {
    name: "rows",
    before: formatCount(before),
    after: formatCount(before - saved),
    freed: `${formatCount(saved)}${share}`,
  };
}

function inside(bytes: number): Figures {
  return { name: "space", freed: `about ${formatBytes(bytes)} inside the files` };
}

function files(report: ReclaimReport): Figures {
  const before = report.tableBytesBefore + report.indexBytesBefore;
  const after = report.tableBytesAfter + report.indexBytesAfter;
  return {
    name: "files",
    before: formatBytes(before),
    after: formatBytes(after),
    freed: `${formatBytes(before - after)} (${formatPercent(before - after, before)})`,
  };
}

/** What was left alone, and why; nothing where there is nothing. */
function leftAlone(reasons: readonly (readonly [count: number, why: string])[], unit = "state group"): Fact {
  const some = reasons.filter(([count]) => count > 0);
  return ["left alone", some.map(([count, why]) => `${formatUnits(count, unit)} (${why})`).join(", ")];
}

/** The lines; facts without words are left out. */
function table(figures: readonly Figures[], facts: readonly Fact[]): string[] {
  const told = facts.filter(([, text]) => text !== "");
  const names = ["", ...figures.map(({ name }) => name), ...told.map(([name]) => name)];
  const first = Math.max(...names.map((name) => name.length));
  const width = (of: (line: Figures) => string | undefined, head: string) =>
    Math.max(head.length, ...figures.map((line) => of(line)?.length ?? 0));
  const [before, after] = [width(({ before }) => before, "before"), width(({ after }) => after, "after")];
  const line = (name: string, a: string, b: string, c: string) =>
    `${name.padEnd(first)}  ${a.padStart(before)}  ${b.padStart(after)}  ${c}`;
  return [
    line("", "before", "after", "freed"),
    ...figures.map(({ name, before = "", after = "", freed }) => line(name, before, after, freed)),
    ...told.map(([name, text]) => `${name.padEnd(first)}  ${text}`),
  ];
}
