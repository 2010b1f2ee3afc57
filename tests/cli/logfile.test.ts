/** --log-level, --log-file and --progress json, by the program itself. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { runProgram, workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { findLineFault } from "../support/schemas.ts";

/** The lines of NDJSON, each of them as its schema has it. */
function parseLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => {
    strictEqual(findLineFault(line), undefined, line);
    return JSON.parse(line);
  });
}

Deno.test("--progress json makes every line on standard error an object, progress and log alike", async () => {
  await using db = await testDatabase({ fixture: true });
  const args = ["-p", db.url, "-r", await biggestRoom(db), "--json", "--progress", "json"];
  const { code, stdout, stderr } = await runProgram(args);
  strictEqual(code, 0, stderr);
  const lines = parseLines(stderr);
  ok(lines.some(({ event, name }) => event === "progress" && name === "reading rows"));
  ok(lines.some(({ event, message }) => event === "log" && message === "Compressing state..."));
  strictEqual(JSON.parse(stdout).rows_before, 10088);
  const silent = await runProgram([...args, "--quiet"]);
  deepStrictEqual([...new Set(parseLines(silent.stderr).map(({ event }) => event))], ["progress"]);
});

Deno.test("--progress json tells a failure as a line, too: a wrong command line, and a database that is not there", async () => {
  for (
    const args of [["--progress=json", "--bogus"], [
      "rooms",
      "-p",
      "postgresql://u:kept-secret@127.0.0.1:1/d",
      "--progress",
      "json",
    ]]
  ) {
    const { code, stderr } = await runProgram(args);
    const [line, ...more] = parseLines(stderr);
    deepStrictEqual([line!["level"], more.length, code], ["error", 0, args.length === 2 ? 2 : 1]);
    match(String(line!["hint"]), /\S/);
    strictEqual(stderr.includes("kept-secret"), false);
  }
});

Deno.test("--log-file keeps every line with its time and level, quiet or not, failures too; --log-level bounds both", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const path = `${folder.path}/run.log`;
  const room = ["-p", db.url, "-r", await biggestRoom(db)];
  const quiet = await runProgram([...room, "--quiet", "--log-file", path]);
  deepStrictEqual(quiet, { code: 0, stdout: "", stderr: "" });
  const first = await Deno.readTextFile(path);
  match(first, /^\d{4}-\d\d-\d\dT\S+Z INFO Fetching state from DB for room '.*'\.\.\.$/m);
  match(first, /^\S+Z INFO Number of rows in current table: 10088$/m);
  const failed = await runProgram(["-p", db.url, "-r", "!none:x", "--log-file", path, "--log-level", "error"]);
  strictEqual(failed.stderr.trimEnd().split("\n").length, 2, failed.stderr);
  const added = (await Deno.readTextFile(path)).slice(first.length);
  match(added, /^\S+Z ERROR Cannot compress room "!none:x": .* hint: [^\n]+\n$/);
});

Deno.test("--log-file that cannot be written is told before any work", async () => {
  const { code, stderr } = await runProgram(["rooms", "-p", "postgresql://h/d", "--log-file", "/nowhere/run.log"]);
  strictEqual(code, 1);
  match(stderr, /^Cannot write "\/nowhere\/run\.log": .*\nhint: \S.*\n$/);
});
