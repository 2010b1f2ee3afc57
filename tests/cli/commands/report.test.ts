import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { pageName } from "../../../src/cli/commands/report.ts";
import { runProgram, workFolder } from "../../support/cli.ts";
import { testDatabase } from "../../support/database.ts";
import { withDatabase } from "../../support/postgres.ts";
import { fillStats } from "../../support/stats.ts";

const ROOM = "!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI";

Deno.test("pageName() is safe on every system, and another for another room", () => {
  strictEqual(pageName("!abc:example.org"), "room-abc_example.org.html");
  strictEqual(pageName("!abc"), "room-abc.html");
  for (
    const room of [
      "!../../etc/passwd",
      "!a/b",
      "!a\\b",
      "!a\0b",
      "!a\nb",
      '!a<b>"|?*',
      "!CON",
      "!" + "x".repeat(300),
      "!🦀:x",
      "!",
      "",
    ]
  ) {
    match(pageName(room), /^room-[A-Za-z0-9._-]{0,130}\.html$/);
    ok(pageName(room).length < 130);
  }
  notStrictEqual(pageName("!a/b"), pageName("!a?b"));
});

Deno.test("report writes a page with the commands to run next, and no password", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const args = ["report", "-p", db.url, "-r", ROOM, "-o", "report.html", "--max-hops", "100"];
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder.path });
  strictEqual(code, 0, stderr);
  strictEqual(stdout.includes("<html"), false);
  match(stderr, /Wrote report.html/);
  const page = await Deno.readTextFile(`${folder.path}/report.html`);
  const { password, pathname, port } = new URL(db.url);
  ok(password !== "" && !page.includes(password));
  match(page, new RegExp(`-p postgresql://\\w+@127\\.0\\.0\\.1:${port}${pathname}`));
  match(page, /--max-hops 100/);
  match(page, /<strong>10,088 rows<\/strong>/);
});

Deno.test("report -o - prints the page alone", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout } = await runProgram(["report", "-p", db.url, "-r", ROOM, "-o", "-"]);
  strictEqual(code, 0);
  match(stdout, /^<!DOCTYPE html>/);
  match(stdout, /<\/html>\s*$/);
});

Deno.test("report --json tells the figures and where the page is", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const { code, stdout } = await runProgram(["report", "-p", db.url, "-r", ROOM, "--json"], { cwd: folder.path });
  strictEqual(code, 0);
  const { rows_before: rows, page } = JSON.parse(stdout);
  deepStrictEqual([rows, page], [10_088, pageName(ROOM)]);
  ok((await Deno.stat(`${folder.path}/${page}`)).isFile);
});

Deno.test("report refuses --json with the page on standard output, and a place that cannot be written", async () => {
  await using folder = await workFolder();
  const args = ["report", "-p", "postgresql://u@127.0.0.1:1/d", "-r", "!a:b", "-o"];
  strictEqual((await runProgram([...args, "-", "--json"])).code, 2);
  const { code, stderr } = await runProgram([...args, `${folder.path}/missing/report.html`]);
  strictEqual(code, 1);
  match(stderr, /its folder does not exist/);
});

Deno.test("report names the database as it was named, whatever is in it", async () => {
  await using db = await testDatabase();
  await using folder = await workFolder();
  await db.sql`INSERT INTO state_groups VALUES (1, '!a:b', '$e')`;
  const { hostname, port, username, password } = new URL(withDatabase(db.url, db.name));
  const pairs = `host=${hostname} port=${port} user=${username} password='${password}' dbname=${db.name}`;
  const { code, stderr } = await runProgram(["report", "-p", pairs, "-r", "!a:b", "-o", "r.html"], {
    cwd: folder.path,
  });
  strictEqual(code, 0, stderr);
  const page = await Deno.readTextFile(`${folder.path}/r.html`);
  ok(!page.includes(password));
  ok(page.includes(`postgresql://${username}@${hostname}:${port}/${db.name}`));
});

Deno.test("report without -r prints a summary and writes the server's page, without a password", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using folder = await workFolder();
  await fillStats(db.sql, ["!EG_rLK0qkCYmmT8tXI4UFj7DYcn4hZlaUkrbWRjq2jY"]);
  const { code, stdout, stderr } = await runProgram(["report", "-p", db.url], { cwd: folder.path });
  strictEqual(code, 0, stderr);
  match(stdout, /^Database scs_test_\w+ \(PostgreSQL /);
  match(stdout, /^Rows: 13,219 of 6,459 state groups$/m);
  match(stdout, /^Rooms that no local user is in: 1 found, with 557 rows/m);
  match(stdout, /^ {5}synapse_compress_state auto -p postgresql:.* --dry-run$/m);
  const name = `server-${db.name}.html`;
  match(stderr, new RegExp(`Wrote ${name}`));
  const page = await Deno.readTextFile(`${folder.path}/${name}`);
  const { password } = new URL(db.url);
  for (const text of [page, stdout, stderr]) ok(password !== "" && !text.includes(password));
  match(page, /Name of uXJk/);
  match(page, /admin\/v2\/rooms\/!EG_rLK0qkCYmmT8tXI4UFj7DYcn4hZlaUkrbWRjq2jY/);
});

Deno.test("report --json and --anonymous without -r: figures, and no name of a room, a host or a database", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using folder = await workFolder();
  await fillStats(db.sql);
  const args = ["report", "-p", db.url, "--json", "--anonymous", "-o", "page.html"];
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder.path });
  strictEqual(code, 0, stderr);
  const report = JSON.parse(stdout);
  deepStrictEqual([report.total.rows, report.rooms.length, report.rooms[0].rows], [13_219, 9, 10_088]);
  ok(report.gains.compress.rows > 2_000 && report.next.length > 0);
  match(report.rooms[0].room_id, /^!room-[0-9a-f]{10}$/);
  const page = await Deno.readTextFile(`${folder.path}/page.html`);
  const { hostname, username } = new URL(db.url);
  for (const text of [page, stdout]) {
    for (const name of ["uXJk8", "Name of", db.name, hostname, `${username}@`]) ok(!text.includes(name), name);
  }
});

Deno.test("report without -r takes the events from another database, and refuses what only a room has", async () => {
  await using db = await testDatabase({ fixture: true });
  await using events = await testDatabase({ fixture: true, events: true });
  await fillStats(events.sql);
  // With the fewest rows there is enough left to prune to be worth a command.
  const args = ["-p", db.url, "-o", "-", "--prefer", "rows"];
  match((await runProgram(["report", ...args])).stdout, /has no table room_stats_current/);
  const { code, stdout, stderr } = await runProgram(["report", ...args, "--events-postgres", events.url]);
  strictEqual(code, 0, stderr);
  match(stdout, /^<!DOCTYPE html>/);
  match(stdout, /prune -p \S+ --events-postgres postgresql:\/\/\w+@127\.0\.0\.1:\d+\/scs_test/);
  ok(!stdout.includes(new URL(events.url).password));
  for (const more of [["-b", "1"], ["-n", "1"], ["-s", "1"], ["-N"], ["-r", "!a:b", "--savings-time", "1"]]) {
    const { code, stderr } = await runProgram(["report", "-p", "postgresql://u@127.0.0.1:1/d", ...more]);
    deepStrictEqual([code, stderr.trimEnd().split("\n").length], [2, 2], stderr);
  }
});

Deno.test("report -r names the room and its bytes; --anonymous names neither room, nor users, nor hosts", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using folder = await workFolder();
  await fillStats(db.sql);
  const named = await runProgram(["report", "-p", db.url, "-r", ROOM, "-o", "-"]);
  match(named.stdout, /<strong><bdi>Name of uXJk<\/bdi><\/strong> <bdi>#uXJk:test<\/bdi>/);
  match(named.stdout, /Bytes, about<\/dt><dd>\d\.\d MiB → \d\.\d MiB/);
  match(named.stdout, /3 users of this server are in it\./);
  const { code, stdout, stderr } = await runProgram(["report", "-p", db.url, "-r", ROOM, "--anonymous", "--json"], {
    cwd: folder.path,
  });
  strictEqual(code, 0, stderr);
  const report = JSON.parse(stdout);
  match(report.room_id, /^!room-[0-9a-f]{10}$/);
  deepStrictEqual([report.page, report.local_users], ["room-anonymous.html", 3]);
  const page = await Deno.readTextFile(`${folder.path}/room-anonymous.html`);
  const { hostname } = new URL(db.url);
  const [user] = await db.sql`SELECT state_key FROM state_groups_state WHERE type = 'm.room.member' LIMIT 1`;
  for (const text of [page, stdout]) {
    for (const name of ["uXJk8", "Name of", db.name, hostname, user!["state_key"]]) ok(!text.includes(name), name);
  }
});
