import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { runProgram } from "../../support/cli.ts";
import { testDatabase } from "../../support/database.ts";
import { goldenSummary } from "../../support/fixture.ts";
import { fillStats } from "../../support/stats.ts";

/** The fixture's biggest room. */
const ROOM = "!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI";

Deno.test("rooms prints a table on standard output, the biggest room first, and what it knows on standard error", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout, stderr } = await runProgram(["rooms", "-p", db.url, "--limit", "3"]);
  strictEqual(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n");
  strictEqual(lines.length, 6);
  deepStrictEqual(lines[0]!.trim().split(/ {2,}/), [
    "rows",
    "bytes",
    "share",
    "groups",
    "rows/group",
    "would save",
    "room",
  ]);
  match(
    lines[1]!,
    /^10,088 {2}\d\.\d MiB {4}76% {3}4,234 {9}2\.4 {2}\d,\d{3} \(\d\d%\) {2}!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI$/,
  );
  match(lines[4]!, /^11,195 .* 85% .* {2}these 3 rooms$/);
  match(lines[5]!, /^13,219 .* 100% +6,459 .* {2}all rooms$/);
  match(
    stderr,
    /^Next:\n {4}synapse_compress_state report -p \S+\n {4}synapse_compress_state auto -p \S+ --dry-run\n$/,
  );
});

Deno.test("rooms --json has the figures; of small rooms the saving is what compression then saves", async () => {
  await using db = await testDatabase({ fixture: true });
  const args = ["-p", db.url, "--strategy", "levels", "--json", "--quiet"];
  const { code, stdout, stderr } = await runProgram(["rooms", ...args]);
  deepStrictEqual([code, stderr], [0, ""]);
  const { rooms, rows, groups, pages_read, pages, has_progress } = JSON.parse(stdout);
  deepStrictEqual([rows, groups, pages_read === pages, has_progress], [13219, 6459, true, false]);
  const golden = (await goldenSummary()).filter(({ levels }) => levels[0] === 100);
  strictEqual(rooms.length, golden.length);
  for (const room of rooms) {
    const { rowsBefore, rowsAfter, groups } = golden.find(({ roomId }) => roomId === room.room_id)!;
    const saved = Math.max(0, rowsBefore - rowsAfter);
    deepStrictEqual(
      [room.rows, room.groups, room.saving.rows, room.saving.rows_error, room.saving.groups_tried],
      [rowsBefore, groups, saved, 0, groups],
    );
  }
});

Deno.test("rooms --no-savings leaves that column out", async () => {
  await using db = await testDatabase({ fixture: true });
  const { stdout } = await runProgram(["rooms", "-p", db.url, "--limit", "1", "--no-savings"]);
  strictEqual(stdout.includes("would save"), false);
  const { rooms } = JSON.parse((await runProgram(["rooms", "-p", db.url, "--no-savings", "--json"])).stdout);
  strictEqual(rooms[0].saving, null);
});

Deno.test("rooms estimates a big table from a sample, and says how sure it is; --exact counts", async () => {
  await using db = await testDatabase();
  // 10,000 pages and more, most of them the big room's.
  await db.sql.unsafe(
    `INSERT INTO state_groups SELECT id, CASE WHEN id % 10 = 0 THEN '!small:test' ELSE '!big:test' END, '$' || id
      FROM generate_series(1, 6000) AS id;
    INSERT INTO state_groups_state SELECT id, room_id, 'm.room.member', '@user' || n || ':' || repeat('x', 300), '$same' || n
      FROM state_groups, generate_series(1, 40) AS n ORDER BY id`,
  ).simple();
  const { code, stdout, stderr } = await runProgram(["rooms", "-p", db.url, "--no-savings"]);
  strictEqual(code, 0, stderr);
  // Nine tenths are the truth; the sample, drawn by chance, has a standard error of about half a percent.
  match(stdout, /^ *2\d\d,000 ±\d\.\d% {2,}\d+ MiB {2,}(8[6-9]|9[0-4]\.\d|90)% +5,400 +[\d.]+ {2}!big:test$/m);
  match(
    stderr,
    /^Estimated from [34],\d{3} of the table's 1\d,\d{3} pages \(\d\d%\), drawn at random: ± is a 95% conf/m,
  );
  // Of the small room all groups were compressed: it is known exactly.
  const { rooms } = JSON.parse((await runProgram(["rooms", "-p", db.url, "--json"])).stdout);
  const [big, small] = rooms;
  strictEqual(big.rows_error > 0 && big.saving.rows_error > 0 && big.saving.groups_tried === 2_000, true);
  deepStrictEqual([small.rows, small.rows_error, small.uncompressed_rows, small.groups], [24_000, 0, 24_000, 600]);
  const { read_us_before: usBefore, read_us_after: usAfter, ...saving } = small.saving;
  // Forty rows of a snapshot by the model; then a chain.
  deepStrictEqual([usBefore, usAfter > usBefore], [220, true]);
  deepStrictEqual(saving, {
    rows: 23_960,
    rows_error: 0,
    share: 1 - 40 / 24_000,
    groups_tried: 600,
    rows_tried: 24_000,
  });
  const exact = await runProgram(["rooms", "-p", db.url, "--exact", "--no-savings"]);
  match(
    exact.stdout,
    /^216,000 +\d+ MiB {4}90% {3}5,400 {8}40\.0 {2}!big:test\n 24,000 .* 10% {5}600 .* !small:test\n240,000 .* all 2 rooms$/m,
  );
  strictEqual(exact.stderr.includes("Estimated"), false);
});

Deno.test("rooms refuses what it cannot do: exit code 2, one sentence and a hint", async () => {
  const bad: [string[], RegExp][] = [
    [[], /-p is missing/],
    [["-p", "postgresql://u@127.0.0.1:1/d", "--limit", "0"], /--limit "0": a whole number of at least 1/],
    [["-p", "postgresql://u@127.0.0.1:1/d", "--order", "name"], /must be one of rows, uncompressed/],
    [["-p", "postgresql://u@127.0.0.1:1/d", "--no-savings", "-l", "5"], /Cannot use -l without savings/],
    [["-p", "postgresql://u@127.0.0.1:1/d", "-r", "!a:b"], /unknown option '-r'/],
    [["-p", "postgresql://u@127.0.0.1:1/d", "-l", "5", "--max-hops", "5"], /together/],
  ];
  for (const [args, message] of bad) {
    const { code, stdout, stderr } = await runProgram(["rooms", ...args]);
    deepStrictEqual([code, stdout, stderr.trimEnd().split("\n").length], [2, "", 2], stderr);
    match(stderr, message);
  }
});

Deno.test("rooms --help names its options", async () => {
  const { code, stdout } = await runProgram(["rooms", "--help"]);
  strictEqual(code, 0);
  match(stdout, /^Usage: synapse_compress_state rooms -p DATABASE \[options\]\n[^]*--exact/);
});

Deno.test("rooms puts the biggest first", async () => {
  await using db = await testDatabase({ fixture: true });
  const { stdout } = await runProgram(["rooms", "-p", db.url, "--limit", "1", "--no-savings", "--json"]);
  strictEqual(JSON.parse(stdout).rooms[0].room_id, ROOM);
});

Deno.test("rooms measures what a room would save, also where it was compressed by hand, and says who is in it", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await fillStats(db.sql, ["!EG_rLK0qkCYmmT8tXI4UFj7DYcn4hZlaUkrbWRjq2jY"]);
  strictEqual((await runProgram(["-p", db.url, "-r", ROOM, "-c"])).code, 0);
  const { stdout, stderr } = await runProgram(["rooms", "-p", db.url]);
  strictEqual(stdout.includes("100%  !"), false);
  const line = stdout.split("\n").find((text) => text.includes(ROOM))!;
  const [, saved] = / ([\d,]+) \([\d.]+%\) {2,}3 {2}!uXJ\S+ {2}Name of uXJk {2}#uXJk:test$/.exec(line)!;
  // Compressing again finds next to nothing.
  ok(Number(saved!.replaceAll(",", "")) < 100, line);
  match(stderr, /^No local user is in 1 of these rooms, with about 557 rows/m);
  match(stderr, /admin\/v2\/rooms\/!EG_rLK0qkCYmmT8tXI4UFj7DYcn4hZlaUkrbWRjq2jY'/);
});
