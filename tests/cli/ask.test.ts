import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { runProgram } from "../support/cli.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../support/database.ts";
import { Screen } from "../support/screen.ts";
import { digestRows } from "../support/bloat.ts";

const SIZE = { columns: 120, rows: 40 };
const ASKS = /\? \[y\/N\]$/;
const ignore = Deno.build.os === "windows";

/** Each command that writes, ready to ask. */
async function writers(db: TestDatabase) {
  const room = await biggestRoom(db);
  return [["-r", room, "-c"], ["auto"], ["prune", "-c", "--min-age", "1s"], ["reclaim", "-c"]].map((
    args,
  ) => [...args, "-p", db.url]);
}

Deno.test({
  name:
    "what writes shows its plan on a terminal, and writes nothing unless the answer is yes: no, nothing, Ctrl-D, Ctrl-C",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true, events: true });
    const before = await digestRows(db.sql);
    const answers = ["n\r", "\r", "\x04", "\x03"];
    for (const [i, args] of (await writers(db)).entries()) {
      await using screen = Screen.program(args, SIZE);
      await screen.until(ASKS);
      match(screen.text, /(?:^\S.{20,}\n){3}\S.*\? \[y\/N\]/m, args.join(" "));
      await screen.type(answers[i]!);
      strictEqual(await screen.end(), i === 3 ? 130 : 1, screen.text);
      match(screen.text, i === 3 ? /\nStopped by SIGINT$/ : /\nNothing was written: .*\nhint: .*--yes/);
      ok(!screen.text.includes("internal"), screen.text);
    }
    deepStrictEqual(await digestRows(db.sql), before);
  },
});

Deno.test({
  name: "--yes answers beforehand, and without a terminal nothing is asked",
  ignore,
  async fn() {
    await using db = await testDatabase({ fixture: true, events: true });
    for (const args of await writers(db)) {
      await using screen = Screen.program([...args, "--yes"], SIZE);
      strictEqual(await screen.end(), 0, screen.text);
      ok(!screen.text.includes("[y/N]"), screen.text);
    }
    await using again = await testDatabase({ fixture: true });
    const { code, stderr } = await runProgram(["-r", await biggestRoom(again), "-c", "-p", again.url]);
    strictEqual(code, 0, stderr);
    match(stderr, /^ +before +after +freed$/m);
    ok(!stderr.includes("[y/N]"), stderr);
  },
});

Deno.test("--yes without -c is refused", async () => {
  for (const args of [["-r", "!a:b"], ["prune"], ["reclaim"]]) {
    const { code, stderr } = await runProgram([...args, "--yes", "-p", "postgresql://localhost/x"]);
    strictEqual(code, 2);
    match(stderr, /^Cannot use --yes without -c\nhint: /);
  }
});
