/**
 * The programs that make and check a release: npm's and PyPI's, locked by hash in tools/, installed below .cache on first use
 * and again whenever the lock changes. Nothing of them ends up in what is released.
 */
import { join } from "node:path";
import { readText } from "../files.ts";
import { run } from "./run.ts";
import { ROOT } from "./source.ts";

const LOCKS = join(ROOT, "scripts/release/tools");
const CACHE = join(ROOT, ".cache/release/tools");

/** The folder of npm's programs and packages: `node_modules` below it. */
export async function npmTools(): Promise<string> {
  return await installed(
    "npm",
    ["package.json", "package-lock.json"],
    (folder) => run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder }),
  );
}

/** The path of a program from PyPI. */
export async function pythonTool(name: string): Promise<string> {
  const folder = await installed("python", ["requirements.txt"], async (folder) => {
    await run("python3", ["-m", "venv", "--clear", join(folder, "venv")]);
    const args = ["install", "--quiet", "--require-hashes", "--disable-pip-version-check", "-r", "requirements.txt"];
    await run(join(folder, "venv/bin/pip"), args, { cwd: folder });
  });
  return join(folder, "venv/bin", name);
}

/** A folder with copies of these locks, in which `install` has run. */
async function installed(name: string, locks: string[], install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name);
  const done = join(folder, "done");
  const wanted = (await Promise.all(locks.map((lock) => Deno.readTextFile(join(LOCKS, lock))))).join("");
  if (await readText(done) === wanted) return folder;
  await Deno.mkdir(folder, { recursive: true });
  for (const lock of locks) await Deno.copyFile(join(LOCKS, lock), join(folder, lock));
  await install(folder);
  await Deno.writeTextFile(done, wanted);
  return folder;
}
