/**
 * The runtime that `deno compile` puts under a program, from npm. Deno downloads it from a host of its own, which some build
 * machines cannot reach, though they have npm. The npm package @stdy/cli is a program compiled by the same Deno, 2.7.11:
 * its executables begin with the very runtime, and `deno compile` puts our program in the place of theirs. For tests and CI only:
 * a release is made with the official runtime. Costs 90 MB of download once a target, kept in .cache/denort.
 */
import { fileURLToPath } from "node:url";
import { isFile } from "../files.ts";
import { fileName, hostTarget, type Target } from "./targets.ts";

const VERSION = "0.22.2";
const CACHE = new URL("../../.cache/denort/", import.meta.url);

/** The path of the runtime for `target`, to be put into DENORT_BIN. */
export async function fetchDenort(target: Target): Promise<string> {
  const name = `@stdy/cli-${target.os}-${target.cpu}`;
  const folder = new URL(`${target.name}/`, CACHE);
  const path = fileURLToPath(new URL(`node_modules/${name}/bin/${fileName("steady", target)}`, folder));
  if (await isFile(path)) return path;

  console.error(`Fetching the runtime for ${target.name} from npm ...`);
  await Deno.mkdir(folder, { recursive: true });
  // npm checks the package's hash; forced, it also takes the package of another system than this one.
  const flags = ["--force", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { success, stderr } = await new Deno.Command(Deno.build.os === "windows" ? "npm.cmd" : "npm", {
    args: ["install", "--prefix", ".", ...flags, `${name}@${VERSION}`],
    cwd: folder,
  }).output();
  if (!success || !await isFile(path)) {
    throw new Error(`Cannot fetch ${name}@${VERSION}: ${new TextDecoder().decode(stderr).trim()}`);
  }
  return path;
}

if (import.meta.main) console.log(await fetchDenort(hostTarget()));
