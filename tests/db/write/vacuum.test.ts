import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { checkVacuum, vacuumTables } from "../../../src/db/write/vacuum.ts";
import { compressRoom } from "../../../src/jobs/room.ts";
import { biggestRoom, testDatabase, testRole } from "../../support/database.ts";

Deno.test("vacuumTables() frees the space of deleted rows", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { statementTimeoutMs: 60_000 });
  const report = await compressRoom(session, { roomId: await biggestRoom(db), commit: true, vacuum: true });
  strictEqual(report.vacuumed, true);
  const [row] = await session.sql`SELECT current_setting('statement_timeout') AS timeout, relallvisible > 0 AS vacuumed
    FROM pg_class WHERE relname = 'state_groups_state'`;
  deepStrictEqual({ ...row }, { timeout: "1min", vacuumed: true });
  await vacuumTables(session);
});

Deno.test("checkVacuum() refuses who does not own the tables, before any work", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  await using session = await connect(role.url);
  await rejects(() => checkVacuum(session), /Cannot vacuum the state tables: user scs_role_\w+ does not own them/);
});
