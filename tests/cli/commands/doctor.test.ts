import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { readResult, runProgram, startProgram } from "../../support/cli.ts";
import { testDatabase, untilWaiting } from "../../support/database.ts";
import { draw } from "../../support/forest.ts";
import { fillCompressed } from "../../support/plans.ts";
import { insertRooms } from "../../support/tables.ts";

Deno.test("doctor ends with 0 where nothing is wrong, and counts the groups that no event uses", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout, stderr } = await runProgram(["doctor", "-p", db.url]);
  strictEqual(code, 0, stderr);
  match(
    stdout,
    /^Looked at 6,459 state groups\.\n\nState groups that no event uses: [\d,]+, of which [\d,]+ have no other group built on them\..*\nNo defects found\.\n$/,
  );
  match(stderr, /^Checking every row/);
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
  const bad = await runProgram(["doctor", "-p", db.url, "--mend"]);
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

Deno.test("doctor ends with 0 where what it finds does no harm, and says so", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2"));
  await db.sql.unsafe(
    `CREATE TABLE state_compressor_state (room_id text, level_num int, max_size int, current_length int,
      current_head bigint);
    CREATE TABLE state_compressor_progress (room_id text PRIMARY KEY, last_compressed bigint NOT NULL);
    INSERT INTO state_compressor_progress VALUES ('!gone:test', 5);
    INSERT INTO state_groups_state VALUES (77, '!gone:test', 't', 'k', '$e')`,
  ).simple();
  const { code, stdout } = await runProgram(["doctor", "-p", db.url]);
  strictEqual(code, 0, stdout);
  match(stdout, /^orphan-row \(harmless\): state groups that do not exist, but have rows: 1$/m);
  match(
    stdout,
    /^gone-room \(harmless\): .*: 1\n {2}progress or levels are saved for !gone:test, which has no state groups$/m,
  );
  match(stdout, /\nHarmless left-overs: 2\.\nNo defects found\.\n$/);
  const json = JSON.parse((await runProgram(["doctor", "-p", db.url, "--json"])).stdout);
  deepStrictEqual(
    [json.sound, json.findings.map(({ kind, harmful }: Record<string, unknown>) => [kind, harmful])],
    [true, [["orphan-row", false], ["gone-room", false]]],
  );
});

Deno.test("doctor and rooms show the control characters of room ids and types, and obey none", async () => {
  await using db = await testDatabase();
  const room = "!\x1b[2J\x9b1m\u202e:test";
  await insertRooms(db.sql, draw("?9 <- 10, 11", room));
  await db
    .sql`INSERT INTO state_groups_state SELECT 11, ${room}, ${"t\x1b]0;x\x07"}, 'k', '$e' FROM generate_series(1, 2)`;
  for (
    const args of [["doctor"], ["rooms"], ["doctor", "--json"], ["rooms", "--json"], ["-r", room], ["-r", `${room}!`]]
  ) {
    const { stdout, stderr } = await runProgram([...args, "-p", db.url]);
    // deno-lint-ignore no-control-regex
    strictEqual(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(stdout + stderr), false, JSON.stringify(stdout + stderr));
    match(
      stdout + stderr,
      args.includes("--json") ? /!\\u001b\[2J\\u009b1m\\u202e:test/ : /!\\x1b\[2J\\x9b1m\\u202e:test/,
    );
  }
});

Deno.test("an index that is missing is said first, by every command, with the statement that makes it", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1{a=1} <- 2{b=1}, 3{a=1,b=1}"));
  await db.sql.unsafe("DROP INDEX state_groups_state_type_idx");
  const warning =
    /^warning: the index on state_groups_state \(state_group, type, state_key\) is missing: .* CREATE INDEX CONCURRENTLY state_groups_state_type_idx ON/;
  for (
    const args of [["doctor"], ["rooms"], ["-r", "!room:test", "-c"], ["auto"]]
  ) {
    const { code, stderr } = await runProgram([...args, "-p", db.url]);
    strictEqual(code, 0, stderr);
    match(stderr, warning);
    strictEqual(stderr.split("warning: the index").length, 2, stderr);
  }
});

Deno.test("a planner that is far off is said first, with the statement that ends it", async () => {
  await using db = await testDatabase();
  await fillCompressed(db.sql, 60_000);
  const [version] = await db.sql`SHOW server_version_num`;
  if (Number(version!["server_version_num"]) < 160_000) return;
  const read = () => runProgram(["rooms", "-p", db.url]);
  const { code, stderr } = await read();
  strictEqual(code, 0, stderr);
  const warning =
    /^warning: PostgreSQL expects 50 rows in a state group, .* there are 2\.0: .* runs: (ALTER TABLE .*;)$/m;
  match(stderr, warning);
  await db.sql.unsafe(warning.exec(stderr)![1]!).simple();
  const after = await read();
  deepStrictEqual([after.code, after.stderr.includes("warning")], [0, false], after.stderr);
});

Deno.test("doctor --fix deletes what is left over of groups that do not exist, and only names the rest", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(`INSERT INTO state_groups_state VALUES (999001, '!gone:test', 't', '', '$e');
    INSERT INTO state_group_edges VALUES (999002, 1);
    INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (999003, 1);
    INSERT INTO state_groups VALUES (999010, '!broken:test', '$e');
    INSERT INTO state_group_edges VALUES (999010, 999009);`);
  const { code, stdout, stderr } = await runProgram(["doctor", "-p", db.url, "--fix"]);
  strictEqual(code, 4, stderr);
  match(stdout, /^Deleted left-overs of state groups that do not exist: 1 row, 1 edge, 1 deletion mark$/m);
  match(stdout, /state group 999010 refers to missing predecessor 999009/);
  const [left] = await db.sql`SELECT (SELECT count(*) FROM state_groups_state WHERE state_group = 999001)
    + (SELECT count(*) FROM state_group_edges WHERE state_group = 999002)
    + (SELECT count(*) FROM state_groups_pending_deletion WHERE state_group = 999003) AS rows`;
  strictEqual(left!["rows"], 0);
  const [dangling] = await db.sql`SELECT count(*)::int AS edges FROM state_group_edges WHERE state_group = 999010`;
  strictEqual(dangling!["edges"], 1);
});
