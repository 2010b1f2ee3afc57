import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readServerFacts, readServerSecret } from "../../../src/db/read/server.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase, testRole } from "../../support/database.ts";

Deno.test("readServerFacts() has the statistics' age, and no folder for a role that may not know it", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using role = await testRole(db);
  await db.sql.unsafe(
    `GRANT SELECT ON state_groups, state_groups_state, state_group_edges, state_groups_pending_deletion TO ${role.name}`,
  );
  await using session = await connect(role.url, { readOnly: true });
  const before = await readServerFacts(session);
  strictEqual(before.folder, undefined);
  await db.sql`VACUUM ANALYZE state_groups_state`;
  await using owner = await connect(db.url, { readOnly: true });
  let facts = await readServerFacts(owner);
  // Before PostgreSQL 15 a process of its own collects the statistics, some moments later.
  for (let left = 100; left > 0 && !(facts.freshness.vacuumedMs! > 0 && facts.freshness.analyzedMs! > 0); left--) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    facts = await readServerFacts(owner);
  }
  deepStrictEqual([facts.database, facts.freshness.changedRows, facts.deadRows], [db.name, 0, 0]);
  ok(Math.abs(facts.freshness.analyzedMs! - Date.now()) < 600_000);
  ok(Math.abs(facts.freshness.vacuumedMs! - Date.now()) < 600_000);
  ok(facts.folder!.length > 0 && facts.folderModifiedMs! > 0);
  ok(facts.otherTables.every(({ name }) => !name.startsWith("information_schema")));
});

Deno.test("readServerFacts() does not wait for a table that is locked: its sizes are not known then", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; LOCK TABLE state_groups").simple();
  const facts = await readServerFacts(session);
  deepStrictEqual([facts.stateTables, facts.otherTables], [[], []]);
  ok(facts.databaseBytes > 0);
  await holder.unsafe("ROLLBACK");
  holder.release();
});

Deno.test("readServerSecret() is the same each time, whoever asks", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const secret = await readServerSecret(session);
  ok(secret.length >= 10);
  strictEqual(await readServerSecret(session), secret);
  await db.sql`REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`;
  await using role = await testRole(db);
  await db.sql.unsafe(
    `GRANT SELECT ON state_groups, state_groups_state, state_group_edges, state_groups_pending_deletion TO ${role.name}`,
  );
  await using stranger = await connect(role.url, { readOnly: true });
  const other = await readServerSecret(stranger);
  ok(other.length >= 10 && other !== secret);
});
