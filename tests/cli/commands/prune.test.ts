import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { runProgram } from "../../support/cli.ts";
import { biggestRoom, testDatabase } from "../../support/database.ts";
import { purgeMarked } from "../../support/events.ts";
import { fullStates } from "../../support/states.ts";

const FIXTURE = { fixture: true, events: true };

Deno.test("prune lists unused groups by room with a total, and writes nothing", async () => {
  await using db = await testDatabase(FIXTURE);
  const { code, stdout, stderr } = await runProgram(["prune", "-p", db.url, "--min-age", "1s"]);
  strictEqual(code, 0, stderr);
  match(stdout, /^ +1,430 +1,430 +14 +3,521 +522 KiB {2}all 9 rooms$/m);
  strictEqual(stdout.split("\n").filter((line) => line.includes("  !")).length, 9);
  const [marks] = await db.sql`SELECT count(*)::int AS count FROM state_groups_pending_deletion`;
  strictEqual(marks!["count"], 0);
});

Deno.test("prune -c marks them, and Synapse's loop deletes them without changing a used state", async () => {
  await using db = await testDatabase(FIXTURE);
  const roomId = await biggestRoom(db);
  const before = await fullStates(db.sql);
  const { code, stdout, stderr } = await runProgram(["prune", "-p", db.url, "-r", roomId, "-c", "--min-age", "1s"]);
  strictEqual(code, 0, stderr);
  const [, marked] = /^Marked for deletion: ([\d,]+) state groups in 1 room\./m.exec(stdout)!;
  const { deleted, deDeltaed } = await purgeMarked(db.url, db.sql, roomId);
  strictEqual(deleted.length, Number(marked!.replace(",", "")));
  ok(deleted.length > 900);
  deepStrictEqual(deDeltaed, []);
  for (const id of deleted) before.delete(id);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("prune leaves groups younger than seven days alone, and says so", async () => {
  await using db = await testDatabase(FIXTURE);
  await db.sql`UPDATE events SET received_ts = ${Date.now()}`;
  const { code, stdout, stderr } = await runProgram(["prune", "-p", db.url, "-c"]);
  strictEqual(code, 0, stderr);
  match(stdout, /^Marked for deletion: 0 state groups/m);
});

Deno.test("prune finds the events in another database by --events-postgres, and asks for it where they are missing", async () => {
  await using state = await testDatabase({ fixture: true });
  await using events = await testDatabase(FIXTURE);
  await state.sql`DROP TABLE event_to_state_groups`;
  await events.sql`DROP TABLE state_groups, state_groups_state, state_group_edges`;
  const refused = await runProgram(["prune", "-p", state.url]);
  strictEqual(refused.code, 1);
  match(refused.stderr, /has no table event_to_state_groups\nhint: .*--events-postgres/);
  const args = ["prune", "-p", state.url, "--events-postgres", events.url, "--min-age", "1s", "-c", "--json"];
  const { code, stdout, stderr } = await runProgram(args);
  strictEqual(code, 0, stderr);
  const [marks] = await state.sql`SELECT count(*)::int AS count FROM state_groups_pending_deletion`;
  ok(marks!["count"] > 1400);
  const { rooms } = JSON.parse(stdout);
  strictEqual(rooms.reduce((sum: number, room: { marked: number }) => sum + room.marked, 0), marks!["count"]);
});

Deno.test("prune warns where marks stay for days, since Synapse does not delete them", async () => {
  await using db = await testDatabase(FIXTURE);
  const fresh = await runProgram(["prune", "-p", db.url]);
  doesNotMatch(fresh.stderr, /marked for deletion since/);
  await db.sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts)
    SELECT max(id), ${Date.now() - 3 * 86_400_000}::bigint FROM state_groups`;
  const { stderr } = await runProgram(["prune", "-p", db.url]);
  match(
    stderr,
    /^warning: Groups have been marked for deletion since \d{4}-\d\d-\d\d, and Synapse has not deleted them/m,
  );
});
