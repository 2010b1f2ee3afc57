import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { analyzeTable, dropLeftBehind, lockTable, reindex, vacuumTable } from "../../../src/db/write/maintain.ts";
import { CompressorError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("dropLeftBehind() drops what a REINDEX left, and no other index", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await db.sql`CREATE INDEX state_groups_state_type_idx_ccnew ON state_groups_state (event_id)`;
  await db.sql`CREATE INDEX somebodys_own ON state_groups_state (event_id)`;
  strictEqual(await dropLeftBehind(session, "state_groups_state_type_idx_ccnew", 1000), true);
  strictEqual(await dropLeftBehind(session, "somebodys_own", 1000), false);
  const rows = await db.sql`SELECT indexname AS name FROM pg_indexes WHERE tablename = 'state_groups_state' ORDER BY 1`;
  deepStrictEqual(rows.map(({ name }) => name), ["somebodys_own", "state_groups_state_type_idx"]);
});

Deno.test("lockTable() keeps a second program out until it is let go of", async () => {
  await using db = await testDatabase();
  await using first = await connect(db.url);
  await using second = await connect(db.url);
  {
    await using _lock = await lockTable(first);
    await rejects(lockTable(second), CompressorError);
  }
  await using _later = await lockTable(second);
});

Deno.test("maintenance runs without a time limit, and puts the session's own back", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await session.sql.unsafe("SET statement_timeout = 0");
  const limits = async () => {
    const [row] = await session.sql.unsafe("SELECT current_setting('lock_timeout') AS lock");
    return row!["lock"];
  };
  const before = await limits();
  await vacuumTable(session);
  await reindex(session, "state_groups_state_type_idx", 5000);
  await analyzeTable(session);
  strictEqual(await limits(), before);
});
