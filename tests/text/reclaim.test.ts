import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Blockers } from "../../src/db/read/blockers.ts";
import type { TableSizes } from "../../src/db/read/sizes.ts";
import { findWays, formatBlockers, formatReclaimed } from "../../src/text/reclaim.ts";

const MIB = 1024 ** 2;
const SIZES: TableSizes = {
  tableBytes: 1000 * MIB,
  idealBytes: 100 * MIB,
  idealBytesError: 0,
  liveRows: 800_000,
  pages: 128_000,
  idealPages: 12_800,
  pageBytes: 8192,
  indexes: [{ name: "a_idx", bytes: 500 * MIB, idealBytes: 50 * MIB }, {
    name: "odd_idx",
    bytes: 7 * MIB,
    idealBytes: undefined,
  }],
};
const NOTHING: Blockers = { holders: [], truncateOff: undefined, invalidIndexes: [], building: [], standbys: [] };

Deno.test("findWays() says what each way gives back and needs", () => {
  const ways = findWays(SIZES).map(({ name, givesBackBytes, needsBytes }) => [
    name,
    Math.round(givesBackBytes / MIB),
    Math.round(needsBytes / MIB),
  ]);
  deepStrictEqual(ways, [
    ["VACUUM", 0, 0],
    ["REINDEX INDEX CONCURRENTLY", 450, 50],
    ["reclaim -c", 1348, 50],
    ["VACUUM FULL", 1350, 157],
    ["pg_repack", 1350, 157],
    ["REPACK (CONCURRENTLY)", 1350, 157],
  ]);
});

Deno.test("findWays() promises nothing of the table where a move would not pay", () => {
  const full = { ...SIZES, tableBytes: 105 * MIB, pages: 13_440, indexes: [] };
  strictEqual(findWays(full).find(({ name }) => name === "reclaim -c")!.givesBackBytes, 0);
});

Deno.test("formatBlockers() names old snapshots and what they block, and leaves out young sessions", () => {
  deepStrictEqual(formatBlockers(NOTHING), []);
  const lines = formatBlockers({
    ...NOTHING,
    holders: [
      { kind: "session", name: "17", detail: "pg_dump", age: 20_000, since: 0 },
      { kind: "session", name: "18", detail: "synapse", age: 3, since: 0 },
      { kind: "replication-slot", name: "old", detail: "not in use", age: 5, since: 0 },
    ],
    standbys: ["replica"],
    truncateOff: "table",
  });
  deepStrictEqual(lines.length, 6);
  match(lines[2]!, /^ {2}process 17 \(pg_dump\) needs rows as of 20,000 transactions ago: /);
  match(lines[3]!, /^ {2}replication slot old \(not in use\)/);
  match(lines[4]!, /^ {2}standby replica replays/);
  match(lines[5]!, /vacuum_truncate is off for the table/);
});

Deno.test("formatReclaimed() says how much came back, and what to do where it ended early", () => {
  const report = {
    outcome: "blocked" as const,
    tableBytesBefore: 1000 * MIB,
    indexBytesBefore: 500 * MIB,
    tableBytesAfter: 900 * MIB,
    indexBytesAfter: 50 * MIB,
    idealBytes: 100 * MIB,
    rounds: 1,
    rowsMoved: 12_345,
    retries: 1,
    holders: [{ kind: "session" as const, name: "17", detail: "pg_dump", age: 1, since: 0 }],
    seconds: 80,
  };
  deepStrictEqual(formatReclaimed(report), [
    "Given back to the system: 550 MiB in 1 min 20 s",
    "Rows moved: 12,345; 1 move had to be repeated because another transaction held the table",
    "Stopped early: deleted rows cannot be removed yet. Run it again once these have ended:",
    "  process 17 (pg_dump) needs rows as of 1 transaction ago",
  ]);
});
