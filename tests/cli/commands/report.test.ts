import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { pageName } from "../../../src/cli/commands/report.ts";
import { runProgram, workFolder } from "../../support/cli.ts";
import { testDatabase } from "../../support/database.ts";
import { withDatabase } from "../../support/postgres.ts";

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
