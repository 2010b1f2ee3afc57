import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { findIndexFaults, requireIndexes } from "../../../src/db/read/indexes.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import { CompressorError } from "../../../src/errors.ts";
import { formatIndexFault } from "../../../src/text/indexes.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { explained, fillUnanalyzed, loopsOverScans } from "../../support/plans.ts";

/** What there is to make each of Synapse's indexes again. */
const INDEXES: readonly [drop: string, fault: string, statement: string][] = [
  [
    "ALTER TABLE state_groups DROP CONSTRAINT state_groups_pkey",
    "state_groups id",
    "CREATE UNIQUE INDEX CONCURRENTLY state_groups_pkey ON state_groups (id);",
  ],
  [
    "DROP INDEX state_groups_room_id_idx",
    "state_groups room_id",
    "CREATE INDEX CONCURRENTLY state_groups_room_id_idx ON state_groups (room_id);",
  ],
  [
    "DROP INDEX state_groups_state_type_idx",
    "state_groups_state state_group,type,state_key",
    "CREATE INDEX CONCURRENTLY state_groups_state_type_idx ON state_groups_state (state_group, type, state_key);",
  ],
  [
    "DROP INDEX state_group_edges_unique_idx",
    "state_group_edges state_group,prev_state_group",
    "CREATE UNIQUE INDEX CONCURRENTLY state_group_edges_unique_idx ON state_group_edges (state_group, prev_state_group);",
  ],
  [
    "DROP INDEX state_group_edges_prev_idx",
    "state_group_edges prev_state_group",
    "CREATE INDEX CONCURRENTLY state_group_edges_prev_idx ON state_group_edges (prev_state_group);",
  ],
  [
    "DROP INDEX event_to_state_groups_sg_index",
    "event_to_state_groups state_group",
    "CREATE INDEX CONCURRENTLY event_to_state_groups_sg_index ON event_to_state_groups (state_group);",
  ],
  [
    "DROP INDEX state_groups_pending_deletion_state_group",
    "state_groups_pending_deletion state_group",
    "CREATE UNIQUE INDEX CONCURRENTLY state_groups_pending_deletion_state_group ON state_groups_pending_deletion (state_group);",
  ],
];

async function faults(db: TestDatabase): Promise<[string, string][]> {
  await using session = await connect(db.url, { readOnly: true });
  return (await findIndexFaults(session)).map(({ kind, table, columns }) => [kind, `${table} ${columns}`]);
}

Deno.test("findIndexFaults() finds none in Synapse's schema, old or new", async () => {
  for (const pendingDeletion of [true, false]) {
    await using db = await testDatabase({ pendingDeletion });
    deepStrictEqual(await faults(db), []);
    await db.sql`DROP TABLE event_to_state_groups`;
    deepStrictEqual(await faults(db), []);
  }
});

for (const [drop, fault, statement] of INDEXES) {
  Deno.test(`findIndexFaults() finds what is missing after ${drop}, and the statement makes it`, async () => {
    await using db = await testDatabase();
    await db.sql.unsafe(drop);
    deepStrictEqual(await faults(db), [["missing", fault]]);
    await using session = await connect(db.url);
    const [found] = await findIndexFaults(session);
    strictEqual(found!.statement, statement);
    await db.sql.unsafe(statement);
    deepStrictEqual(await faults(db), []);
  });
}

Deno.test("findIndexFaults() finds an INVALID index, unless another does its work", async () => {
  await using db = await testDatabase();
  // A unique index cannot be made where two rows are equal: CONCURRENTLY leaves it behind, INVALID.
  await db.sql.unsafe(`DROP INDEX state_group_edges_unique_idx; INSERT INTO state_group_edges VALUES (2, 1), (2, 1)`)
    .simple();
  const create = INDEXES[3]![2];
  await rejects(db.sql.unsafe(create));
  deepStrictEqual(await faults(db), [["invalid", "state_group_edges state_group,prev_state_group"]]);
  await using session = await connect(db.url);
  const [fault] = await findIndexFaults(session);
  match(
    formatIndexFault(fault!),
    /^the index on state_group_edges \(state_group, prev_state_group\) is INVALID: .* \(8\.0 KiB\) .*: REINDEX INDEX CONCURRENTLY state_group_edges_unique_idx;$/,
  );
  await db.sql`DELETE FROM state_group_edges`;
  await db.sql.unsafe(fault!.statement);
  deepStrictEqual(await faults(db), []);
  // What a failed REINDEX CONCURRENTLY leaves beside a good index is none of our business.
  await db.sql.unsafe(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'state_group_edges_unique_idx'::regclass;
    CREATE INDEX "odd name" ON state_group_edges (state_group)`,
  ).simple();
  deepStrictEqual(await faults(db), []);
  await db.sql.unsafe(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"odd name"'::regclass;
    DROP INDEX state_group_edges_unique_idx`).simple();
  const [odd] = await findIndexFaults(session);
  strictEqual(odd!.statement, 'REINDEX INDEX CONCURRENTLY "odd name";');
});

Deno.test("findIndexFaults() counts no partial index, none on other columns first, and no hash index", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`DROP INDEX state_groups_room_id_idx;
    CREATE INDEX a ON state_groups (room_id) WHERE id > 5; CREATE INDEX b ON state_groups (event_id, room_id);
    CREATE INDEX c ON state_groups USING hash (room_id); CREATE INDEX d ON state_groups (lower(room_id))`).simple();
  deepStrictEqual(await faults(db), [["missing", "state_groups room_id"]]);
});

Deno.test("requireIndexes() refuses writing to big tables that would be scanned, and tells how to make the index", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  await requireIndexes(session, 0);
  await db.sql.unsafe("DROP INDEX state_groups_room_id_idx");
  await requireIndexes(session, 0);
  await db.sql.unsafe("DROP INDEX state_groups_state_type_idx");
  await requireIndexes(session);
  await rejects(requireIndexes(session, 0), (error) => {
    if (!(error instanceof CompressorError)) throw error;
    match(
      error.message,
      /^Cannot write to .*: the index on state_groups_state \(state_group, type, state_key\) is missing/,
    );
    match(error.hint!, /CREATE INDEX CONCURRENTLY state_groups_state_type_idx/);
    return true;
  });
});

Deno.test("loadRoom() reads a table without its index once, not for each group", async () => {
  await using db = await testDatabase();
  await fillUnanalyzed(db.sql);
  const load = async () => {
    await using session = await connect(db.url, { readOnly: true });
    let forest: Awaited<ReturnType<typeof loadRoom>> | undefined;
    const plans = await explained(session, async (session) => forest = await loadRoom(session, "!room1:test"));
    return { plans, forest: forest! };
  };
  const { forest } = await load();
  strictEqual(forest.totalRows, 300);
  for (const [drop] of INDEXES.slice(0, 4)) {
    await db.sql.unsafe(drop);
    const { plans, forest: same } = await load();
    for (const plan of plans) strictEqual(loopsOverScans(plan), false, `${drop}\n${plan}`);
    for (const column of ["groupId", "predecessor", "rowCount", "state"] as const) {
      deepStrictEqual(same[column], forest[column]);
    }
  }
});
