/**
 * What a command is about to do, in three lines: what, how much and for how long, and what it means for reads and for Synapse. How
 * long is a guess from rates that a busy server with a fair disk reaches; it is there to tell seconds from hours.
 */
import type { Compression } from "../core/plan/compress.ts";
import type { TableSizes } from "../db/read/sizes.ts";
import { formatBytes, formatCount, formatDuration, formatMean, formatPercent, formatUnits } from "../format/numbers.ts";
import type { RoomReport } from "../jobs/report.ts";
import type { RoomList } from "../jobs/rooms.ts";
import { DEFAULT_PREFERENCE } from "../core/plan/plan.ts";
import { DEFAULT_CHUNK_SIZE, type ServerOptions, type ServerPlan } from "../jobs/auto.ts";
import type { UnusedSurvey } from "../jobs/prune.ts";
import { isBloated } from "../jobs/worth.ts";
import { findWays, type ReclaimWay } from "./reclaim.ts";

/** Rows that are read and compressed in a second. */
const READ_ROWS = 300_000;
/** Rows that are deleted or inserted in a second, and state groups that are looked at for it. */
const WRITTEN_ROWS = 20_000;
const WRITTEN_GROUPS = 1000;
/** Bytes that are moved within a file, or written to a fresh index, in a second. */
const MOVED_BYTES = 5 * 1024 ** 2;
/** What VACUUM FULL writes a second, at least, on a disk that nobody would call fast. */
const SLOW_BYTES = 30 * 1024 ** 2;

/** What compressing a room would write. */
export function describeRoomPlan({ forest, predecessor, rowCount }: Compression, report: RoomReport): string[] {
  let written = 0;
  for (let g = 0; g < forest.size; g++) {
    if (predecessor[g] === forest.predecessor[g] && rowCount[g] === forest.rowCount[g]) continue;
    written += forest.rowCount[g]! + rowCount[g]!;
  }
  const saved = report.rowsBefore - report.rowsAfter;
  return [
    `Rewrites ${formatCount(report.groupsRewritten)} of ${
      formatUnits(report.groups, "state group")
    } in ${report.roomId}`,
    `Saves ${formatUnits(saved, "row")} of ${formatCount(report.rowsBefore)} (${
      formatPercent(saved, report.rowsBefore)
    }); takes ${describeTime(written / WRITTEN_ROWS + report.groupsRewritten / WRITTEN_GROUPS)}, while Synapse goes on`,
    `Reads of a full state follow ${formatMean(report.meanHopsAfter)} edges on average, ${
      formatMean(report.meanHopsBefore)
    } so far; every full state stays the same`,
  ];
}

/** What compressing a server would come to. */
export function describeServerPlan(
  plan: ServerPlan,
  { rooms }: RoomList,
  how: ServerOptions,
): string[] {
  const { chunkSize = DEFAULT_CHUNK_SIZE, maxTimeMs } = how;
  const tried = rooms.filter(({ saving }) => saving !== undefined);
  const sum = (of: (room: RoomList["rooms"][number]) => number) => tried.reduce((total, room) => total + of(room), 0);
  const share = sum(({ rows }) => rows) === 0
    ? undefined
    : Math.max(0, sum(({ saving }) => saving!.rows)) / sum(({ rows }) => rows);
  const saved = plan.rows * (share ?? 0);
  const seconds = plan.rows / READ_ROWS + saved / WRITTEN_ROWS + plan.groups / WRITTEN_GROUPS;
  const limit = maxTimeMs !== undefined && maxTimeMs < seconds * 1000
    ? `, of which ${formatDuration(maxTimeMs)} now`
    : "";
  return [
    `Compresses ${formatUnits(plan.rooms, "room")}: ${formatUnits(plan.groups, "state group")}, about ${
      formatUnits(plan.rows, "row")
    }, in chunks of ${formatUnits(chunkSize, "state group")}`,
    `${
      share === undefined
        ? "What it saves is not known yet"
        : `Saves about ${formatPercent(share)} of the rows, by trials on ${formatUnits(tried.length, "big room")}`
    }; takes ${describeTime(seconds)}${limit}, while Synapse goes on`,
    `${describeReads(how)}; every full state stays the same; it can be stopped at any time`,
  ];
}

/** What the rule makes of reads. */
function describeReads({ prefer = DEFAULT_PREFERENCE, levels, strategy }: ServerOptions): string {
  if (levels !== undefined || strategy === "levels") return "Reads may follow as many edges as the levels add up to";
  return {
    rows: "Reads may get slower, for the fewest rows (--prefer rows)",
    balance: "Reads take about as long as now (--prefer balance)",
    reads: "Reads get faster (--prefer reads)",
  }[prefer];
}

/** What pruning would mark. */
export function describePrunePlan({ rooms }: UnusedSurvey): string[] {
  const ripe = rooms.filter(({ mayGo }) => mayGo > 0);
  const sum = (of: (room: UnusedSurvey["rooms"][number]) => number) =>
    ripe.reduce((total, room) => total + of(room), 0);
  const rows = sum(({ rows }) => rows);
  const seconds = rows / READ_ROWS + rows / WRITTEN_ROWS + sum(({ groups }) => groups) / WRITTEN_GROUPS;
  return [
    `Marks up to ${formatUnits(sum(({ mayGo }) => mayGo), "unused state group")} in ${
      formatUnits(ripe.length, "room")
    } for deletion; Synapse deletes them, from ten minutes on`,
    `The unused ones hold ${formatUnits(rows, "row")}, ${
      formatBytes(sum(({ bytes }) => bytes))
    }, some of which must move; takes ${describeTime(seconds)}, while Synapse goes on`,
    "Reads of full states that are used follow no more edges than the bound (--max-hops); each stays the same",
  ];
}

/** What reclaiming would give back. */
export function describeReclaimPlan(sizes: TableSizes, method: "move" | "full"): string[] {
  const { tableBytes, idealBytes, indexes } = sizes;
  if (method === "full") {
    const fresh = wayOf(sizes, "VACUUM FULL").needsBytes;
    return [
      "Runs VACUUM FULL on state_groups_state: writes the table and its indexes anew",
      `Needs ${formatBytes(fresh)} of disk meanwhile; takes up to ${
        describeTime((tableBytes + fresh * 2) / SLOW_BYTES)
      } on a slow disk`,
      "Locks the table: Synapse stands still until it is done",
    ];
  }
  const way = wayOf(sizes, "reclaim -c");
  const bloated = indexes.filter(isBloated);
  const fresh = bloated.reduce((sum, { idealBytes }) => sum + idealBytes!, 0);
  const all = indexes.reduce((sum, { bytes }) => sum + bytes, tableBytes);
  const moved = Math.min(idealBytes, Math.max(0, tableBytes - idealBytes));
  return [
    `Moves rows from the end of state_groups_state to free space further down${
      bloated.length === 0 ? "" : `, and builds ${formatUnits(bloated.length, "index", "indexes")} anew`
    }`,
    `Gives back about ${formatBytes(way.givesBackBytes)} of ${formatBytes(all)}; needs ${
      formatBytes(way.needsBytes)
    } of disk meanwhile; takes ${describeTime((moved + fresh) / MOVED_BYTES)}`,
    "Reads never wait, writers up to 0.2 s at a time; it can be stopped at any time, and the next run goes on",
  ];
}

function wayOf(sizes: TableSizes, name: "VACUUM FULL" | "reclaim -c"): ReclaimWay {
  return findWays(sizes).find((way) => way.name === name)!;
}

/** A guess: "a few seconds", or about how many minutes, hours or days. */
function describeTime(seconds: number): string {
  return seconds < 10 ? "a few seconds" : `about ${formatDuration(coarse(seconds) * 1000)}`;
}

/** With one digit, or to five of a unit: no guess is better than that. */
function coarse(seconds: number): number {
  const unit = seconds < 60 ? 10 : seconds < 600 ? 60 : seconds < 3600 ? 300 : 3600;
  return Math.ceil(seconds / unit) * unit;
}
