import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { createProgressTables, readProgress } from "../../src/db/write/progress.ts";
import { StoppedError } from "../../src/errors.ts";
import { type ChunkReport, compressChunk } from "../../src/jobs/chunk.ts";
import { biggestRoom, movedGroups, testDatabase, untilWaiting } from "../support/database.ts";
import { isWorthAnotherLook, totalSkips } from "../../src/db/write/skips.ts";
import { beforeBatch, impatient } from "../support/sessions.ts";
import { fullStates } from "../support/states.ts";
import { Synapse } from "../support/synapse.ts";

async function bigRoom() {
  const db = await testDatabase({ fixture: true });
  const session = await connect(db.url);
  await createProgressTables(session);
  return {
    db,
    session,
    roomId: await biggestRoom(db),
    async [Symbol.asyncDispose]() {
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

Deno.test("compressChunk() takes a room's groups by ascending id, each once, and saves where it is", async () => {
  await using room = await bigRoom();
  const { db, session, roomId } = room;
  const before = await fullStates(db.sql);
  const ids = (await db.sql`SELECT id FROM state_groups WHERE room_id = ${roomId} ORDER BY id`).map(({ id }) => id);
  const chunks: ChunkReport[] = [];
  for (let chunk; (chunk = await compressChunk(session, roomId, { chunkSize: 1000 })) !== undefined;) {
    chunks.push(chunk);
    const { lastCompressed, levels } = await readProgress(session, roomId);
    strictEqual(lastCompressed, chunk.lastGroup);
    ok(levels.every(({ head }) => head === undefined || head <= chunk.lastGroup && ids.includes(head)));
  }
  deepStrictEqual(
    chunks.map(({ groups, lastGroup, isLast }) => [groups, lastGroup, isLast]),
    [
      [1000, ids[999], false],
      [1000, ids[1999], false],
      [1000, ids[2999], false],
      [1000, ids[3999], false],
      [ids.length - 4000, ids.at(-1), true],
    ],
  );
  ok(chunks.every(({ outcome, rowsSaved }) => outcome === "written" && rowsSaved > 0));
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressChunk() skips a chunk that saves nothing, and does not come back to it", async () => {
  await using room = await bigRoom();
  const { db, session } = room;
  await db.sql`INSERT INTO state_groups SELECT 1000000 + n, '!lean:test', 'e' FROM generate_series(1, 3) AS n`;
  await db
    .sql`INSERT INTO state_groups_state SELECT 1000000 + n, '!lean:test', 't', n::text, 'e' FROM generate_series(1, 3) AS n`;
  const chunk = await compressChunk(session, "!lean:test", { chunkSize: 2 });
  deepStrictEqual([chunk!.outcome, chunk!.groups, chunk!.rowsSaved, chunk!.isLast], ["skipped", 2, 0, false]);
  strictEqual((await compressChunk(session, "!lean:test", { chunkSize: 2 }))!.lastGroup, 1000003);
  strictEqual(await compressChunk(session, "!lean:test", { chunkSize: 2 }), undefined);
});

Deno.test("compressChunk() that is stopped while it writes saves no progress", async () => {
  await using room = await bigRoom();
  const { db, session, roomId } = room;
  const before = await fullStates(db.sql);
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN");
  await holder`SELECT FROM state_groups WHERE room_id = ${roomId} FOR UPDATE`;
  const controller = new AbortController();
  const chunk = compressChunk(session, roomId, { chunkSize: 1000 }, controller.signal);
  await untilWaiting(db);
  controller.abort();
  await rejects(chunk, StoppedError);
  await holder`ROLLBACK`;
  holder.release();
  await using next = await connect(db.url);
  strictEqual((await readProgress(next, roomId)).lastCompressed, undefined);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressChunk() that is stopped while it loads ends at once, and its session with it", async () => {
  await using room = await bigRoom();
  const { db, session, roomId } = room;
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; LOCK TABLE state_groups_state").simple();
  const controller = new AbortController();
  const chunk = compressChunk(session, roomId, { chunkSize: 1000 }, controller.signal);
  await untilWaiting(db);
  controller.abort();
  // The lock is still there.
  await rejects(chunk, StoppedError);
  notStrictEqual(session.lost, undefined);
  await holder`ROLLBACK`;
  holder.release();
});

/** The groups that the first chunk of a room rewrites. */
const movedByChunk = (roomId: string) =>
  movedGroups(roomId, async (db) => {
    await using session = await connect(db.url);
    await createProgressTables(session);
    await compressChunk(session, roomId, { chunkSize: 1000 });
  });

Deno.test("compressChunk() saves no progress past groups that others hold; a later one finishes them", async () => {
  await using room = await bigRoom();
  const { db, session, roomId } = room;
  const before = await fullStates(db.sql);
  const options = { chunkSize: 1000, pausesMs: [1] };
  const moved = await movedByChunk(roomId);
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN");
  await holder`SELECT FROM state_groups WHERE id = ANY (${moved.slice(10, 13)}::bigint[]) FOR UPDATE`;
  const first = await compressChunk(impatient(session), roomId, options);
  deepStrictEqual([first!.outcome, first!.groupsSkipped, first!.skippedByKind.contention > 0], [
    "unfinished",
    totalSkips(first!.skippedByKind),
    true,
  ]);
  strictEqual((await readProgress(session, roomId)).lastCompressed, undefined);
  await holder`ROLLBACK`;
  holder.release();

  const second = await compressChunk(session, roomId, options);
  deepStrictEqual([second!.outcome, second!.lastGroup, second!.groupsSkipped], ["written", first!.lastGroup, 0]);
  ok(second!.groupsRewritten >= first!.groupsSkipped);
  strictEqual((await readProgress(session, roomId)).lastCompressed, first!.lastGroup);
  deepStrictEqual(await fullStates(db.sql), before);
});

for (const mayTryAgain of [true, false]) {
  const what = mayTryAgain
    ? "saves no progress, where it may be tried again, past"
    : "saves progress at its last try past";
  Deno.test(`compressChunk() ${what} groups that Synapse changed meanwhile`, async () => {
    await using room = await bigRoom();
    const { db, session, roomId } = room;
    const doomed = await db.sql`SELECT DISTINCT prev_state_group AS id FROM state_group_edges
      WHERE state_group = ANY (${(await movedByChunk(roomId)).slice(-3)}::bigint[])`;
    await using synapse = new Synapse(db.url, { pendingDeletion: false });
    let after: Awaited<ReturnType<typeof fullStates>> | undefined;
    const purge = async () => {
      await synapse.purgeUnreferenced(roomId, new Map(doomed.map(({ id }) => [id, 0])));
      after = await fullStates(db.sql);
    };
    const options = { chunkSize: 1000, mayTryAgain };
    const first = (await compressChunk(beforeBatch(session, purge), roomId, options))!;
    ok(first.skippedByKind.changed > 0 && isWorthAnotherLook(first.skippedByKind), JSON.stringify(first.skippedByKind));
    strictEqual(first.outcome, mayTryAgain ? "unfinished" : "written");
    const { lastCompressed } = await readProgress(session, roomId);
    strictEqual(lastCompressed, mayTryAgain ? undefined : first.lastGroup);
    deepStrictEqual(await fullStates(db.sql), after);
    if (!mayTryAgain) return;

    const second = (await compressChunk(session, roomId, options))!;
    deepStrictEqual([second.outcome, second.groupsSkipped], ["written", 0]);
    ok(second.groupsRewritten > 0 && second.rowsSaved > 0);
    deepStrictEqual(await fullStates(db.sql), after);
  });
}
