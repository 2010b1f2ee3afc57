import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { removeLeftOvers } from "../../../src/db/write/leftovers.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { assertSound } from "../../support/synapse.ts";

/** Rows, edges and marks of groups that do not exist, among and beyond those that do. */
async function leaveOver({ sql }: TestDatabase): Promise<void> {
  await sql.unsafe(`INSERT INTO state_groups_state SELECT g, '!gone:test', 't', k::text, '$e'
      FROM generate_series(1000001, 1006000) AS g, generate_series(1, 3) AS k;
    INSERT INTO state_groups_state VALUES (-5, '!gone:test', 't', '', '$e'), (9223372036854775807, '!gone:test', 't', '', '$e');
    INSERT INTO state_group_edges SELECT g, 1 FROM generate_series(1000001, 1000100) AS g;
    INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (1000001, 1), (1000002, 2);`);
}

Deno.test("removeLeftOvers() deletes rows, edges and marks of groups that do not exist, and nothing else", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const [stood] = await db.sql`SELECT (SELECT count(*)::int FROM state_groups_state) AS rows,
    (SELECT count(*)::int FROM state_group_edges) AS edges`;
  await leaveOver(db);
  const [existing] = await db.sql`SELECT max(id) AS id FROM state_groups`;
  await db.sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (${existing!["id"]}, 3)`;
  await using session = await connect(db.url);
  deepStrictEqual(await removeLeftOvers(session), { rows: 18_002, edges: 100, marks: 2, busy: 0 });
  await assertSound(db.sql);
  deepStrictEqual(await fullStates(db.sql), before);
  const [stands] = await db.sql`SELECT (SELECT count(*)::int FROM state_groups_state) AS rows,
    (SELECT count(*)::int FROM state_group_edges) AS edges`;
  deepStrictEqual({ ...stands }, { ...stood });
  const marks = await db.sql`SELECT state_group AS id FROM state_groups_pending_deletion`;
  deepStrictEqual(marks.map(({ id }) => id), [existing!["id"]]);
  deepStrictEqual(await removeLeftOvers(session), { rows: 0, edges: 0, marks: 0, busy: 0 });
});

Deno.test("removeLeftOvers() keeps what Synapse still reads of missing groups, since edges lead to them", async () => {
  await using db = await testDatabase();
  // Synapse follows edges from number to number, and looks at no row of state_groups on the way: 10 still has a full state.
  await db.sql.unsafe(`INSERT INTO state_groups VALUES (10, '!room:test', '$e');
    INSERT INTO state_group_edges VALUES (10, 9), (9, 8), (7, 6), (6, 5);
    INSERT INTO state_groups_state SELECT g, '!room:test', 't', g::text, '$e' FROM generate_series(5, 10) AS g`)
    .simple();
  const read = () =>
    db.sql`WITH RECURSIVE up (id) AS (SELECT 10::bigint
        UNION ALL SELECT e.prev_state_group FROM up JOIN state_group_edges AS e ON e.state_group = up.id)
      SELECT s.* FROM up JOIN state_groups_state AS s ON s.state_group = up.id ORDER BY 1`;
  const before = [...await read()];
  strictEqual(before.length, 3);
  await using session = await connect(db.url);
  // What builds on nothing that exists goes, from its top down.
  await removeLeftOvers(session);
  deepStrictEqual([...await read()], before);
  const [left] = await db.sql`SELECT (SELECT count(*)::int FROM state_groups_state) AS rows,
    (SELECT count(*)::int FROM state_group_edges) AS edges`;
  deepStrictEqual({ ...left }, { rows: 3, edges: 2 });
});

Deno.test("removeLeftOvers() never takes a group that Synapse is storing for one that is missing", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  await db.sql.begin("isolation level repeatable read", async (synapse) => {
    await synapse`INSERT INTO state_groups VALUES (2000000, '!new:test', '$new')`;
    await synapse`INSERT INTO state_groups_state VALUES (2000000, '!new:test', 't', '', '$e')`;
    deepStrictEqual(await removeLeftOvers(session), { rows: 0, edges: 0, marks: 0, busy: 0 });
  });
  deepStrictEqual(await removeLeftOvers(session), { rows: 0, edges: 0, marks: 0, busy: 0 });
  const [row] = await db.sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE state_group = 2000000`;
  strictEqual(row!["rows"], 1);
});

Deno.test("removeLeftOvers() leaves alone what others hold, says so, and takes it next time", async () => {
  await using db = await testDatabase();
  await db.sql`INSERT INTO state_groups_state VALUES (7, '!gone:test', 't', '', '$e')`;
  await using session = await connect(db.url);
  await db.sql.begin(async (other) => {
    await other`SELECT FROM state_groups_state WHERE state_group = 7 FOR UPDATE`;
    deepStrictEqual(await removeLeftOvers(session), { rows: 0, edges: 0, marks: 0, busy: 1 });
  });
  strictEqual((await removeLeftOvers(session)).rows, 1);
});
