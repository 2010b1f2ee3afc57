import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { findPlannerFault } from "../../../src/db/read/planner.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { fillCompressed } from "../../support/plans.ts";

async function compressed(groups: number): Promise<TestDatabase> {
  const db = await testDatabase();
  await fillCompressed(db.sql, groups);
  return db;
}

/** What Synapse asks most: two keys of a group's state, as _get_state_groups_from_groups_txn of Synapse 1.163 does. */
function readOf(group: number): string {
  const keys = [
    "(type = 'm.room.history_visibility' AND state_key = '')",
    "(type = 'm.room.member' AND state_key = '@admin:test')",
  ];
  return `WITH RECURSIVE sgs(state_group) AS (
      VALUES(${group}::bigint) UNION ALL
      SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group
    ) ${
    keys.map((where) =>
      `(SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
        INNER JOIN sgs USING (state_group) WHERE ${where} ORDER BY type, state_key, state_group DESC)`
    ).join(" UNION ")
  }`;
}

async function planOfRead(session: Session, group: number): Promise<string> {
  return await session.transaction("", async () => {
    await session.sql`SET LOCAL enable_seqscan = off`;
    const lines = await session.sql.unsafe(`EXPLAIN ${readOf(group)}`);
    return lines.map((line) => line["QUERY PLAN"]).join("\n");
  });
}

Deno.test("findPlannerFault() finds that Synapse's reads walk the whole index of a compressed table, and the statement ends it", async () => {
  await using db = await compressed(90_000);
  await using session = await connect(db.url);
  const fault = await findPlannerFault(session);
  const plan = await planOfRead(session, 30_000);
  if (session.serverVersion < 160_000) {
    strictEqual(fault, undefined);
    ok(!plan.includes("Backward"), plan);
    return;
  }
  match(plan, /Index Scan Backward using state_groups_state_type_idx/);
  strictEqual(Math.round(fault!.expectedRows), 50);
  ok(Math.abs(fault!.rows - 2) < 0.01, `${fault!.rows} rows in a group`);
  await db.sql.unsafe(fault!.statement).simple();
  strictEqual(await findPlannerFault(session), undefined);
  const after = await planOfRead(session, 30_000);
  ok(!after.includes("Backward"), after);
});

Deno.test("findPlannerFault() finds nothing where the planner is near, knows nothing, or the table is small", async () => {
  const about = async (url: string) => {
    await using session = await connect(url, { readOnly: true });
    return await findPlannerFault(session);
  };
  await using never = await testDatabase();
  strictEqual(await about(never.url), undefined);
  await using small = await compressed(40_000);
  strictEqual(await about(small.url), undefined);
  await using near = await compressed(90_000);
  await near.sql.unsafe(
    "ALTER TABLE state_groups_state ALTER COLUMN state_group SET (n_distinct = -0.2); ANALYZE state_groups_state",
  ).simple();
  strictEqual(await about(near.url), undefined);
  // A number of groups instead of a share of the rows.
  await near.sql.unsafe(
    "ALTER TABLE state_groups_state ALTER COLUMN state_group SET (n_distinct = 9090); ANALYZE state_groups_state",
  ).simple();
  const [version] = await near.sql`SHOW server_version_num`;
  deepStrictEqual(
    await about(near.url).then((fault) => fault && Math.round(fault.expectedRows)),
    Number(version!["server_version_num"]) < 160_000 ? undefined : 20,
  );
});
