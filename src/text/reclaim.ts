/**
 * `reclaim` in words: how much of the table and its indexes is live, what each way to shrink the files gives back, costs and
 * locks, and what stands in the way. What is said of other tools is by their own documentation: pg_repack
 * (https://reorg.github.io/pg_repack/), https://www.postgresql.org/docs/current/mvcc-caveats.html, sql-vacuum.html,
 * sql-reindex.html.
 */
import type { Blockers, SnapshotHolder } from "../db/read/blockers.ts";
import type { TableSizes } from "../db/read/sizes.ts";
import { formatBytes, formatCount, formatDuration, formatUnits } from "../format/numbers.ts";
import { isBloated, isWorthMoving, type ReclaimEvent, type ReclaimReport } from "../jobs/reclaim.ts";

/** One way to give space back. */
export interface ReclaimWay {
  /** The statement or program. */
  readonly name: string;
  /** Bytes that go back to the system. */
  readonly givesBackBytes: number;
  /** Disk that it needs meanwhile, in bytes. */
  readonly needsBytes: number;
  /** Which locks it takes, and for how long. */
  readonly locks: string;
  /** What else there is to know. */
  readonly note: string;
}

/** Snapshots younger than this, in transactions, come and go. */
const OLD_AGE = 10_000;

/** What the table could give back, and the ways to it. */
export function findWays(sizes: TableSizes): ReclaimWay[] {
  const { tableBytes, idealBytes, indexes, pageBytes } = sizes;
  const inIndexes = indexes.reduce((sum, { bytes, idealBytes }) => sum + Math.max(0, bytes - (idealBytes ?? bytes)), 0);
  const freshIndexes = indexes.reduce((sum, { bytes, idealBytes }) => sum + (idealBytes ?? bytes), 0);
  const biggestIndex = indexes.reduce((most, { bytes, idealBytes }) => Math.max(most, idealBytes ?? bytes), 0);
  const inTable = Math.max(0, tableBytes - idealBytes);
  const movable = isWorthMoving(sizes) ? Math.max(0, inTable - Math.ceil(idealBytes / 50 / pageBytes) * pageBytes) : 0;
  return [
    {
      name: "VACUUM",
      givesBackBytes: 0,
      needsBytes: 0,
      locks: "none that Synapse waits for",
      note: "Makes the space of deleted rows free for new ones; cuts the file only where its end happens to be empty.",
    },
    {
      name: "REINDEX INDEX CONCURRENTLY",
      givesBackBytes: inIndexes,
      needsBytes: biggestIndex,
      locks: "none that Synapse waits for",
      note: "The indexes alone. Waits for transactions that are under way; PostgreSQL 12 or later.",
    },
    {
      name: "reclaim -c",
      givesBackBytes: movable + inIndexes,
      needsBytes: biggestIndex,
      locks: "writers wait up to 0.2 s at a time, readers never",
      note:
        "This program: VACUUM, REINDEX CONCURRENTLY, and moving rows from the file's end to free space further down.",
    },
    {
      name: "VACUUM FULL",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything, until it is done: Synapse stands still",
      note: "reclaim -c --method full runs it.",
    },
    {
      name: "pg_repack",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything for an instant, at its beginning and end",
      note:
        "An extension. Refuses this table until it has a unique index on columns that are NOT NULL. Its swap is not safe " +
        "for a Synapse transaction that began before it and reads the table after it: that one sees an empty table.",
    },
    {
      name: "REPACK (CONCURRENTLY)",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything for an instant, at its end",
      note: "PostgreSQL 19. Needs a unique index likewise, and its swap has the same caveat, by its documentation.",
    },
  ];
}

/** The explanation, a line an element. */
export function formatReclaimPlan(sizes: TableSizes, blockers: Blockers): string[] {
  const error = sizes.idealBytesError === 0 ? "" : ` ±${formatBytes(sizes.idealBytesError)}`;
  const rows = `${sizes.idealBytesError === 0 ? "" : "about "}${formatUnits(sizes.liveRows, "row")}`;
  const ways = findWays(sizes);
  const width = Math.max(...ways.map(({ name }) => name.length));
  return [
    `Table state_groups_state: ${formatBytes(sizes.tableBytes)}; its ${rows} would fit in ${
      formatBytes(sizes.idealBytes)
    }${error}`,
    ...sizes.indexes.map((index) =>
      `Index ${index.name}: ${formatBytes(index.bytes)}; ` +
      (index.idealBytes === undefined
        ? "how big a fresh one would be is not known"
        : `a fresh one would take ${formatBytes(index.idealBytes)}${isBloated(index) ? "" : ", so it can stay"}`)
    ),
    "",
    "Ways to shrink the files:",
    ...ways.flatMap(({ name, givesBackBytes, needsBytes, locks, note }) => [
      `  ${name.padEnd(width)}  gives back ${formatBytes(givesBackBytes)}; needs ${
        formatBytes(needsBytes)
      } meanwhile; ` +
      `locks: ${locks}`,
      `  ${"".padEnd(width)}  ${note}`,
    ]),
    ...formatBlockers(blockers),
  ];
}

/** What stands in the way, each with what it blocks. */
export function formatBlockers(blockers: Blockers): string[] {
  const old = blockers.holders.filter(({ kind, age }) => kind !== "session" || age >= OLD_AGE);
  const lines = [
    ...old.map((holder) => `${formatHolder(holder)}: rows deleted since then cannot be removed until it ends`),
    ...blockers.building.map((pid) => `process ${pid} is building an index of the table: reclaim -c waits for it`),
    ...blockers.invalidIndexes.map((index) =>
      `index ${index} is not valid: it takes space and helps no query. Where a REINDEX left it behind, reclaim -c drops it`
    ),
    ...blockers.standbys.map((name) =>
      `standby ${name} replays each cut of the file under an exclusive lock: queries there may be cancelled`
    ),
  ];
  if (blockers.truncateOff !== undefined) {
    lines.push(
      `vacuum_truncate is off for the ${blockers.truncateOff}: VACUUM never cuts the file, so reclaim -c refuses`,
    );
  }
  return lines.length === 0 ? [] : ["", "In the way:", ...lines.map((line) => `  ${line}`)];
}

/** Who still needs old rows. */
export function formatHolder({ kind, name, detail, age }: SnapshotHolder): string {
  const what = {
    "session": "process",
    "prepared-transaction": "prepared transaction",
    "replication-slot": "replication slot",
    "standby": "standby",
  };
  return `${what[kind]} ${name} (${detail}) needs rows as of ${formatUnits(age, "transaction")} ago`;
}

/** An event as a line, or undefined for one that only moves a progress display. */
export function describeReclaimEvent(event: ReclaimEvent): string | undefined {
  switch (event.kind) {
    case "standbys":
      return `warning: standbys replay each cut of the file under an exclusive lock: ${event.names.join(", ")}`;
    case "dropped-index":
      return `Dropped index ${event.index}, which a REINDEX CONCURRENTLY had left behind`;
    case "invalid-index":
      return `warning: index ${event.index} is not valid and is left alone: drop it, or build it anew with REINDEX`;
    case "building-index":
      return `Waiting for a session that is building an index: process ${event.pids.join(", ")}`;
    case "vacuuming":
      return "Running VACUUM...";
    case "reindexing":
      return `Building index ${event.index} anew...`;
    case "waiting":
      return `Waiting for old rows to be let go of: ${event.holders.map(formatHolder).join("; ")}`;
    case "round":
      return `Round ${event.round}: ${formatBytes(event.freedBytes)} given back, the table is ${
        formatBytes(event.tableBytes)
      } now`;
    case "analyzing":
      return "Running ANALYZE...";
    case "moving":
    case "lock-busy":
      return undefined;
  }
}

/** How it ended, without the sizes: the summary's table has them. */
export function formatReclaimed(report: ReclaimReport): string[] {
  const { tableBytesBefore, tableBytesAfter, indexBytesBefore, indexBytesAfter } = report;
  const freed = tableBytesBefore + indexBytesBefore - tableBytesAfter - indexBytesAfter;
  const lines = [
    `Given back to the system: ${formatBytes(freed)} in ${formatDuration(report.seconds * 1000)}`,
    `Rows moved: ${formatCount(report.rowsMoved)}` +
    (report.retries === 0
      ? ""
      : `; ${formatUnits(report.retries, "move")} had to be tried again, since somebody else held the table`),
  ];
  switch (report.outcome) {
    case "done":
      break;
    case "no-gain":
      lines.push(
        "The last round gave nothing back: Synapse was faster, or held the table. Run it again at a quiet time.",
      );
      break;
    case "blocked":
      lines.push(
        "Stopped early: deleted rows cannot be removed yet. Once these have ended, run it again:",
        ...report.holders.map((holder) => `  ${formatHolder(holder)}`),
      );
      break;
    case "out-of-time":
      lines.push("The time is up. Run it again to go on.");
      break;
  }
  return lines;
}
