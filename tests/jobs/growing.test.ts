/**
 * A room that grows and is compressed day by day: what a run spares because it is new, later runs go over again, so that the
 * room stays about as small, and as fast to read, as if it were compressed at once.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { makeRoom, type RoomPlan } from "../../scripts/rooms.ts";
import { countReaders, measureReads } from "../../src/core/plan/cost.ts";
import { connect } from "../../src/db/session/connect.ts";
import { readProgress } from "../../src/db/write/progress.ts";
import { compressServer, type ServerOptions } from "../../src/jobs/auto.ts";
import { testDatabase, type TestSql } from "../support/database.ts";
import { build, type PlainGroup, type PlainRow } from "../support/forest.ts";
import { hopsOf } from "../support/oracle.ts";
import { insertRooms, readRoom } from "../support/tables.ts";

const ROOM: RoomPlan = {
  roomId: "!growing:test",
  seed: 7,
  groups: 2_400,
  startMembers: 1,
  users: 320,
  join: 0.12,
  branches: 1,
  fork: 0.02,
};
const DAY = 100;
/** MAX_STATE_DELTA_HOPS: once a chain has this many groups, Synapse stores a snapshot. */
const MOST_HOPS = 99;

/** The room's groups with the groups that they come after, and their full states. */
function history(): { id: number; after: number | null; rows: readonly PlainRow[]; state: readonly PlainRow[] }[] {
  const states = new Map<number, Map<string, PlainRow>>();
  return [...makeRoom(ROOM)].map(({ groupId, predecessorId, rows }) => {
    const state = new Map(predecessorId === null ? [] : states.get(predecessorId)!);
    for (const row of rows) state.set(`${row[0]} ${row[1]}`, row);
    states.set(groupId, state);
    return { id: groupId, after: predecessorId, rows, state: [...state.values()] };
  });
}

/** Stores groups as Synapse does: each as a delta on the one before it, or as a snapshot where the chain under that is long. */
async function store(sql: TestSql, groups: ReturnType<typeof history>): Promise<void> {
  const hops = hopsOf(await readRoom(sql, ROOM.roomId));
  const stored = groups.map(({ id, after, rows, state }): PlainGroup => {
    const isDelta = after !== null && hops.get(after)! < MOST_HOPS;
    hops.set(id, isDelta ? hops.get(after)! + 1 : 0);
    return { id, predecessors: isDelta ? [after] : [], rows: isDelta ? rows : state };
  });
  await insertRooms(sql, { roomId: ROOM.roomId, groups: stored });
}

async function look(sql: TestSql) {
  const plain = await readRoom(sql, ROOM.roomId);
  const forest = build(plain);
  const { meanUs, newestUs } = measureReads(forest, countReaders(forest));
  const hops = [...hopsOf(plain).values()];
  return {
    forest,
    rows: forest.totalRows,
    meanUs,
    newestUs,
    hops: Math.max(...hops),
    tips: Math.max(...hops.slice(-Math.ceil(hops.length / 20))),
  };
}

for (const chunkSize of [10_000, 150]) {
  Deno.test(`compressServer() in chunks of ${chunkSize} day by day leaves a room about as small as compressing it at once`, async () => {
    const groups = history();
    await using once = await testDatabase();
    await using daily = await testDatabase();
    const auto = (db: { url: string }, options: ServerOptions = {}) =>
      compressServer(() => connect(db.url), { chunkSize, ...options });
    await store(once.sql, groups);
    const stock = await look(once.sql);
    await auto(once, { chunkSize: 10_000 });
    const best = await look(once.sql);
    let shallow = 0;
    for (let from = 0; from < groups.length; from += DAY) {
      await store(daily.sql, groups.slice(from, from + DAY));
      const { failed, rowsSaved } = await auto(daily);
      strictEqual(failed.length, 0);
      const { hops, tips } = await look(daily.sql);
      // Where no row is to be saved the room is left as Synapse stored it.
      ok(hops <= MOST_HOPS && (tips <= 50 || rowsSaved === 0), `${hops} hops, ${tips} among the newest`);
      if (tips <= 50) shallow++;
    }
    ok(shallow > groups.length / DAY / 2, `only ${shallow} days ended with shallow tips`);
    const end = await look(daily.sql);
    const factor = end.rows / best.rows;
    const text = `${stock.rows} rows; at once ${best.rows}, day by day ${end.rows} (${factor.toFixed(3)} times); ` +
      `reads ${stock.meanUs.toFixed(0)}, ${best.meanUs.toFixed(0)}, ${end.meanUs.toFixed(0)} µs`;
    console.log(`    ${text}`);
    ok(factor <= 1.15, text);
    ok(end.meanUs <= Math.max(stock.meanUs * 1.15, stock.meanUs + 100), text);
    const states = groups.map(({ state }) =>
      build({ roomId: "!", groups: [{ id: 1, predecessors: [], rows: state }] })
    );
    deepStrictEqual(
      groups.map((_, g) => end.forest.states.keyCount(end.forest.state[g]!)),
      states.map((forest) => forest.states.keyCount(forest.state[0]!)),
    );
    await using session = await connect(daily.url);
    strictEqual((await readProgress(session, ROOM.roomId)).lastCompressed, groups.at(-1)!.id);
    // Nothing new: nothing is gone over again.
    strictEqual((await auto(daily)).chunks, 0);
  });
}
