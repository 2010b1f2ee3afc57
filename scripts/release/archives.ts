/**
 * An executable with what belongs to it, packed: .tar.xz for Linux and macOS, .zip for Windows. Entries are sorted, owned by
 * nobody in particular and as old as the commit. Needs GNU tar, xz and zip.
 */
import { join } from "node:path";
import { unlessNotFound } from "../../src/cli/absent.ts";
import { run } from "./run.ts";
import { AUTO_PROGRAM, PROGRAM, ROOT, type Source } from "./source.ts";
import { fileName, type Target } from "./targets.ts";

/** The files of the repository that come along: where they stand here, and in the archive. */
const DOCUMENTS: readonly (readonly [string, string])[] = [
  ["LICENSE", "LICENSE"],
  ["README.md", "README.md"],
  [".github/INSTALL.md", "INSTALL.md"],
  [".github/REFERENCE.md", "REFERENCE.md"],
  [".github/CHANGELOG.md", "CHANGELOG.md"],
];
const UNITS = "scripts/systemd";

/** What an archive is made of. */
export interface ArchiveParts {
  readonly target: Target;
  /** The path of the executable. */
  readonly executable: string;
  /** The path of the notices. */
  readonly notices: string;
  /** The path of the archive, without its ending. */
  readonly output: string;
  /** Compress little: for trying a release out. */
  readonly quick: boolean;
}

/** Makes it; returns its path. */
export async function makeArchive(source: Source, parts: ArchiveParts): Promise<string> {
  const { target, executable, notices, output, quick } = parts;
  const windows = target.os === "win32";
  const top = output.slice(output.lastIndexOf("/") + 1);
  const folder = join(ROOT, ".cache/release/archive");
  await emptyFolder(folder);
  await Deno.mkdir(join(folder, top));
  const put = (from: string, name: string) => Deno.copyFile(from, join(folder, top, name));
  await put(executable, fileName(PROGRAM, target));
  await put(notices, "THIRD-PARTY-NOTICES.txt");
  for (const [from, name] of DOCUMENTS) await put(join(ROOT, from), name);
  // A zip file holds no links that Windows would make; there the program is called with the word `auto`.
  if (!windows) await Deno.symlink(PROGRAM, join(folder, top, AUTO_PROGRAM));
  if (target.os === "linux") {
    await Deno.mkdir(join(folder, top, "systemd"));
    for await (const { name } of Deno.readDir(join(ROOT, UNITS))) await put(join(ROOT, UNITS, name), `systemd/${name}`);
  }
  await settle(join(folder, top), source.epoch);
  if (windows) return await zip(folder, top, `${output}.zip`, quick);
  return await tar(folder, top, `${output}.tar.xz`, source.epoch, quick);
}

async function tar(folder: string, top: string, output: string, epoch: number, quick: boolean): Promise<string> {
  const order = ["--sort=name", `--mtime=@${epoch}`, "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  await run("tar", [...order, "-cf", `${top}.tar`, top], { cwd: folder });
  // The blocks make it the same on any number of cores.
  await run("xz", ["--threads=0", "--block-size=24MiB", quick ? "-0" : "-6", `${top}.tar`], { cwd: folder });
  await Deno.rename(join(folder, `${top}.tar.xz`), output);
  return output;
}

async function zip(folder: string, top: string, output: string, quick: boolean): Promise<string> {
  const names = [...Deno.readDirSync(join(folder, top))].map(({ name }) => `${top}/${name}`).sort();
  // It writes local times.
  await run("zip", ["-X", "-q", quick ? "-1" : "-9", `${top}.zip`, ...names], { cwd: folder, env: { TZ: "UTC" } });
  await Deno.rename(join(folder, `${top}.zip`), output);
  return output;
}

/** Gives every file below a folder the rights and the time that it has in a release. */
export async function settle(folder: string, epoch: number): Promise<void> {
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    if (isSymlink) continue;
    const path = join(folder, name);
    if (isDirectory) await settle(path, epoch);
    else await Deno.chmod(path, ((await Deno.stat(path)).mode ?? 0) & 0o111 ? 0o755 : 0o644);
    await Deno.utime(path, epoch, epoch);
  }
  await Deno.chmod(folder, 0o755);
  await Deno.utime(folder, epoch, epoch);
}

/** Makes a folder that has nothing in it. */
export async function emptyFolder(path: string): Promise<void> {
  await unlessNotFound(Deno.remove(path, { recursive: true }));
  await Deno.mkdir(path, { recursive: true });
}
