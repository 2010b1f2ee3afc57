/**
 * Makes executables with `deno compile`: `deno task compile` this machine's, dist/synapse_compress_state; `--target=NAME` another's;
 * `--all` (`deno task release`) all five, named after their targets, with SHA256SUMS. They may do what permissions.ts lists,
 * and hold only the packages that the program uses. `--denort` takes the runtime from npm (see denort.ts).
 *
 * `--jitless` makes an executable whose V8 never needs memory that is writable and executable, and which therefore runs where
 * MemoryDenyWriteExecute= is set; it takes about three times as long. A release has it for Linux.
 */
import { formatBytes } from "../src/format/numbers.ts";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fetchDenort } from "./denort.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { findTarget, hostTarget, type Target, TARGETS } from "./targets.ts";

const PROGRAM = "synapse_compress_state";
/** The packages that the program uses. Deno would embed all that deno.json names, the tests' PostgreSQL of 60 MB with them. */
const PACKAGES = [
  "@types/d3-scale",
  "@types/d3-shape",
  "commander",
  "d3-scale",
  "d3-shape",
  "fastest-levenshtein",
  "flatqueue",
  "postgres",
  "yaml",
];

const ROOT = new URL("..", import.meta.url);

/** Writes deno.json and deno.lock for the program alone, and returns the path of the former. */
async function programConfig(): Promise<string> {
  const { imports, compilerOptions } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const kept = Object.fromEntries(PACKAGES.map((name) => [name, imports[name]]));
  const folder = new URL(".cache/compile/", ROOT);
  await Deno.mkdir(folder, { recursive: true });
  // Deno drops from the lock what the shorter list no longer needs, and checks the rest by it.
  await Deno.copyFile(new URL("deno.lock", ROOT), new URL("deno.lock", folder));
  const path = new URL("deno.json", folder);
  await Deno.writeTextFile(path, JSON.stringify({ imports: kept, compilerOptions, nodeModulesDir: "none" }));
  return fileURLToPath(path);
}

interface CompileOptions {
  readonly denort?: boolean | undefined;
  readonly jitless?: boolean | undefined;
}

async function compile(target: Target, output: string, { denort, jitless }: CompileOptions): Promise<void> {
  const runtime = denort ? { DENORT_BIN: await fetchDenort(target) } : {};
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      `--config=${await programConfig()}`,
      `--target=${target.name}`,
      `--output=${output}`,
      ...(jitless ? ["--v8-flags=--jitless"] : []),
      ...PROGRAM_PERMISSIONS,
      "main.ts",
    ],
    cwd: ROOT,
    env: runtime,
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
  const { size } = await Deno.stat(new URL(output, ROOT));
  console.error(`${output}: ${formatBytes(size)}`);
}

/** What sha256sum would write for the files of dist/. */
async function writeSums(names: readonly string[]): Promise<void> {
  let sums = "";
  for (const name of names) {
    const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(new URL(`dist/${name}`, ROOT)));
    sums += `${new Uint8Array(hash).toHex()}  ${name}\n`;
  }
  await Deno.writeTextFile(new URL("dist/SHA256SUMS", ROOT), sums);
}

const { values } = parseArgs({
  args: Deno.args,
  options: {
    all: { type: "boolean" },
    denort: { type: "boolean" },
    jitless: { type: "boolean" },
    target: { type: "string" },
  },
});
const fileName = (name: string, target: Target, jitless = false) =>
  `${name}${jitless ? "-jitless" : ""}${target.os === "win32" ? ".exe" : ""}`;
if (values.all) {
  const builds = [
    ...TARGETS.map((target) => ({ target, jitless: false })),
    ...TARGETS.filter(({ os }) => os === "linux").map((target) => ({ target, jitless: true })),
  ];
  const names = [];
  for (const { target, jitless } of builds) {
    const name = fileName(`${PROGRAM}-${target.name}`, target, jitless);
    await compile(target, `dist/${name}`, { denort: values.denort, jitless });
    names.push(name);
  }
  await writeSums(names);
} else {
  const target = values.target === undefined ? hostTarget() : findTarget(values.target);
  await compile(target, `dist/${fileName(PROGRAM, target, values.jitless)}`, values);
}
