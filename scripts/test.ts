/**
 * `deno task test`: every test, on one PostgreSQL that lives as long as the run. Arguments go to `deno test`; a path among them
 * stands for all of tests/ (`deno task test tests/core --filter=collapse`). With SCS_TEST_POSTGRES set, that server is used,
 * and the run starts at once.
 */
import { withPostgres } from "./postgres.ts";

/** One more than there are processors: many tests wait for a server or for the program, and compute nothing meanwhile. */
const JOBS = navigator.hardwareConcurrency + 1;

/** They start servers and the program itself, write temporary files, and call nothing native. */
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-run", "--allow-sys"];

async function runTests(server: string, signal?: AbortSignal): Promise<number> {
  const args = Deno.args.some((arg) => !arg.startsWith("-")) ? Deno.args : ["tests", "src", ...Deno.args];
  const child = new Deno.Command(Deno.execPath(), {
    // --doc also runs the examples in src's comments.
    args: ["test", "--parallel", "--doc", ...PERMISSIONS, ...args],
    env: { DENO_JOBS: String(JOBS), ...Deno.env.toObject(), SCS_TEST_POSTGRES: server },
    ...(signal && { signal }),
  }).spawn();
  return (await child.status).code;
}

if (import.meta.main) {
  const server = Deno.env.get("SCS_TEST_POSTGRES");
  Deno.exit(server ? await runTests(server) : await withPostgres({}, runTests));
}
