/**
 * For tests/release/, which try what `deno task release` made as its users get it: finds it in dist/release, makes clean
 * Debian systems, and skips, with the reason printed, what this machine has no tools for.
 */
import { strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { debianArchive, type DebianOptions } from "../../scripts/release/debian.ts";
import { has, read } from "../../scripts/release/run.ts";
import { ROOT } from "../../scripts/release/source.ts";
import type { TestDatabase } from "./database.ts";

const FOLDER = join(ROOT, "dist/release");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * A test that needs programs of this machine (and, where it says so, root, or Deno's name of this system); it is skipped, and
 * says why, where one is missing.
 */
export function trial(name: string, needs: readonly string[], fn: () => Promise<void>): void {
  const lacking = needs.filter((need) => need === "root" ? Deno.uid() !== 0 : need !== Deno.build.target && !has(need));
  if (lacking.length > 0) console.log(`skipped: ${name}: there is no ${lacking.join(", no ")} here`);
  Deno.test({ name, ignore: lacking.length > 0, fn });
}

/** The path of the one file in dist/release whose name fits. */
export function releaseFile(pattern: RegExp): string {
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => pattern.test(name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (names.length !== 1) {
    throw new Error(
      `dist/release has ${names.length} files like ${pattern}: run \`deno task release --denort --quick\``,
    );
  }
  return join(FOLDER, names[0]!);
}

/** Demands that `auto` has worked on several rooms. */
export async function assertProgress({ sql }: TestDatabase): Promise<void> {
  const [row] = await sql`SELECT count(*) AS rooms FROM state_compressor_progress`;
  strictEqual(row!["rooms"] > 1, true);
}

/** A Debian system in a folder of its own, removed on dispose. */
export interface DebianRoot extends AsyncDisposable {
  readonly path: string;
  /** Runs a program in it, with nothing in the environment but PATH; returns what it printed on both outputs. */
  run(command: readonly string[], options?: { readonly fails?: boolean }): Promise<string>;
}

/** A fresh Debian of that name. */
export async function debianRoot(suite: string, options: DebianOptions = {}): Promise<DebianRoot> {
  const archive = await debianArchive(suite, options);
  const path = await Deno.makeTempDir({ prefix: "scs_root_" });
  await read("tar", ["-xf", archive, "-C", path]);
  await Deno.chmod(path, 0o755);
  await Deno.mkdir(join(path, "proc"), { recursive: true });
  await read("mount", ["-t", "proc", "proc", join(path, "proc")]);
  return {
    path,
    async run(command, { fails = false } = {}) {
      const { code, stdout, stderr } = await new Deno.Command("chroot", {
        args: [path, ...command],
        clearEnv: true,
        env: { PATH },
        stdin: "null",
      }).output();
      const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
      if ((code !== 0) !== fails) throw new Error(`${command.join(" ")}: exit code ${code}\n${text}`);
      return text;
    },
    async [Symbol.asyncDispose]() {
      await read("umount", [join(path, "proc")]);
      await Deno.remove(path, { recursive: true });
    },
  };
}
