import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { runProgram } from "../../support/cli.ts";
import { Screen } from "../../support/screen.ts";

const SIZE = { columns: 80, rows: 24 };

Deno.test("the program's name alone, on a terminal, says what this is, what was found, and the one command to try", async () => {
  await using screen = Screen.program([], SIZE);
  strictEqual(await screen.end(), 0);
  match(screen.text, /^synapse_compress_state shrinks state_groups_state/);
  match(screen.text, /^ {2}synapse_compress_state report -p postgresql:\/\/\S+$/m);
  deepStrictEqual(screen.rows.filter((row) => row.length > 79), []);
});

Deno.test("where PG* variables name a database, the one command to try needs no -p; no password is shown", async () => {
  const env = { PGHOST: "db.example", PGDATABASE: "synapse", PGUSER: "matrix", PGPASSWORD: "kept-secret" };
  await using screen = Screen.program([], SIZE, { env });
  strictEqual(await screen.end(), 0);
  match(screen.text, /db\.example/);
  match(screen.text, /^ {2}synapse_compress_state report$/m);
  strictEqual(screen.raw.includes("kept-secret"), false);
});

Deno.test("what PG* variables get wrong is told as anywhere, with exit code 2", async () => {
  await using screen = Screen.program([], SIZE, { env: { PGHOST: "h", PGPORT: "x" } });
  strictEqual(await screen.end(), 2);
  match(screen.text, /^Cannot read the connection string: port is not /);
});

Deno.test("the program's name alone, not on a terminal, is a wrong command line as ever", async () => {
  const { code, stdout, stderr } = await runProgram([]);
  deepStrictEqual([code, stdout], [2, ""]);
  match(stderr, /^Cannot .*\nhint: .*\n$/);
});
