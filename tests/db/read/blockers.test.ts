import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { findBlockers, findHolders } from "../../../src/db/read/blockers.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("findHolders() names a transaction that still needs old rows, without the text of its statements", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const holder = await db.sql.reserve();
  try {
    await holder.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const [own] = await holder`SELECT pg_backend_pid() AS pid, 'a secret' AS text`;
    const found = (await findHolders(session)).find(({ name }) => name === String(own!["pid"]));
    ok(found !== undefined);
    strictEqual(found.kind, "session");
    match(found.detail, /since \d{4}-\d\d-\d\d/);
    ok(!found.detail.includes("secret"));
    // Whoever began after a transaction does not need what was dead before it.
    const [later] = await db.sql`SELECT txid_current()::text AS xid`;
    await db.sql`SELECT txid_current()`;
    ok((await findHolders(session, later!["xid"])).some(({ name }) => name === String(own!["pid"])));
  } finally {
    await holder.unsafe("ROLLBACK");
    holder.release();
  }
  const [next] = await db.sql`SELECT txid_current()::text AS xid`;
  const names = (await findHolders(session, next!["xid"])).map(({ detail }) => detail);
  ok(!names.some((detail) => detail.includes("a secret")));
});

Deno.test("findBlockers() finds what forbids the cut, and indexes that are not valid", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const before = await findBlockers(session);
  deepStrictEqual([before.truncateOff, before.invalidIndexes, before.building], [undefined, [], []]);
  await db.sql`ALTER TABLE state_groups_state SET (vacuum_truncate = off)`;
  await db.sql`CREATE INDEX "odd name" ON state_groups_state (event_id)`;
  await db.sql`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"odd name"'::regclass`;
  const { truncateOff, invalidIndexes } = await findBlockers(session);
  deepStrictEqual([truncateOff, invalidIndexes.map((name) => name.replaceAll('"', ""))], ["table", ["odd name"]]);
});
