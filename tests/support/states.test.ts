import { deepStrictEqual, notStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { type TestDatabase, testDatabase, type TestSql } from "./database.ts";
import { digestState, fullStates } from "./states.ts";

/** The same by one query for all groups that does what Synapse's does for one (bg_updates.py, _get_state_groups_from_groups_txn). */
async function statesByQuery(sql: TestSql): Promise<Map<number, string>> {
  const rows = await sql.begin(async (sql) => {
    await sql.unsafe("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off").simple();
    return await sql`
      WITH RECURSIVE sgs(id, state_group) AS (
        SELECT id, id FROM state_groups
        UNION ALL
        SELECT s.id, e.prev_state_group FROM state_group_edges AS e, sgs AS s WHERE s.state_group = e.state_group
      ), rows AS (
        SELECT state_group, dense_rank() OVER (ORDER BY type, state_key) AS key,
          ('x' || left(md5(type || chr(1) || state_key || chr(1) || event_id), 15))::bit(60)::bigint AS hash
        FROM state_groups_state
      ), top AS (
        SELECT sgs.id, key, max(state_group) AS state_group FROM sgs JOIN rows USING (state_group) GROUP BY sgs.id, key
      )
      SELECT g.id, coalesce(s.sum, 0)::text AS sum FROM state_groups AS g LEFT JOIN (
        SELECT id, sum(hash) AS sum FROM top JOIN rows USING (state_group, key) GROUP BY id
      ) AS s ON s.id = g.id ORDER BY g.id`;
  });
  return new Map(rows.map(({ id, sum }) => [id, sum]));
}

Deno.test("fullStates() reads what Synapse's query reads, of the real rooms", async () => {
  await using db = await testDatabase({ fixture: true });
  const states = await fullStates(db.sql);
  notStrictEqual(states.size, 0);
  deepStrictEqual(states, await statesByQuery(db.sql));
});

async function store({ sql }: TestDatabase, groups: Record<number, readonly [bases: number[], rows: string]>) {
  for (const [id, [bases, rows]] of Object.entries(groups)) {
    await sql`INSERT INTO state_groups VALUES (${id}, '!a:test', '$e')`;
    for (const base of bases) await sql`INSERT INTO state_group_edges VALUES (${id}, ${base})`;
    for (const row of rows.split(" ").filter(Boolean)) {
      const [key, event] = row.split("=") as [string, string];
      await sql`INSERT INTO state_groups_state VALUES (${id}, '!a:test', ${key}, '', ${event})`;
    }
  }
}

Deno.test("fullStates() lets the highest group win, wherever it stands in the chain, and misses what is missing", async () => {
  await using db = await testDatabase();
  // 5 builds on a higher group, 8 on one that is not there, 3 and 4 fork.
  await store(db, {
    2: [[], "a=1 b=1"],
    3: [[2], "a=2 c=1"],
    4: [[2], ""],
    5: [[9], "a=3"],
    7: [[], ""],
    8: [[6], "d=1"],
    9: [[3], "a=4 d=2"],
  });
  const states = await fullStates(db.sql);
  deepStrictEqual(states, await statesByQuery(db.sql));
  strictEqual(states.get(5), digestState([["a", "", "4"], ["b", "", "1"], ["c", "", "1"], ["d", "", "2"]]));
  strictEqual(states.get(7), digestState([]));
});

Deno.test("fullStates() tells any difference, and refuses what is no forest", async () => {
  await using db = await testDatabase();
  await store(db, { 1: [[], "a=1 b=1"], 2: [[1], "a=2"] });
  const before = await fullStates(db.sql);
  for (
    const change of [
      "UPDATE state_groups_state SET event_id = '3' WHERE state_group = 2",
      "UPDATE state_groups_state SET type = 'b' WHERE state_group = 2",
      "DELETE FROM state_groups_state WHERE type = 'b'",
      "DELETE FROM state_group_edges",
    ]
  ) {
    await db.sql.unsafe(change);
    const after = await fullStates(db.sql);
    notStrictEqual(after.get(2), before.get(2), change);
    before.set(2, after.get(2)!);
  }
  await store(db, { 3: [[1, 2], ""] });
  await rejects(fullStates(db.sql), /3 has two predecessors/);
  await db.sql`DELETE FROM state_group_edges`;
  await db.sql`INSERT INTO state_group_edges VALUES (1, 2), (2, 1)`;
  await rejects(fullStates(db.sql), /1 is on a cycle/);
});
