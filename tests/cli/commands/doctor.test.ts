import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { readResult, runProgram, startProgram } from "../../support/cli.ts";
import { testDatabase, untilWaiting } from "../../support/database.ts";
import { draw } from "../../support/forest.ts";
import { insertRooms } from "../../support/tables.ts";

Deno.test("doctor ends with 0 where nothing is wrong, and counts the groups that no event uses", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout, stderr } = await runProgram(["doctor", "-p", db.url]);
  strictEqual(code, 0, stderr);
  match(
    stdout,
    /^Looked at 6,459 state groups\.\n\nState groups that no event uses: [\d,]+, of which [\d,]+ carry no other group\..*\nNo defects found\.\n$/,
  );
  match(stderr, /^Looking at every row/);
});

Deno.test("doctor ends with 4 where something is: what, how many, which, what it means, what to do", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("?9 <- 10 <- 11, ?8 <- 12, ?7 <- 13"), draw("20 <- 21 <- 20", "!cycle:test"));
  const { code, stdout, stderr } = await runProgram(["doctor", "-p", db.url, "--limit", "2"]);
  strictEqual(code, 4, stderr);
  match(
    stdout,
    /^cycle: edges that close a cycle: 1\n {2}state group 20 leads back to itself, by predecessor 21 \(!cycle:test\)\n {2}What it means: .*\n {2}What to do: /m,
  );
  match(
    stdout,
    /^dangling-edge: state groups whose predecessor is missing: 3\n {2}state group 10 refers to missing predecessor 9 \(!room:test\)\n {2}state group 12 .*\n {2}and 1 more\n/m,
  );
  match(stdout, /\nDefects found: 4\.\n$/);
  // The room itself, and a room that is sound.
  strictEqual((await runProgram(["doctor", "-p", db.url, "-r", "!cycle:test"])).code, 4);
  await insertRooms(db.sql, draw("30 <- 31", "!sound:test"));
  const sound = await runProgram(["doctor", "-p", db.url, "-r", "!sound:test"]);
  deepStrictEqual([sound.code, sound.stderr], [0, ""]);
  match(sound.stdout, /^Looked at 2 state groups of room !sound:test\.\n/);
});

Deno.test("doctor --json prints one object with each finding and its words", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 3, 2 <- 3, 3 <- 4{t/k=$a, t/k=$b}"));
  await db.sql`DROP TABLE event_to_state_groups`;
  const { code, stdout } = await runProgram(["doctor", "-p", db.url, "--json", "--quiet"]);
  strictEqual(code, 4);
  const { room_id, groups, sound, unused, findings } = JSON.parse(stdout);
  deepStrictEqual([room_id, groups, sound, unused], [null, 4, false, null]);
  deepStrictEqual(
    findings.map((finding: Record<string, unknown>) => [finding["kind"], finding["count"], finding["first"]]),
    [
      ["two-predecessors", 1, [{
        group_id: 3,
        room_id: "!room:test",
        predecessor_ids: [1, 2],
        detail: "state group 3 has more than one predecessor: 1, 2",
      }]],
      ["duplicate-row", 1, [{
        group_id: 4,
        room_id: "!room:test",
        count: 2,
        key: 't "k"',
        events: 2,
        detail: 'state group 4 has 2 rows for one key, t "k", naming 2 events',
      }]],
    ],
  );
  for (const finding of findings) strictEqual(finding.meaning.length > 20 && finding.remedy.length > 20, true);
  const text = await runProgram(["doctor", "-p", db.url]);
  match(
    text.stdout,
    /^State groups that no event uses: not known, since event_to_state_groups is not in this database\.$/m,
  );
});

Deno.test("doctor names a room that is not there, and refuses what it does not know", async () => {
  await using db = await testDatabase();
  const missing = await runProgram(["doctor", "-p", db.url, "-r", "!nope:x"]);
  deepStrictEqual([missing.code, missing.stdout], [1, ""]);
  match(
    missing.stderr,
    /^Cannot check room "!nope:x": no state groups found in database .*\nhint: Check the room's id/m,
  );
  const bad = await runProgram(["doctor", "-p", db.url, "--fix"]);
  deepStrictEqual([bad.code, bad.stdout], [2, ""]);
  const empty = await runProgram(["doctor", "-p", db.url]);
  strictEqual(empty.code, 0);
});

for (const command of ["doctor", "rooms", "auto"]) {
  Deno.test(`SIGINT while ${command} reads ends it at once, with 130`, async () => {
    await using db = await testDatabase({ fixture: true });
    const holder = await db.sql.reserve();
    await holder.unsafe("BEGIN; LOCK TABLE state_groups_state").simple();
    const child = startProgram([command, "-p", db.url]);
    await untilWaiting(db, child);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await readResult(child);
    await holder.unsafe("ROLLBACK");
    holder.release();
    deepStrictEqual([code, stdout], [130, ""], stderr);
    match(stderr, /^Stopped by SIGINT/m);
  });
}
