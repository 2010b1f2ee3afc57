/**
 * What compression promises of reads and chains, where one compression follows on another: chunk after chunk, run after run, and
 * where "levels", the Rust tool's rule, had its turn between. On a real database, since that is how auto goes on.
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { makeRoom } from "../../scripts/rooms.ts";
import { connect, type Session } from "../../src/db/session/connect.ts";
import { createProgressTables } from "../../src/db/write/progress.ts";
import { type ChunkOptions, compressChunk } from "../../src/jobs/chunk.ts";
import { compressRoom } from "../../src/jobs/room.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { anyRoom, countRows, type PlainForest } from "../support/forest.ts";
import { differingGroups, hopsOf } from "../support/oracle.ts";
import { clearTables, insertRooms, readRoom } from "../support/tables.ts";

/** Synapse's own bound, which is that of "balance". */
const MOST_HOPS = 99;

/** A room of hundreds of groups, as Synapse stores it: chains of 100 groups, forks, needless snapshots. */
const anyLongRoom: fc.Arbitrary<PlainForest> = fc.record({
  seed: fc.nat(),
  groups: fc.integer({ min: 150, max: 400 }),
  startMembers: fc.integer({ min: 1, max: 60 }),
  users: fc.integer({ min: 61, max: 300 }),
  branches: fc.integer({ min: 1, max: 4 }),
  join: fc.constantFrom(0.05, 0.3, 0.9),
  fork: fc.constantFrom(0, 0.02, 0.2),
  merge: fc.constantFrom(0, 0.05),
  snapshot: fc.constantFrom(0, 0.05, 0.5),
}).map((plan) => {
  const roomId = "!long:test";
  const groups = [...makeRoom({ roomId, ...plan })].map(({ groupId, predecessorId, rows }) => {
    return { id: groupId, predecessors: predecessorId === null ? [] : [predecessorId], rows };
  });
  return { roomId, groups };
});
const anyForest = fc.oneof(anyRoom({ maxGroups: 120, pending: true }), anyLongRoom);

/** The mean modelled cost of reading a group, in microseconds, worked out anew. */
function meanRead({ groups }: PlainForest): number {
  const costs = new Map<number, { hops: number; rows: number }>();
  let sum = 0;
  for (const { id, predecessors, rows } of groups) {
    const under = costs.get(predecessors[0] ?? NaN);
    const cost = { hops: under === undefined ? 0 : under.hops + 1, rows: rows.length + (under?.rows ?? 0) };
    costs.set(id, cost);
    sum += 100 + 10 * cost.hops + 3 * cost.rows;
  }
  return sum / groups.length;
}

async function fill({ sql }: TestDatabase, plain: PlainForest): Promise<void> {
  await clearTables(sql);
  await insertRooms(sql, plain);
  await forget(sql);
}

/** No compressor has ever worked on the room. */
async function forget(sql: TestDatabase["sql"]): Promise<void> {
  await sql`TRUNCATE state_compressor_state, state_compressor_progress`;
}

/** Works through a room as auto does. */
async function compressChunks(session: Session, roomId: string, options: ChunkOptions): Promise<number> {
  let chunks = 0;
  while (await compressChunk(session, roomId, { ...options, revisit: chunks === 0 }) !== undefined) chunks++;
  return chunks;
}

/** What a read of a room may cost after one pass over it: 15 % or 0.1 ms more, whichever is more. */
function mostRead(before: number): number {
  return Math.max(before * 1.15, before + 100);
}

/**
 * Each pass is judged by what it finds, and a pass in chunks by its parts: the two allowances may then add up, and mostly do not. Progress
 * keeps auto from going over a room again from its beginning; where that is deleted, or ranges are repeated by hand, the next pass may
 * give up as much once more.
 */
Deno.test("compressChunk() chunk after chunk makes no room bigger, and its reads hardly slower than a compression at once may", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await createProgressTables(session);
  const anyCase = fc.record({
    plain: anyForest,
    passes: fc.array(
      fc.record({ chunkSize: fc.integer({ min: 8, max: 200 }), isWhole: fc.nat(3).map((dice) => dice === 0) }),
      { minLength: 1, maxLength: 2 },
    ),
  });
  let [saved, chunks, passesDone, over] = [0, 0, 0, 0];
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ plain, passes }) => {
      await fill(db, plain);
      const hops = hopsOf(plain);
      let before = plain;
      for (const { chunkSize, isWhole } of passes) {
        await forget(db.sql);
        if (isWhole) await compressRoom(session, { roomId: plain.roomId, commit: true });
        else chunks += await compressChunks(session, plain.roomId, { chunkSize });
        const now = await readRoom(db.sql, plain.roomId);
        deepStrictEqual(differingGroups(plain, now), []);
        for (const [id, edges] of hopsOf(now)) ok(edges <= Math.max(MOST_HOPS, hops.get(id)!), `${id}: ${edges} edges`);
        const left = countRows(now);
        ok(left <= countRows(before), `${countRows(before)} rows, then ${left}`);
        const [was, is] = [meanRead(before), meanRead(now)];
        ok(is <= (isWhole ? mostRead(was) : was * 1.15 + 100) + 1e-6, `${was} to ${is} µs`);
        passesDone++;
        if (is > mostRead(was) + 1e-6) over++;
        saved += countRows(before) - left;
        before = now;
      }
    }),
    { numRuns: 60 },
  );
  ok(saved > 0 && chunks > 0);
  ok(over <= passesDone / 10, `${over} of ${passesDone} passes gave up more than one at once may`);
});

Deno.test("compressChunk() by turns with balance and the Rust tool's rule: the same states, no row more, no chain longer by ours", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await createProgressTables(session);
  const anyCase = fc.record({
    plain: anyForest,
    chunkSize: fc.integer({ min: 10, max: 100 }),
    // Levels that are saved in one run are gone on from in the next, by either rule.
    isLevels: fc.array(fc.boolean(), { minLength: 2, maxLength: 6 }),
  });
  let [byLevels, byBalance, longest] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ plain, chunkSize, isLevels }) => {
      await fill(db, plain);
      let before = plain;
      for (let chunk = 0;; chunk++) {
        const strategy = isLevels[chunk % isLevels.length] ? "levels" : "branches";
        const report = await compressChunk(session, plain.roomId, { chunkSize, strategy, prefer: "balance" });
        if (report === undefined) break;
        const now = await readRoom(db.sql, plain.roomId);
        deepStrictEqual(differingGroups(plain, now), []);
        ok(countRows(now) <= countRows(before), `${countRows(before)} rows, then ${countRows(now)}`);
        const [was, is] = [hopsOf(before), hopsOf(now)];
        longest = Math.max(longest, ...is.values());
        if (strategy === "branches") {
          byBalance += report.rowsSaved;
          for (const [id, edges] of is) ok(edges <= Math.max(MOST_HOPS, was.get(id)!), `${id}: ${edges} edges`);
          ok(meanRead(now) <= meanRead(before) * 1.15 + 100);
        } else {
          byLevels += report.rowsSaved;
        }
        before = now;
      }
    }),
    { numRuns: 40 },
  );
  ok(byLevels > 0 && byBalance > 0 && longest > MOST_HOPS / 2, JSON.stringify({ byLevels, byBalance, longest }));
});
