import { deepStrictEqual, rejects } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import {
  checkPrunable,
  countUnused,
  findOldestMark,
  findUnused,
  findUsed,
  listGroups,
} from "../../../src/db/read/unused.ts";
import { testDatabase } from "../../support/database.ts";
import { draw } from "../../support/forest.ts";
import { insertRooms } from "../../support/tables.ts";

const ROOM = "!room:test";
const HOUR_MS = 3_600_000;

/** A chain of five groups: 2 and 5 are used; 1's event is old, 3's is new, 4 is marked. */
async function setUp() {
  const db = await testDatabase();
  await insertRooms(db.sql, draw("1{a=1,b=1} <- 2{a=2} <- 3{a=3} <- 4{a=4} <- 5{a=5}", ROOM));
  await db.sql`UPDATE state_groups SET event_id = '$' || id`;
  await db.sql`CREATE TABLE IF NOT EXISTS event_to_state_groups (event_id TEXT, state_group BIGINT)`;
  await db.sql`CREATE TABLE IF NOT EXISTS events (event_id TEXT, received_ts BIGINT)`;
  await db.sql`INSERT INTO event_to_state_groups (event_id, state_group) VALUES ('$2', 2), ('$5', 5)`;
  const old = Date.now() - 2 * HOUR_MS;
  for (const id of [1, 2, 3, 4, 5]) {
    await db.sql`INSERT INTO events (event_id, received_ts) VALUES (${`$${id}`}, ${id === 3 ? Date.now() : old})`;
  }
  await db.sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (4, 5000)`;
  return db;
}

Deno.test("findUnused() finds groups that no event uses, and of those the old ones without a mark", async () => {
  await using db = await setUp();
  await using session = await connect(db.url);
  const ids = await listGroups(session, ROOM);
  deepStrictEqual([...ids], [1, 2, 3, 4, 5]);
  const { isUnused, mayGo } = await findUnused(session, session, ids, { minAgeMs: HOUR_MS });
  deepStrictEqual([[...isUnused], [...mayGo]], [[1, 0, 1, 1, 0], [1, 0, 0, 0, 0]]);
  const all = await findUnused(session, session, ids, { minAgeMs: -HOUR_MS });
  deepStrictEqual([...all.mayGo], [1, 0, 1, 0, 0]);
  deepStrictEqual(await findUsed(session, ids), [2, 5]);
});

Deno.test("countUnused() counts rows and groups on which nothing builds; findOldestMark() the first mark", async () => {
  await using db = await setUp();
  await db.sql`DELETE FROM state_group_edges WHERE state_group = 5`;
  await using session = await connect(db.url);
  const { leaves, rows } = await countUnused(session, [1, 3, 4]);
  deepStrictEqual([leaves, rows, await findOldestMark(session)], [1, 4, 5000]);
});

Deno.test("checkPrunable() refuses a Synapse that is too old", async () => {
  await using db = await testDatabase({ pendingDeletion: false });
  await using session = await connect(db.url);
  await rejects(checkPrunable(session, session), /it has no table state_groups_pending_deletion/);
});
