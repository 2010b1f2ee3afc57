/**
 * The runtime that `deno compile` puts under a program, from npm. Deno downloads it from a host of its own, which some build
 * machines cannot reach, though they have npm. The npm package @stdy/cli is a program compiled by the same Deno, 2.7.11:
 * its executables begin with the very runtime. For Linux what follows it, their program, is cut off here; for Windows `deno
 * compile` puts ours in its place; for macOS theirs stays in the file, 2 MB, which shows how a release is made but is nothing to
 * run. For tests and CI only: a release is made with the official runtime. Costs 90 MB of download once a target, kept in
 * .cache/denort.
 */
import { fileURLToPath } from "node:url";
import { isFile } from "../files.ts";
import { fileName, hostTarget, type Target } from "./targets.ts";

const VERSION = "0.22.2";
const CACHE = new URL("../../.cache/denort/", import.meta.url);

/** The path of the runtime for `target`, to be put into DENORT_BIN. */
export async function fetchDenort(target: Target): Promise<string> {
  const folder = new URL(`${target.name}/`, CACHE);
  const path = fileURLToPath(new URL(fileName("denort", target), folder));
  if (await isFile(path)) return path;

  console.error(`Fetching the runtime for ${target.name} from npm ...`);
  await Deno.mkdir(folder, { recursive: true });
  const name = `@stdy/cli-${target.os}-${target.cpu}`;
  // npm checks the package's hash; forced, it also takes the package of another system than this one.
  const flags = ["--force", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { success, stderr } = await new Deno.Command(Deno.build.os === "windows" ? "npm.cmd" : "npm", {
    args: ["install", "--prefix", ".", ...flags, `${name}@${VERSION}`],
    cwd: folder,
  }).output();
  const theirs = new URL(`node_modules/${name}/bin/${fileName("steady", target)}`, folder);
  if (!success || !await isFile(theirs)) {
    throw new Error(`Cannot fetch ${name}@${VERSION}: ${new TextDecoder().decode(stderr).trim()}`);
  }
  const bytes = await Deno.readFile(theirs);
  const partial = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(partial, target.os === "linux" ? bytes.subarray(0, elfBytes(bytes)) : bytes, { mode: 0o755 });
  await Deno.rename(partial, path);
  await Deno.remove(new URL("node_modules", folder), { recursive: true });
  return path;
}

/** The length of a program for 64-bit Linux: up to the end of its section headers, which come last. */
export function elfBytes(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x7f454c46) throw new Error("Cannot cut the runtime out: it is not an ELF file");
  return Number(view.getBigUint64(0x28, true)) + view.getUint16(0x3a, true) * view.getUint16(0x3c, true);
}

if (import.meta.main) console.log(await fetchDenort(hostTarget()));
