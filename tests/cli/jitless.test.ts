import { match, notStrictEqual, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROGRAM_PERMISSIONS } from "../../scripts/permissions.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { TOO_OLD } from "../support/deny-executable-memory.ts";

const LAUNCHER = fileURLToPath(new URL("../support/deny-executable-memory.ts", import.meta.url));
const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const JITLESS = "--v8-flags=--jitless";

/** The executable that `deno task compile --jitless` makes, where SCS_JITLESS_BINARY names it; else the program from its source. */
function program(): string[] {
  const binary = Deno.env.get("SCS_JITLESS_BINARY");
  return binary ? [binary] : [Deno.execPath(), "run", "--quiet", "--no-check", JITLESS, ...PROGRAM_PERMISSIONS, MAIN];
}

async function runDenied(command: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", JITLESS, "--allow-ffi", "--allow-run", LAUNCHER, ...command],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const linux = Deno.build.os === "linux" ? await runDenied(["true"]) : undefined;

// Elsewhere there is nothing to test: MemoryDenyWriteExecute= is Linux's.
Deno.test({
  name: "the jitless program compresses a room where the kernel denies executable memory",
  ignore: linux === undefined || linux.code === TOO_OLD,
  async fn() {
    strictEqual(linux?.code, 0, linux?.stderr);
    await using db = await testDatabase({ fixture: true });
    const { code, stderr } = await runDenied([...program(), "-p", db.url, "-r", await biggestRoom(db), "-c"]);
    strictEqual(code, 0, stderr);
    const [row] = await db.sql`SELECT count(*) AS rows FROM state_groups_state`;
    strictEqual(row!["rows"] < 13_219, true);
  },
});

Deno.test({
  name: "the denial is real: a V8 that compiles does not start under it",
  ignore: linux === undefined || linux.code === TOO_OLD,
  async fn() {
    const { code, stderr } = await runDenied([Deno.execPath(), "eval", "1"]);
    notStrictEqual(code, 0);
    match(stderr, /Fatal error/);
  },
});
