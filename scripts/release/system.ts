/**
 * `deno task test:system`: compiles for the machine that it runs on, and runs the command line's tests on the executable. For
 * macOS and Windows in CI. Arguments go on to the compiler (`--denort`).
 */
import { join } from "node:path";
import { run } from "./run.ts";
import { PROGRAM, ROOT } from "./source.ts";
import { fileName, hostTarget } from "./targets.ts";

const deno = Deno.execPath();
await run(deno, ["run", "-A", "scripts/release/compile.ts", ...Deno.args]);
const binary = join(ROOT, "dist", fileName(PROGRAM, hostTarget()));
await run(binary, ["--version"]);
await run(deno, ["run", "-A", "scripts/test.ts", "tests/core", "tests/format", "tests/cli/commands"], {
  env: { SCS_BINARY: binary },
});
