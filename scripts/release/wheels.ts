/**
 * Python wheels, by hatchling, one for each system: the executable under both names, and the modules of the Rust tool's that run
 * it. Synapse is installed by pip on many servers, and so was the Rust tool.
 */
import { join } from "node:path";
import { emptyFolder, settle } from "./archives.ts";
import { run } from "./run.ts";
import { PROGRAM, ROOT, type Source } from "./source.ts";
import { fileName, type Target } from "./targets.ts";
import { pythonTool } from "./tools.ts";

/** Python's words for the systems. Deno's runtime imports nothing newer than glibc 2.27, and asks for macOS 11. */
const PLATFORMS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "manylinux_2_27_x86_64",
  "aarch64-unknown-linux-gnu": "manylinux_2_27_aarch64",
  "x86_64-pc-windows-msvc": "win_amd64",
  "x86_64-apple-darwin": "macosx_11_0_x86_64",
  "aarch64-apple-darwin": "macosx_11_0_arm64",
};

/** What goes in. */
export interface WheelParts {
  readonly target: Target;
  readonly executable: string;
  readonly notices: string;
  /** The folder that gets the wheel. */
  readonly folder: string;
}

/** Makes it. */
export async function makeWheel(source: Source, { target, executable, notices, folder }: WheelParts): Promise<void> {
  const platform = PLATFORMS[target.name];
  if (platform === undefined) throw new Error(`Cannot make a wheel for ${target.name}`);
  const work = join(ROOT, ".cache/release/python");
  await emptyFolder(work);
  await run("cp", ["-r", join(ROOT, "scripts/release/python"), join(ROOT, ".cache/release")]);
  for (const name of ["LICENSE", "README.md"]) await Deno.copyFile(join(ROOT, name), join(work, name));
  await Deno.copyFile(notices, join(work, "THIRD-PARTY-NOTICES.txt"));
  await Deno.writeTextFile(join(work, `${PROGRAM}/_version.py`), `__version__ = "${pythonVersion(source.version)}"\n`);
  await Deno.mkdir(join(work, PROGRAM, "bin"));
  await Deno.copyFile(executable, join(work, PROGRAM, "bin", fileName(PROGRAM, target)));
  await settle(work, source.epoch);
  await run(await pythonTool("hatchling"), ["build", "--target", "wheel", "--directory", folder], {
    cwd: work,
    env: { SCS_WHEEL_PLATFORM: platform, SOURCE_DATE_EPOCH: String(source.epoch) },
  });
}

/** `1.2.0-rc.1` as PEP 440 has it, `1.2.0rc1`. */
export function pythonVersion(version: string): string {
  return version.replace(/-(rc|alpha|beta)\.?(\d+)$/, (_, kind, count) => `${kind === "rc" ? "rc" : kind[0]}${count}`);
}
