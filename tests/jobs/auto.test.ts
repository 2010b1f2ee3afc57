import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { lockRoom } from "../../src/db/write/access.ts";
import { connect } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { compressServer, type ServerEvent, type ServerOptions } from "../../src/jobs/auto.ts";
import type { ServerReport } from "../../src/jobs/tally.ts";
import { biggestRoom, movedGroups, type TestDatabase, testDatabase } from "../support/database.ts";
import type { ChunkReport } from "../../src/jobs/chunk.ts";
import type { PlainForest } from "../support/forest.ts";
import { hopsOf } from "../support/oracle.ts";
import { readRoom } from "../support/tables.ts";
import { impatient } from "../support/sessions.ts";
import { fullStates } from "../support/states.ts";
import { assertSound } from "../support/synapse.ts";

const run = (db: TestDatabase, options: ServerOptions = {}, onEvent?: (event: ServerEvent) => void) =>
  compressServer(() => connect(db.url), options, onEvent === undefined ? {} : { onEvent });

/** Rows, edges and saved levels, each as a number and a digest of all. */
async function digests({ sql }: TestDatabase): Promise<string[]> {
  const names = ["state_groups_state", "state_group_edges", "state_compressor_state", "state_compressor_progress"];
  return await Promise.all(names.map(async (name) => {
    const [row] = await sql.unsafe(
      `SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY t::text COLLATE "C")) AS text FROM ${name} AS t`,
    );
    return row!["text"];
  }));
}

async function maxHops({ sql }: TestDatabase): Promise<number> {
  const [row] = await sql`WITH RECURSIVE up (id, hops) AS (
      SELECT id, 0 FROM state_groups WHERE NOT EXISTS (SELECT 1 FROM state_group_edges WHERE state_group = id)
      UNION ALL SELECT e.state_group, hops + 1 FROM up JOIN state_group_edges AS e ON e.prev_state_group = up.id
    ) SELECT max(hops) AS hops FROM up`;
  return row!["hops"];
}

const rowCount = async ({ sql }: TestDatabase) =>
  (await sql`SELECT count(*)::int AS n FROM state_groups_state`)[0]!["n"] as number;

// Written by synapse_auto_compressor 0.1.4 itself, on the same fixture.
const RUST = {
  100: [
    "11836 966737097992b485c2261babec541527",
    "6408 41be77feaeda634984673baee8ac4fae",
    "27 59e4123ab07e39735e4a844080dfccb8",
    "9 c792db30c8a5fb5e1791b19e908771b9",
  ],
  500: [
    "10868 4e6e277dc47127bd6caf0e9d0ff5cf9e",
    "6436 e3df95fd549c8a37e9ed8edfc6ab6307",
    "27 dc40fc3b7c954de0e172522542f6ed2f",
    "9 c792db30c8a5fb5e1791b19e908771b9",
  ],
};

async function roomsOf(db: TestDatabase): Promise<Map<string, PlainForest>> {
  const names = await db.sql`SELECT DISTINCT room_id FROM state_groups`;
  return new Map(await Promise.all(names.map(async ({ room_id: id }) => [id, await readRoom(db.sql, id)] as const)));
}

for (const chunkSize of [100, 500] as const) {
  Deno.test(`compressServer() with levels and the oldest first leaves, chunk for chunk, what the Rust tool leaves: ${chunkSize}`, async () => {
    await using db = await testDatabase({ fixture: true });
    const report = await run(db, { chunkSize, strategy: "levels", order: "oldest" });
    deepStrictEqual(await digests(db), RUST[chunkSize]);
    deepStrictEqual(
      [report.chunks, report.chunksSkipped, report.rowsSaved],
      chunkSize === 100 ? [69, 52, 1383] : [17, 6, 2351],
    );
  });
}

Deno.test("compressServer() along branches, in chunks: fewer rows than the Rust tool, within the hop bound, the same states", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const report = await run(db, { chunkSize: 100, prefer: "rows" });
  ok(await rowCount(db) < 8900, `${await rowCount(db)} rows`);
  strictEqual(report.rowsSaved, 13_219 - await rowCount(db));
  ok(await maxHops(db) <= 175, `${await maxHops(db)} hops`);
  deepStrictEqual(await fullStates(db.sql), before);
  await assertSound(db.sql);
  const again = await run(db);
  deepStrictEqual([again.roomsFound, again.chunks, again.outcome], [0, 0, "done"]);
});

Deno.test("compressServer() leaves no chain longer than 99 edges, and what Synapse builds on at 50 at most where it saves a row", async () => {
  for (const chunkSize of [100, 10_000]) {
    await using db = await testDatabase({ fixture: true });
    const before = await roomsOf(db);
    await run(db, { chunkSize });
    // In small chunks each may give up less, since those above it pay for it, too.
    ok(await rowCount(db) < (chunkSize === 100 ? 11_000 : 10_500), `${await rowCount(db)} rows`);
    ok(await maxHops(db) <= 99, `${await maxHops(db)} hops`);
    let saved = 0;
    for (const [roomId, plain] of await roomsOf(db)) {
      const rows = ({ groups }: PlainForest, from = 0) =>
        groups.slice(from).reduce((sum, { rows }) => sum + rows.length, 0);
      // A room, or the last chunk of one, without a row to save is left as Synapse stored it.
      const lastChunk = Math.floor((plain.groups.length - 1) / chunkSize) * chunkSize;
      if (rows(plain) === rows(before.get(roomId)!)) continue;
      saved++;
      if (rows(plain, lastChunk) === rows(before.get(roomId)!, lastChunk)) continue;
      const newest = [...hopsOf(plain).values()].slice(chunkSize === 100 ? -1 : -Math.ceil(plain.groups.length / 20));
      ok(Math.max(...newest) <= 50, `${roomId}: ${newest}`);
    }
    ok(saved >= 7, `${saved} rooms`);
  }
});

Deno.test("compressServer() goes on, with either strategy, where the other ended", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  for (let turn = 0;; turn++) {
    const report = await run(db, {
      chunkSize: 150,
      chunks: 4,
      order: "oldest",
      strategy: turn % 2 === 0 ? "branches" : "levels",
    });
    // Heads stand, are the room's own and not above what is done; lengths keep to their levels: the Rust tool demands it.
    deepStrictEqual([
      ...await db.sql`SELECT * FROM state_compressor_state AS s LEFT JOIN state_groups AS g
        ON g.id = s.current_head AND g.room_id = s.room_id JOIN state_compressor_progress AS p ON p.room_id = s.room_id
        WHERE current_length > max_size OR (current_head IS NULL AND current_length <> 0)
          OR (current_head IS NOT NULL AND (g.id IS NULL OR current_head > last_compressed))`,
    ], []);
    if (report.outcome === "done") break;
    strictEqual(report.chunks, 4);
  }
  deepStrictEqual(await fullStates(db.sql), before);
  ok(await rowCount(db) < 13_219);
});

Deno.test("compressServer() with many workers and processes works on each room once", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const seen: string[] = [];
  const note = (event: ServerEvent) => {
    if (event.kind === "chunk") seen.push(`${event.report.roomId} ${event.report.lastGroup}`);
  };
  const reports = await Promise.all([1, 2].map(() => run(db, { workers: 3, chunkSize: 500 }, note)));
  strictEqual(new Set(seen).size, seen.length);
  for (const { failed } of reports) deepStrictEqual(failed, []);
  deepStrictEqual(await fullStates(db.sql), before);
  const left = await run(db);
  deepStrictEqual([left.roomsFound, left.failed], [0, []]);
});

Deno.test("compressServer() passes over a room that another compressor has", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using other = await connect(db.url);
  await using _lock = await lockRoom(other, roomId);
  const report = await run(db);
  deepStrictEqual([report.roomsBusy, report.rooms, report.failed], [[roomId], 8, []]);
});

Deno.test("compressServer() works around broken data, and says where it is", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const [row] = await db.sql`SELECT e.prev_state_group AS id FROM state_group_edges AS e JOIN state_groups AS g
    ON g.id = e.prev_state_group WHERE g.room_id = ${roomId} ORDER BY 1 LIMIT 1 OFFSET 3000`;
  await db.sql`DELETE FROM state_groups WHERE id = ${row!["id"]}`;
  await db.sql`DELETE FROM state_group_edges WHERE state_group = ${row!["id"]}`;
  await db.sql`DELETE FROM state_groups_state WHERE state_group = ${row!["id"]}`;
  const report = await run(db, { chunkSize: 500 });
  deepStrictEqual([report.roomsWithDefects, report.failed, report.rooms], [[roomId], [], 9]);
  ok(report.groupsLeftOut > 0 && report.rowsSaved > 1000);
});

Deno.test("compressServer() passes over a room that fails, and ends where all do", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN IF NEW.room_id = '${roomId}' THEN RAISE 'no'; END IF; RETURN NEW; END$$`);
  await run(db, { chunks: 1, order: "oldest", chunkSize: 1 });
  await db.sql.unsafe(
    "CREATE TRIGGER refuse BEFORE INSERT ON state_compressor_progress FOR EACH ROW EXECUTE FUNCTION refuse()",
  );
  const report = await run(db);
  deepStrictEqual([report.failed.map(({ roomId }) => roomId), report.rooms], [[roomId], 8]);
  await db.sql.unsafe("DELETE FROM state_compressor_progress");
  await db.sql.unsafe(
    `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$`,
  );
  await rejects(run(db), /no \(SQLSTATE P0001\)/);
});

Deno.test("compressServer() names rooms with ids beyond 2^53, however many, and compresses the others", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(`INSERT INTO state_groups SELECT 9007199254740993 + n, '!huge' || n || ':test', '$e'
    FROM generate_series(1, 7) AS n`);
  for (const order of ["oldest", "biggest"] as const) {
    await db.sql.unsafe("DROP TABLE IF EXISTS state_compressor_progress, state_compressor_state");
    const report = await run(db, { order });
    deepStrictEqual([report.outcome, report.rooms, report.failed.length], ["done", 9, 7]);
    for (const { roomId, error } of report.failed) {
      ok(roomId.startsWith("!huge") && /beyond 2\^53/.test(error.message), error.stack);
    }
  }
});

Deno.test("compressServer() leaves out a group with a NULL, says so, and compresses all else", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe("ALTER TABLE state_groups_state ALTER event_id DROP NOT NULL");
  const [row] = await db.sql`UPDATE state_groups_state SET event_id = NULL WHERE (state_group, type, state_key) IN (
    SELECT state_group, type, state_key FROM state_groups_state WHERE room_id = ${roomId} ORDER BY 1 LIMIT 1 OFFSET 3000)
    RETURNING state_group`;
  const report = await run(db);
  deepStrictEqual([report.roomsWithDefects, report.failed, report.rooms], [[roomId], [], 9]);
  ok(report.groupsLeftOut > 0 && report.rowsSaved > 1000);
  const [kept] = await db.sql`SELECT count(*)::int AS n FROM state_groups_state
    WHERE state_group = ${row!["state_group"]} AND event_id IS NULL`;
  strictEqual(kept!["n"], 1);
});

Deno.test("compressServer() compresses a room whose edges are there twice, and keeps its states", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`DROP INDEX state_group_edges_unique_idx;
    INSERT INTO state_group_edges SELECT e.* FROM state_group_edges AS e JOIN state_groups AS g ON g.id = e.state_group
      WHERE g.room_id = '${roomId}' AND e.state_group % 40 = 0`).simple();
  const before = await fullStates(db.sql);
  const report = await run(db);
  deepStrictEqual([report.failed, report.groupsSkipped, report.roomsWithDefects], [[], 0, []]);
  ok(report.rowsSaved > 1000);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressServer() deletes the progress of rooms that Synapse has deleted", async () => {
  await using db = await testDatabase({ fixture: true });
  await run(db);
  const roomId = await biggestRoom(db);
  // As Synapse does (_purge_room_state_txn).
  await db
    .sql`DELETE FROM state_groups_state WHERE state_group IN (SELECT id FROM state_groups WHERE room_id = ${roomId})`;
  await db
    .sql`DELETE FROM state_group_edges WHERE state_group IN (SELECT id FROM state_groups WHERE room_id = ${roomId})`;
  await db.sql`DELETE FROM state_groups WHERE room_id = ${roomId}`;
  const events: ServerEvent[] = [];
  await run(db, {}, (event) => events.push(event));
  deepStrictEqual(events.filter(({ kind }) => kind === "gone"), [{ kind: "gone", rooms: 1 }]);
  for (const table of ["state_compressor_progress", "state_compressor_state"]) {
    const rooms = await db.sql.unsafe(`SELECT DISTINCT room_id FROM ${table}`);
    deepStrictEqual([rooms.length, rooms.some((row) => row["room_id"] === roomId)], [8, false]);
  }
});

Deno.test("compressServer() goes on from the nearest group where a saved head has been purged", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await run(db, { chunks: 3, chunkSize: 300 });
  await db.sql`UPDATE state_compressor_state SET current_head = 999999 WHERE room_id = ${roomId} AND level_num = 1`;
  await db
    .sql`UPDATE state_compressor_state SET current_head = -5, current_length = 1 WHERE room_id = ${roomId} AND level_num = 2`;
  const before = await fullStates(db.sql);
  const replaced: unknown[] = [];
  const report = await run(db, { chunkSize: 300 }, (event) => {
    if (event.kind === "chunk") replaced.push(...event.report.replaced);
  });
  strictEqual(replaced.length, 2);
  deepStrictEqual(report.failed, []);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressServer() stopped within a chunk saves no progress for it, and is whole after going on", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const controller = new AbortController();
  let chunks = 0;
  const running = compressServer(() => connect(db.url), { chunkSize: 200 }, {
    signal: controller.signal,
    onEvent(event) {
      if (event.kind === "chunk" && ++chunks === 3) controller.abort();
    },
  });
  const stopped = await running.then(() => undefined, (error) => error);
  ok(stopped instanceof StoppedError);
  ok((stopped.report as ServerReport).chunks < 10);
  deepStrictEqual(await fullStates(db.sql), before);
  const rest = await run(db, { chunkSize: 200 });
  strictEqual(rest.outcome, "done");
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressServer() begins no chunk once its time is up", async () => {
  await using db = await testDatabase({ fixture: true });
  const report = await run(db, { maxTimeMs: 0 });
  deepStrictEqual([report.outcome, report.chunks], ["out-of-time", 0]);
});

/** A transaction that holds the last of the groups of a room that are rewritten, until disposed of. */
async function hold(db: TestDatabase, roomId: string) {
  const moved = await movedGroups(roomId, (db) => run(db, IMPATIENT));
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN");
  await holder`SELECT FROM state_groups WHERE id = ANY (${moved.slice(-3)}::bigint[]) FOR UPDATE`;
  let isReleased = false;
  const release = async () => {
    if (isReleased) return;
    isReleased = true;
    await holder`ROLLBACK`;
    holder.release();
  };
  return { release, [Symbol.asyncDispose]: release };
}

const IMPATIENT = { pausesMs: [1], chunkSize: 2000 };

Deno.test("compressServer() ends a room's progress before a chunk that others held at every try; the next run finishes it", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const roomId = await biggestRoom(db);
  const chunks: ChunkReport[] = [];
  {
    await using _held = await hold(db, roomId);
    const report = await compressServer(async () => impatient(await connect(db.url)), IMPATIENT, {
      onEvent: (event) => event.kind === "chunk" && chunks.push(event.report),
    });
    const unfinished = chunks.filter(({ outcome }) => outcome === "unfinished");
    // Tried three times, after all other rooms.
    deepStrictEqual(unfinished.map(({ roomId }) => roomId), [roomId, roomId, roomId]);
    deepStrictEqual(chunks.slice(-2), unfinished.slice(-2));
    deepStrictEqual([report.roomsUnfinished, report.outcome, report.failed, report.rooms], [[roomId], "done", [], 9]);
    deepStrictEqual(
      [report.skippedByKind.contention, report.groupsSkipped],
      [unfinished[2]!.skippedByKind.contention, unfinished[2]!.groupsSkipped],
    );
    ok(report.skippedByKind.contention > 0);
    strictEqual(report.groupsRewritten, chunks.reduce((sum, chunk) => sum + chunk.groupsRewritten, 0));
    const [row] = await db.sql`SELECT last_compressed FROM state_compressor_progress WHERE room_id = ${roomId}`;
    strictEqual(row!["last_compressed"] < unfinished[0]!.lastGroup, true);
  }
  const rest = await run(db, IMPATIENT);
  deepStrictEqual([rest.roomsFound, rest.roomsUnfinished, rest.groupsSkipped], [1, [], 0]);
  ok(rest.groupsRewritten > 0 && rest.rowsSaved > 0);
  deepStrictEqual((await run(db)).roomsFound, 0);
  deepStrictEqual(await fullStates(db.sql), before);
  ok(await maxHops(db) <= 175);
});

Deno.test("compressServer() finishes, in the same run, a chunk whose groups are free again", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using held = await hold(db, roomId);
  const outcomes: string[] = [];
  const released: Promise<void>[] = [];
  const report = await compressServer(async () => impatient(await connect(db.url)), IMPATIENT, {
    onEvent(event) {
      if (event.kind !== "chunk" || event.report.roomId !== roomId) return;
      outcomes.push(event.report.outcome);
      if (event.report.outcome === "unfinished") released.push(held.release());
    },
  });
  await Promise.all(released);
  deepStrictEqual(outcomes.slice(-2), ["unfinished", "written"]);
  deepStrictEqual([report.roomsUnfinished, report.groupsSkipped], [[], 0]);
  deepStrictEqual((await run(db)).roomsFound, 0);
});
