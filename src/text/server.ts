/** A server's survey as lines for a terminal: sizes, what each step would give, the biggest rooms, what to do next. */
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFigure,
  formatMicroseconds,
  formatPercent,
  formatUnits,
} from "../format/numbers.ts";
import type { Gain } from "../jobs/gains.ts";
import type { AbandonedRooms, ServerSurvey, Volume } from "../jobs/server.ts";
import { formatBlockers } from "./reclaim.ts";
import { formatSaved, nameOf, tabulateRooms } from "./rooms.ts";
import { formatGain, nextSteps, type StepOptions } from "./steps.ts";

const LISTED = 10;
const OTHER_TABLES = 5;
const HOUR_MS = 3_600_000;

/** The whole answer, a line an element. */
export function formatSurvey(survey: ServerSurvey, options: StepOptions & { readonly now?: number } = {}): string[] {
  return [
    ...formatServerSizes(survey, options.now ?? Date.now()),
    "",
    ...formatGains(survey),
    "",
    ...formatSurveyedRooms(survey),
    ...formatAbandoned(survey.abandoned),
    ...formatBlockers(survey.blockers),
    ...formatSteps(survey, options),
  ];
}

function formatServerSizes({ facts, sizes, inside, total, volume }: ServerSurvey, now: number): string[] {
  const indexBytes = sizes.indexes.reduce((sum, { bytes }) => sum + bytes, 0);
  const stateBytes = facts.stateTables.reduce((sum, { bytes }) => sum + bytes, 0);
  const whole = Number.isNaN(facts.databaseBytes) ? "size not known" : formatBytes(facts.databaseBytes);
  return [
    `Database ${facts.database} (PostgreSQL ${facts.version}): ${whole}; Synapse's state tables take ${
      formatBytes(stateBytes)
    }${Number.isNaN(facts.databaseBytes) ? "" : `, ${formatPercent(stateBytes, facts.databaseBytes)} of it`}`,
    `state_groups_state: ${formatBytes(sizes.tableBytes)} (live ${
      formatFigure(inside.liveBytes, sizes.idealBytesError, formatBytes)
    }, dead ${formatBytes(inside.deadBytes)}, free ${formatBytes(inside.freeBytes)}); its ${
      sizes.indexes.length === 1 ? "index" : "indexes"
    } ${formatBytes(indexBytes)}`,
    `Rows: ${formatFigure(total.rows, total.rowsError)} of ${
      formatFigure(total.groups, total.groupsError)
    } state groups` +
    (total.pagesRead < total.pages
      ? `, estimated from ${formatCount(total.pagesRead)} of ${formatUnits(total.pages, "page")}`
      : ""),
    `Other big tables: ${
      facts.otherTables.slice(0, OTHER_TABLES).map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(", ") ||
      "none"
    }`,
    `Volume: ${formatVolume(volume)}`,
    formatFreshness(facts.freshness, now),
  ];
}

/** The file system, or why it is not known. */
export function formatVolume(volume: Volume | string): string {
  if (typeof volume === "string") return `unknown, since ${volume}`;
  return `${formatBytes(volume.bytes)}, ${formatBytes(volume.freeBytes)} of it free (${volume.path})`;
}

/** How fresh PostgreSQL's statistics are. */
export function formatFreshness(
  { analyzedMs, vacuumedMs, changedRows }: ServerSurvey["facts"]["freshness"],
  now: number,
): string {
  const ago = (ms: number | undefined) =>
    ms === undefined ? "never" : now - ms < HOUR_MS ? "within the hour" : `${formatDuration(now - ms)} ago`;
  return `PostgreSQL's statistics: last ANALYZE ${ago(analyzedMs)}, ${
    formatUnits(changedRows, "row")
  } changed since; last VACUUM ${ago(vacuumedMs)}`;
}

/** What each step would give, as a table. */
function formatGains({ gains, total, noPruning }: ServerSurvey): string[] {
  const cells = (name: string, gain: Gain): string[] => [
    name,
    formatFigure(gain.rows, gain.rowsError),
    formatPercent(gain.rows, total.rows),
    formatGain(gain),
  ];
  const rows = [
    ["", "rows", "of all", "bytes"],
    cells("compressing", gains.compress),
    ...(gains.prune === undefined ? [] : [cells("pruning, on top", gains.prune)]),
    ["reclaiming now", "0", "0%", formatGain(gains.reclaim)],
    cells("all of it", gains.all),
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  return [
    `What each step would give, by compressing ${formatUnits(gains.rowsTried, "row")} in memory (±: 95% confidence):`,
    ...rows.map(([name, ...row]) =>
      `  ${name!.padEnd(widths[0]!)}${row.map((cell, i) => `  ${cell.padStart(widths[i + 1]!)}`).join("")}`
    ),
    ...(gains.prune === undefined ? [`  Pruning: not known, since ${noPruning}.`] : []),
    `  Reads: ${formatReads(gains.reads)}`,
  ];
}

/** What compressing does to reads. */
export function formatReads(reads: ServerSurvey["gains"]["reads"]): string {
  if (reads === undefined) return "not known: no room was tried";
  const { beforeUs, afterUs } = reads;
  const ratio = beforeUs === 0 ? 1 : afterUs / beforeUs;
  const change = ratio >= 2
    ? `${ratio.toFixed(1)} times as much`
    : `${formatPercent(Math.abs(ratio - 1))} ${ratio < 1 ? "less" : "more"}`;
  return `a group's full state costs ${formatMicroseconds(beforeUs)} now and ${
    formatMicroseconds(afterUs)
  } compressed, by the model (${change})`;
}

function formatSurveyedRooms({ rooms }: ServerSurvey): string[] {
  const withUsers = rooms.some(({ localUsers }) => localUsers !== undefined);
  const heads = ["bytes", "rows", "share", "would save", ...(withUsers ? ["local users"] : [])];
  const lines = rooms.slice(0, LISTED).map((room): [string[], string] => [[
    formatBytes(room.bytes),
    formatFigure(room.rows, room.rowsError),
    formatPercent(room.share),
    formatSaved(room.saving),
    ...(withUsers ? [room.localUsers === undefined ? "-" : formatCount(room.localUsers)] : []),
  ], nameOf(room)]);
  return tabulateRooms(heads, lines);
}

function formatAbandoned(abandoned: AbandonedRooms | string): string[] {
  if (typeof abandoned === "string") return ["", `Rooms that no local user is in: not known, since ${abandoned}.`];
  const { rooms, count, all } = abandoned;
  if (count === 0) return ["", "Rooms that no local user is in: none found."];
  return [
    "",
    `Rooms that no local user is in: ${formatCount(count)} found, with ${
      formatFigure(all.rows, all.rowsError)
    } rows, about ${formatGain(all)}:`,
    ...rooms.map((room) =>
      `  ${formatBytes(room.bytes)}, ${formatFigure(room.rows, room.rowsError)} rows  ${nameOf(room)}`
    ),
  ];
}

function formatSteps(survey: ServerSurvey, options: StepOptions): string[] {
  const steps = nextSteps(survey, options);
  if (steps.length === 0) return ["", "Nothing here is worth doing now."];
  return [
    "",
    "Next:",
    ...steps.flatMap(({ why, commands }, i) => [`  ${i + 1}. ${why}`, ...commands.map((command) => `     ${command}`)]),
  ];
}
