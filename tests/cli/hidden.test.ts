import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { HiddenLine } from "../../src/cli/hidden.ts";
import { runProgram } from "../support/cli.ts";
import { testDatabase, testRole } from "../support/database.ts";
import { Screen } from "../support/screen.ts";

function typed(...keys: string[]): HiddenLine {
  const line = new HiddenLine();
  for (const key of keys) line.type(new TextEncoder().encode(key));
  return line;
}

Deno.test("HiddenLine takes what is typed up to Enter, and the keys that edit it", () => {
  deepStrictEqual(
    [
      typed("secret\n"),
      typed("se", "cret", "\r"),
      typed("wrong\x15secret\r"),
      typed("secrä\x7fet\r"),
      typed("\x7f\x08secret\r"),
      typed("sec", "\x1b[A", "ret\r"),
      typed("secret\x04"),
      typed("\x04"),
      typed("\r"),
      typed("secret"),
      typed("secret\rmore\r"),
    ].map((line) => line.result === undefined ? "open" : line.result.text),
    ["secret", "secret", "secret", "secret", "secret", "secret", "secret", undefined, "", "open", "secret"],
  );
  strictEqual(typed("sec\x03").isInterrupted, true);
});

/** Runs the program on a terminal, types `keys` when it asks, and resolves to all that the terminal was sent. */
async function atTerminal(args: readonly string[], keys: string): Promise<{ code: number; screen: string }> {
  await using screen = Screen.program(args, { columns: 120, rows: 40 }, { env: { NO_COLOR: "1" } });
  await screen.until(() => /Password for user \S+: /.test(screen.raw));
  await screen.type(keys);
  return { code: await screen.end(), screen: screen.raw };
}

Deno.test({
  name: "the program asks for the password on a terminal, once, shows nothing of it, and asks nobody elsewhere",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using role = await testRole(db);
    await db.sql.unsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role.name}`);
    const url = new URL(role.url);
    url.password = "";
    const args = ["rooms", "-p", url.href, "--no-savings"];
    const given = await atTerminal(args, "wronf\x15secret\r");
    strictEqual(given.code, 0, given.screen);
    strictEqual(given.screen.split(`Password for user ${role.name}: `).length, 2);
    ok(!/secret|wronf/.test(given.screen), given.screen);
    match(given.screen, /13,219/);
    const wrong = await atTerminal(args, "wronf\r");
    strictEqual(wrong.code, 1);
    match(wrong.screen, /password authentication failed/);
    ok(!wrong.screen.includes("wronf"));
    const none = await atTerminal(args, "\x04");
    strictEqual(none.code, 1);
    match(none.screen, /the server asks for a password, and none was given/);
    const interrupted = await atTerminal(args, "\x03");
    strictEqual(interrupted.code, 130, interrupted.screen);
    const { code, stderr } = await runProgram(args);
    strictEqual(code, 1);
    ok(!stderr.includes("Password for user"));
    match(stderr, /the server asks for a password, and none was given\nhint: .*PGPASSWORD/);
  },
});
