import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { markGroups } from "../../src/db/write/marks.ts";
import { pruneRoom, pruneServer, surveyUnused } from "../../src/jobs/prune.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { purgeMarked } from "../support/events.ts";
import { fullStates } from "../support/states.ts";
import { assertSound } from "../support/synapse.ts";

const FIXTURE = { fixture: true, events: true };

async function rowsOf({ sql }: TestDatabase): Promise<number> {
  const [row] = await sql`SELECT count(*)::int AS rows FROM state_groups_state`;
  return row!["rows"];
}

async function unusedOf({ sql }: TestDatabase): Promise<number[]> {
  const rows = await sql`SELECT id FROM state_groups AS g
    WHERE NOT EXISTS (SELECT FROM event_to_state_groups AS e WHERE e.state_group = g.id) ORDER BY id`;
  return rows.map(({ id }) => id);
}

async function roomsOf({ sql }: TestDatabase): Promise<string[]> {
  return (await sql`SELECT DISTINCT room_id FROM state_groups ORDER BY 1`).map(({ room_id }) => room_id);
}

Deno.test("surveyUnused() counts a real server's unused groups and their rows", async () => {
  await using db = await testDatabase(FIXTURE);
  await using session = await connect(db.url, { readOnly: true });
  const { rooms, oldestMarkMs } = await surveyUnused(session, session);
  const sum = (of: (room: (typeof rooms)[number]) => number) => rooms.reduce((total, room) => total + of(room), 0);
  strictEqual(sum(({ unused }) => unused), 1430);
  strictEqual(sum(({ rows }) => rows), 3521);
  strictEqual(sum(({ leaves }) => leaves), 14);
  strictEqual(oldestMarkMs, undefined);
});

Deno.test("pruneServer() and Synapse's own loop rid a real server of unused groups; no snapshot is written, no used state changes", async () => {
  await using db = await testDatabase(FIXTURE);
  const before = await fullStates(db.sql);
  const unused = new Set(await unusedOf(db));
  const rowsBefore = await rowsOf(db);
  await using session = await connect(db.url);
  const { rooms, failed } = await pruneServer(session, session, { commit: true, minAgeMs: 0 });
  deepStrictEqual(failed, []);
  const marked = rooms.reduce((sum, room) => sum + room.marked, 0);
  const goes = rooms.reduce((sum, room) => sum + room.goes, 0);
  strictEqual(marked, goes);
  const batches = await db
    .sql`SELECT insertion_ts AS ts, count(*)::int AS groups, count(DISTINCT g.room_id)::int AS rooms
    FROM state_groups_pending_deletion AS p JOIN state_groups AS g ON g.id = p.state_group GROUP BY 1`;
  ok(batches.every(({ groups, rooms }) => groups <= 100 && rooms === 1));
  // Whatever builds on a marked group is marked, and no later than that group.
  const open = await db.sql`SELECT e.state_group FROM state_group_edges AS e
    JOIN state_groups_pending_deletion AS p ON p.state_group = e.prev_state_group
    LEFT JOIN state_groups_pending_deletion AS q ON q.state_group = e.state_group
    WHERE q.insertion_ts IS NULL OR q.insertion_ts > p.insertion_ts`;
  deepStrictEqual([...open], []);
  const deleted: number[] = [];
  for (const roomId of await roomsOf(db)) {
    const purged = await purgeMarked(db.url, db.sql, roomId);
    deepStrictEqual(purged.deDeltaed, []);
    deleted.push(...purged.deleted);
  }
  strictEqual(deleted.length, marked);
  ok(deleted.every((id) => unused.has(id)));
  await assertSound(db.sql);
  const after = await fullStates(db.sql);
  for (const id of deleted) before.delete(id);
  deepStrictEqual(after, before);
  const rowsAfter = await rowsOf(db);
  strictEqual(rowsAfter, rowsBefore - rooms.reduce((sum, room) => sum + room.rowsBefore - room.rowsAfter, 0));
  console.log(`unused ${unused.size}, deleted ${deleted.length}; rows ${rowsBefore} -> ${rowsAfter}`);
});

Deno.test("pruneRoom() writes nothing without commit", async () => {
  await using db = await testDatabase(FIXTURE);
  const [room] = await db.sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`;
  const before = await fullStates(db.sql);
  const rows = await rowsOf(db);
  await using session = await connect(db.url, { readOnly: true });
  const report = await pruneRoom(session, session, room!["room_id"], { minAgeMs: 0 });
  strictEqual(report.outcome, "planned");
  ok(report.goes > 0 && report.rowsAfter < report.rowsBefore);
  strictEqual(await rowsOf(db), rows);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("pruneRoom() leaves young groups alone, and those of which no event tells the age", async () => {
  await using db = await testDatabase(FIXTURE);
  await db.sql`UPDATE events SET received_ts = ${Date.now() - 3_600_000}`;
  await using session = await connect(db.url);
  const survey = async (minAgeMs?: number) => {
    const { rooms } = await surveyUnused(session, session, { minAgeMs });
    return rooms.reduce((sum, { mayGo }) => sum + mayGo, 0);
  };
  strictEqual(await survey(), 0);
  const old = await survey(1_800_000);
  ok(old > 0);
  await db.sql`DELETE FROM events WHERE event_id = (SELECT min(event_id) FROM state_groups
    WHERE id NOT IN (SELECT state_group FROM event_to_state_groups) AND event_id IN (SELECT event_id FROM events))`;
  ok(await survey(1_800_000) < old);
});

Deno.test("markGroups() leaves alone what is used meanwhile, persisted, or has something unmarked on it, and all under it", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups SELECT i, '!r:test', '$' || i FROM generate_series(1, 12) AS i;
    INSERT INTO state_group_edges VALUES (2, 1), (3, 2), (4, 3), (6, 5), (7, 6), (9, 8), (10, 9);
    INSERT INTO event_to_state_groups VALUES ('$3', 3);
    INSERT INTO state_groups_persisting (state_group, instance_name) VALUES (6, 'master');`);
  await using session = await connect(db.url);
  // 1 <- 2 <- 3 (used) <- 4; 5 <- 6 (persisting) <- 7; 8 <- 9 <- 10 (not to be marked); 11, 12.
  const report = await markGroups(session, session, "!r:test", [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 99]);
  const marked = await db.sql`SELECT state_group AS id FROM state_groups_pending_deletion ORDER BY 1`;
  deepStrictEqual(marked.map(({ id }) => id), [4, 7, 11, 12]);
  deepStrictEqual([report.marked, report.left], [4, 8]);
});

Deno.test("markGroups() gives each batch a time of its own, descendants first, even within a millisecond", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups SELECT i, '!r:test', '$' || i FROM generate_series(1, 40) AS i;
    INSERT INTO state_group_edges SELECT i, i - 1 FROM generate_series(2, 40) AS i;`);
  await using session = await connect(db.url);
  await markGroups(session, session, "!r:test", Array.from({ length: 40 }, (_, i) => i + 1), { batch: 4 });
  const batches = await db.sql`SELECT array_agg(state_group ORDER BY state_group)::text AS groups
    FROM state_groups_pending_deletion GROUP BY insertion_ts ORDER BY insertion_ts`;
  deepStrictEqual(batches.map(({ groups }) => groups), [
    ...Array.from({ length: 10 }, (_, i) => `{${[36, 37, 38, 39].map((n) => n + 1 - 4 * i).join()}}`),
  ]);
});

Deno.test("a group that becomes used between mark and loop survives with its state, and so does what it builds on", async () => {
  await using db = await testDatabase(FIXTURE);
  const [room] = await db.sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`;
  const roomId: string = room!["room_id"];
  await using session = await connect(db.url);
  await pruneRoom(session, session, roomId, { commit: true, minAgeMs: 0 });
  const before = await fullStates(db.sql);
  const [chosen] = await db
    .sql`SELECT state_group AS id FROM state_groups_pending_deletion ORDER BY md5(state_group::text) LIMIT 1`;
  await db.sql`INSERT INTO event_to_state_groups VALUES ('$new', ${chosen!["id"]})`;
  const { deleted } = await purgeMarked(db.url, db.sql, roomId);
  ok(!deleted.includes(chosen!["id"]));
  await assertSound(db.sql);
  for (const id of deleted) before.delete(id);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("pruneRoom() refuses a Synapse without deletion marks, and a database without events", async () => {
  {
    await using db = await testDatabase({ pendingDeletion: false });
    await using session = await connect(db.url);
    await rejects(pruneRoom(session, session, "!r:test"), /it has no table state_groups_pending_deletion/);
  }
  await using db = await testDatabase();
  await db.sql`DROP TABLE event_to_state_groups`;
  await using session = await connect(db.url);
  await rejects(pruneRoom(session, session, "!r:test"), (error: Error & { hint?: string }) => {
    ok(error.message.endsWith("has no table event_to_state_groups"));
    ok(error.hint!.includes("--events-postgres"));
    return true;
  });
});
