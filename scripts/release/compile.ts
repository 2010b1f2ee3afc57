/**
 * Makes an executable with `deno compile`: `deno task compile` this machine's, dist/synapse_compress_state; `--target=NAME`
 * another's. It may do what permissions.ts lists. `--denort` takes the runtime from npm (see denort.ts).
 *
 * `--jitless` makes an executable whose V8 never needs memory that is writable and executable, and which therefore runs where
 * MemoryDenyWriteExecute= is set; it takes about three times as long. A release has it for Linux.
 */
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "../../src/format/numbers.ts";
import { PROGRAM_PERMISSIONS } from "../permissions.ts";
import { bundleProgram } from "./bundle.ts";
import { fetchDenort } from "./denort.ts";
import { run } from "./run.ts";
import { PROGRAM, readSource, ROOT } from "./source.ts";
import { fileName, findTarget, hostTarget, type Target } from "./targets.ts";

/** What is compiled. */
export interface CompileOptions {
  /** Take the runtime from npm. @default false */
  readonly denort?: boolean | undefined;
  /** For hosts that deny executable memory. @default false */
  readonly jitless?: boolean | undefined;
}

/** Makes the executable of a bundle. `output` is a path from the repository's top. */
export async function compile(bundle: string, target: Target, output: string, options: CompileOptions): Promise<void> {
  const runtime = options.denort ? { DENORT_BIN: await fetchDenort(target) } : {};
  const args = [
    "compile",
    "--quiet",
    "--no-config",
    // Else it reads and writes machine code of V8 under a known name in /tmp, where any user may have put some.
    "--no-code-cache",
    `--target=${target.name}`,
    `--output=${ROOT}${output}`,
    ...(options.jitless ? ["--v8-flags=--jitless"] : []),
    ...PROGRAM_PERMISSIONS,
    basename(bundle),
  ];
  await run(Deno.execPath(), args, { cwd: dirname(bundle), env: runtime });
  const { size } = await Deno.stat(`${ROOT}${output}`);
  console.error(`${output}: ${formatBytes(size)}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { denort: { type: "boolean" }, jitless: { type: "boolean" }, target: { type: "string" } },
  });
  const target = values.target === undefined ? hostTarget() : findTarget(values.target);
  const name = fileName(`dist/${PROGRAM}${values.jitless ? "-jitless" : ""}`, target);
  await compile(await bundleProgram(await readSource()), target, name, values);
}
