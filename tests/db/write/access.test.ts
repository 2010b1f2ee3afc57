import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { startPostgres } from "../../../scripts/postgres.ts";
import { checkWritable, lockRoom } from "../../../src/db/write/access.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { CompressorError, ConflictError } from "../../../src/errors.ts";
import { compressRoom } from "../../../src/jobs/room.ts";
import { biggestRoom, testDatabase, testRole } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { assertSound } from "../../support/synapse.ts";

const SELECT = "state_groups, state_groups_state, state_group_edges, state_groups_pending_deletion";

Deno.test("compressRoom() without commit needs SELECT alone, and opens read-only transactions only", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT ON ${SELECT} TO ${role.name}`);
  await using session = await connect(role.url, { readOnly: true });
  const report = await compressRoom(session, { roomId: await biggestRoom(db) });
  ok(report.rowsAfter < report.rowsBefore);
  strictEqual(report.outcome, "planned");
  await rejects(async () => await session.sql`CREATE TEMPORARY TABLE t ()`, /read-only transaction/);
});

Deno.test("compressRoom() with commit names the privileges that are missing, before any work; with them it runs", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT ON ${SELECT} TO ${role.name}`);
  await using session = await connect(role.url);
  const roomId = await biggestRoom(db);
  const events: string[] = [];
  const run = () => compressRoom(session, { roomId, commit: true }, { onEvent: ({ kind }) => events.push(kind) });
  const error = await run().then(() => undefined, (error) => error);
  ok(error instanceof CompressorError);
  deepStrictEqual(events, []);
  strictEqual(
    error.message.replace(/^.*: user scs_role_\w+ /, ""),
    "lacks UPDATE on state_groups, INSERT on state_group_edges, DELETE on state_group_edges, INSERT on state_groups_state, " +
      "DELETE on state_groups_state, UPDATE on state_groups_pending_deletion",
  );
  const grants = error.hint!.match(/GRANT .*/)![0];
  strictEqual(
    grants.replaceAll(role.name, "role"),
    "GRANT UPDATE ON state_groups TO role; GRANT INSERT, DELETE ON state_group_edges TO role; " +
      "GRANT INSERT, DELETE ON state_groups_state TO role; GRANT UPDATE ON state_groups_pending_deletion TO role;",
  );
  const before = await fullStates(db.sql);
  await db.sql.unsafe(grants);
  const report = await run();
  deepStrictEqual([report.outcome, report.skipped], ["written", []]);
  await assertSound(db.sql);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("checkWritable() is content with UPDATE on one column of state_groups, and without the newer tables", async () => {
  await using db = await testDatabase({ pendingDeletion: false });
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT, INSERT, DELETE ON state_groups_state, state_group_edges TO ${role.name};
    GRANT SELECT, UPDATE (event_id) ON state_groups TO ${role.name}`).simple();
  await using session = await connect(role.url);
  await checkWritable(session);
});

Deno.test("checkWritable() refuses a database whose transactions are read-only", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
  await using session = await connect(db.url);
  await rejects(() => checkWritable(session), (error: CompressorError) => {
    ok(/its transactions are read-only$/.test(error.message) && /default_transaction_read_only/.test(error.hint!));
    return true;
  });
});

Deno.test("compressRoom() reads from a standby, and refuses to commit to it", async () => {
  await using server = await startPostgres({ say: () => {} });
  const db = await testDatabase({ fixture: true, server: server.url });
  const roomId = await biggestRoom(db);
  await db.sql.end();
  await server.restart({ files: { "standby.signal": "" } });
  await using session = await connect(db.url);
  strictEqual((await compressRoom(session, { roomId, strategy: "levels" })).rowsAfter, 7750);
  await rejects(compressRoom(session, { roomId, commit: true }), /it is a standby, which takes no writes$/);
});

Deno.test("lockRoom() keeps a second compressor from the room, and from no other", async () => {
  await using db = await testDatabase();
  await using one = await connect(db.url);
  await using two = await connect(db.url);
  {
    await using _first = await lockRoom(one, "!a:test");
    await rejects(() => compressRoom(two, { roomId: "!a:test", commit: true }), (error: ConflictError) => {
      ok(error instanceof ConflictError);
      strictEqual(error.message, `Cannot compress room "!a:test": another compressor is working on it`);
      return true;
    });
    await using _other = await lockRoom(two, "!b:test");
  }
  await using _again = await lockRoom(two, "!a:test");
});

Deno.test("lockRoom() lets go of the room with its connection", async () => {
  await using db = await testDatabase();
  const one = await connect(db.url);
  const lock = await lockRoom(one, "!a:test");
  one.destroy();
  await lock[Symbol.asyncDispose]();
  await using two = await connect(db.url);
  for (let left = 1000;; left--) {
    try {
      await using _lock = await lockRoom(two, "!a:test");
      break;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
