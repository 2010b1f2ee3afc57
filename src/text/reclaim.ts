/**
 * `reclaim` in words: how much of the table and its indexes is live, what each way to shrink the files gives back, costs and
 * locks, and what is in the way. Statements about other tools follow their documentation: pg_repack
 * (https://reorg.github.io/pg_repack/), https://www.postgresql.org/docs/current/mvcc-caveats.html, sql-vacuum.html,
 * sql-reindex.html.
 */
import type { Blockers, SnapshotHolder } from "../db/read/blockers.ts";
import type { TableSizes } from "../db/read/sizes.ts";
import { formatBytes, formatCount, formatDuration, formatUnits } from "../format/numbers.ts";
import type { ReclaimEvent, ReclaimReport } from "../jobs/reclaim.ts";
import { isBloated, isWorthMoving } from "../jobs/worth.ts";

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
      note:
        "Makes the space of deleted rows available to new ones; shortens the file only if its end happens to be empty.",
    },
    {
      name: "REINDEX INDEX CONCURRENTLY",
      givesBackBytes: inIndexes,
      needsBytes: biggestIndex,
      locks: "none that Synapse waits for",
      note: "Only the indexes. Waits for running transactions to end. PostgreSQL 12 or later.",
    },
    {
      name: "reclaim -c",
      givesBackBytes: movable + inIndexes,
      needsBytes: biggestIndex,
      locks: "writers wait up to 0.2 s at a time, readers never",
      note:
        "This program: VACUUM, REINDEX CONCURRENTLY, and moving rows from the file's end to free space closer to its start.",
    },
    {
      name: "VACUUM FULL",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything, until it is done: Synapse is blocked",
      note: "reclaim -c --method full runs it.",
    },
    {
      name: "pg_repack",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything for a moment, at its start and end",
      note:
        "An extension. Refuses this table until it has a unique index on NOT NULL columns. Its swap is not safe for a " +
        "Synapse transaction that starts before it and reads the table after it: that transaction sees an empty table.",
    },
    {
      name: "REPACK (CONCURRENTLY)",
      givesBackBytes: inTable + inIndexes,
      needsBytes: idealBytes + freshIndexes,
      locks: "everything for a moment, at its end",
      note:
        "PostgreSQL 19. Needs a unique index too, and according to its documentation its swap has the same problem.",
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
        ? "the size of a fresh one is unknown"
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

/** What is in the way, and what it blocks, under a head; nothing where nothing is. */
export function formatBlockers(blockers: Blockers): string[] {
  const lines = describeBlockers(blockers);
  return lines.length === 0 ? [] : ["", "In the way:", ...lines.map((line) => `  ${line}`)];
}

/** The same, a line each. */
export function describeBlockers(blockers: Blockers): string[] {
  const old = blockers.holders.filter(({ kind, age }) => kind !== "session" || age >= OLD_AGE);
  const lines = [
    ...old.map((holder) => `${formatHolder(holder)}: rows deleted since then cannot be removed before it ends`),
    ...blockers.building.map((pid) => `process ${pid} is building an index of the table: reclaim -c waits for it`),
    ...blockers.invalidIndexes.map((index) =>
      `index ${index} is invalid: it takes up space, and no query uses it. If a REINDEX left it behind, reclaim -c drops it`
    ),
    ...blockers.standbys.map((name) =>
      `standby ${name} replays each cut of the file under an exclusive lock, which may cancel queries there`
    ),
  ];
  if (blockers.truncateOff !== undefined) {
    lines.push(
      `vacuum_truncate is off for the ${blockers.truncateOff}: VACUUM never cuts the file, so reclaim -c refuses`,
    );
  }
  return lines;
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
      return `Dropped index ${event.index}, left behind by an interrupted REINDEX CONCURRENTLY`;
    case "invalid-index":
      return `warning: index ${event.index} is invalid and was left alone: drop it, or rebuild it with REINDEX`;
    case "building-index":
      return `Waiting for a session that is building an index: process ${event.pids.join(", ")}`;
    case "vacuuming":
      return "Running VACUUM...";
    case "reindexing":
      return `Rebuilding index ${event.index}...`;
    case "waiting":
      return `Waiting for transactions that still need old rows: ${event.holders.map(formatHolder).join("; ")}`;
    case "round":
      return `Round ${event.round}: ${formatBytes(event.freedBytes)} given back, the table now has ${
        formatBytes(event.tableBytes)
      }`;
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
      : `; ${formatUnits(report.retries, "move")} had to be repeated because another transaction held the table`),
  ];
  switch (report.outcome) {
    case "done":
      break;
    case "no-gain":
      lines.push(
        "The last round gave nothing back: Synapse used the free space first, or held the table. Run it again at a quiet time.",
      );
      break;
    case "blocked":
      lines.push(
        "Stopped early: deleted rows cannot be removed yet. Run it again once these have ended:",
        ...report.holders.map((holder) => `  ${formatHolder(holder)}`),
      );
      break;
    case "out-of-time":
      lines.push("Time limit reached. Run it again to continue.");
      break;
  }
  return lines;
}
