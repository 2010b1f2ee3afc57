import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { readResult, runProgram, startProgram } from "../support/cli.ts";
import { testDatabase, untilWaiting } from "../support/database.ts";

const NOWHERE = "postgresql://u:kept-secret@127.0.0.1:1/db";

Deno.test("a word that every JavaScript object has as a property is no subcommand", async () => {
  for (const word of ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"]) {
    const { code, stdout, stderr } = await runProgram([word, "-p", NOWHERE, "-r", "!a:b"]);
    deepStrictEqual([code, stdout], [2, ""], word);
    match(stderr, /^Cannot read the command line: it has a word that belongs to no option\nhint: /);
  }
});

Deno.test("--json prints a failure as an object too, with the exit code as ever", async () => {
  const usage = await runProgram(["--json", "--bogus"]);
  strictEqual(usage.code, 2);
  deepStrictEqual(JSON.parse(usage.stdout), {
    schema_version: 1,
    error: {
      kind: "usage",
      message: "Cannot read the command line: unknown option '--bogus'",
      hint: "See synapse_compress_state --help.",
      exit_code: 2,
    },
  });
  match(usage.stderr, /^Cannot read the command line: unknown option '--bogus'\nhint: /);
  for (
    const command of [["-r", "!a:b"], ["rooms"], ["doctor"], ["auto"], ["graph", "-r", "!a:b", "--graph-dir", "/tmp"]]
  ) {
    const { code, stdout, stderr } = await runProgram([...command, "-p", NOWHERE, "--json"]);
    const { error } = JSON.parse(stdout);
    deepStrictEqual([code, error.kind, error.exit_code], [1, "connection", 1], stderr);
    strictEqual(stdout.includes("kept-secret"), false);
    strictEqual(stderr.startsWith(error.message), true, stderr);
  }
});

Deno.test("--json prints a stop as an object", async () => {
  await using db = await testDatabase({ fixture: true });
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; LOCK TABLE state_groups_state").simple();
  const child = startProgram(["auto", "-p", db.url, "--json"]);
  await untilWaiting(db, child);
  child.kill("SIGTERM");
  const { code, stdout } = await readResult(child);
  await holder.unsafe("ROLLBACK");
  holder.release();
  strictEqual(code, 143);
  strictEqual(stdout.trimEnd().split("\n").length, 1, stdout);
  const { error } = JSON.parse(stdout);
  deepStrictEqual([error.kind, error.exit_code], ["stopped", 143]);
});
