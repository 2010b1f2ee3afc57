import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { commandLine, runProgram, workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { draw } from "../support/forest.ts";
import { Screen } from "../support/screen.ts";
import { insertRooms } from "../support/tables.ts";

const FULL = { shell: "exec >/dev/full" };
const NO_LOG = { shell: "exec 2>/dev/full" };
const ignore = Deno.build.os !== "linux";
const COMMANDS = ["", "auto", "run", "rooms", "doctor", "graph", "report"];

Deno.test({
  name: "--help and -V on a full disk fail with a sentence and a hint, exit code 1",
  ignore,
  async fn() {
    for (const args of [["-V"], ...COMMANDS.map((name) => [...(name === "" ? [] : [name]), "--help"])]) {
      const { code, stderr } = await runProgram(args, FULL);
      strictEqual(code, 1, `${args}: ${stderr}`);
      match(stderr, /^Cannot write standard output: the disk is full\nhint: \S.*\n$/);
    }
  },
});

Deno.test({
  name: "results on a full disk fail with a sentence and a hint, for every command",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    const room = ["-r", await biggestRoom(db)];
    for (
      const [name, ...args] of [
        ["room", ...room],
        ["room", ...room, "-o", "-"],
        ["room", ...room, "--json"],
        ["rooms", "--no-savings"],
        ["rooms", "--no-savings", "--json"],
        ["doctor"],
        ["doctor", "--json"],
        ["graph", ...room, "--json"],
        ["report", ...room],
        ["report", ...room, "-o", "-"],
        ["auto", "-n", "1"],
        ["auto", "-n", "1", "--json"],
      ]
    ) {
      const words = name === "room" ? args : [name!, ...args];
      const { code, stderr } = await runProgram([...words, "-p", db.url], { ...FULL, cwd: folder.path });
      strictEqual(code, 1, `${words}: ${stderr}`);
      match(stderr, /^Cannot write standard output: the disk is full\nhint: \S/m, words.join(" "));
      ok(!stderr.includes("internal error"), stderr);
    }
  },
});

Deno.test({
  name: "a log that cannot be written does not stop the work: auto 2>/dev/full",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true });
    const { code, stdout } = await runProgram(["auto", "-p", db.url], NO_LOG);
    strictEqual(code, 0);
    match(stdout, /^Finished running compressor\. Saved [1-9]\d* rows\./);
    // A failure keeps its exit code.
    strictEqual((await runProgram(["-p", db.url, "-r", "!nope:x"], NO_LOG)).code, 1);
  },
});

/** Clears and retitles a terminal, forges a line, and writes from right to left. */
const EVIL = "\x1b[2J\x1b]0;pwned\x07\nFinished\r\x9b31m\u202e";

Deno.test("no command prints control characters that a room, an event type or a state key holds", async () => {
  await using db = await testDatabase();
  await using folder = await workFolder();
  const roomId = `!room${EVIL}:test`;
  const rows = `1{a=$1,b=$1,c=$1}, 2{a=$1,b=$1,c=$2}, 3{a=$1,b=$1,c=$3}, 10{t/k=$a, t/k=$b} <- 11, ?99 <- 12`;
  await insertRooms(db.sql, draw(rows, roomId));
  await db
    .sql`UPDATE state_groups_state SET type = ${`type${EVIL}`}, state_key = ${`key${EVIL}`} WHERE state_group = 10`;
  const room = ["-r", roomId];
  const seen = new Set<string>();
  for (
    const args of [
      ["rooms"],
      room,
      ["-r", `!room${EVIL}`],
      [...room, "--strict"],
      [...room, "--json"],
      [...room, "-o", "missing\x1b/x.sql"],
      ["doctor"],
      ["doctor", ...room],
      ["graph", ...room],
      ["report", ...room],
      ["auto"],
      [`bad${EVIL}`],
      [...room, "-n", `1${EVIL}`],
      ["run", "--config", `missing${EVIL}.yaml`],
    ]
  ) {
    const { stdout, stderr } = await runProgram(args[0] === "run" ? args : [...args, "-p", db.url], {
      cwd: folder.path,
    });
    const printed = (args.includes("--json") ? "" : stdout) + stderr;
    deepStrictEqual(
      printed.match(/(?!\n)[\p{Cc}\u202a-\u202e]/gu),
      null,
      JSON.stringify([args, printed]),
    );
    strictEqual(/^Finished\r?$/m.test(printed), false, printed);
    if (printed.includes("\\x1b[2J")) seen.add(args[0]!);
  }
  // Where it could have been seen, it was: shown as an escape.
  for (const name of ["rooms", "-r", "doctor", "graph", "auto", "run"]) ok(seen.has(name), name);
});

Deno.test({
  name:
    "progress is drawn on standard error alone: not with --quiet, and no escape sequence with TERM=dumb or in a log",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    const args = ["-p", db.url, "-r", await biggestRoom(db)];
    const size = { columns: 100, rows: 40 };
    const sh = (
      more: string,
      redirect: string,
    ) => ["sh", "-c", `"$@" ${more} ${redirect}`, "sh", ...commandLine(), ...args];
    const options = { cwd: folder.path };
    // Before it starts a program, `deno run` itself clears a line.
    const own = (raw: string) => raw.replaceAll("\x1b[0G\x1b[2K\x1b[J", "");
    {
      await using screen = Screen.run(sh("", ">out"), size, options);
      strictEqual(await screen.end(), 0);
      match(screen.raw, /reading rows {2}\[/);
      ok(!screen.text.includes("reading rows"), screen.text);
      const out = await Deno.readTextFile(`${folder.path}/out`);
      match(out, /^Number of state groups: 4234\n/);
      ok(!out.includes("\x1b") && !out.includes("reading"), out);
    }
    {
      await using screen = Screen.run(sh("", ">out 2>log"), size, options);
      strictEqual(await screen.end(), 0);
      const log = await Deno.readTextFile(`${folder.path}/log`);
      ok(!own(log).includes("\x1b") && !log.includes("reading"), log);
    }
    {
      await using screen = Screen.run(sh("--quiet", ""), size, options);
      strictEqual(await screen.end(), 0);
      strictEqual(own(screen.raw), "");
    }
    {
      await using screen = Screen.run(sh("", ""), size, { env: { TERM: "dumb" } });
      strictEqual(await screen.end(), 0);
      ok(!own(screen.raw).includes("\x1b"), JSON.stringify(screen.raw));
    }
  },
});

Deno.test({
  name: "progress goes on while the server is silent, and follows a real terminal that is made narrower and wider",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using screen = Screen.program(["reclaim", "-c", "--yes", "-p", db.url], { columns: 100, rows: 20 });
    const shown = () => screen.text.split("\n").filter((line) => /^vacuum/.test(line));
    await db.sql.begin(async (sql) => {
      // VACUUM waits for this, and nothing before it does.
      await sql`LOCK TABLE state_groups_state IN SHARE UPDATE EXCLUSIVE MODE`;
      await screen.until(/^vacuuming the table {2}[1-9] s$/m);
      await screen.until(/^vacuuming the table {2}[2-9] s$/m);
      await screen.resize({ columns: 16, rows: 20 });
      await screen.until(/^vacuuming the t$/m);
      deepStrictEqual(shown(), ["vacuuming the t"]);
      await screen.resize({ columns: 100, rows: 20 });
      await screen.until(/^vacuuming the table {2}\d+ s$/m);
      strictEqual(shown().length, 1);
    });
    await screen.end();
    deepStrictEqual(shown(), []);
    match(screen.text, /^files +[\d.]+ MiB/m);
  },
});
