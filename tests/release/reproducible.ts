/**
 * Two clones of one commit, made by users whose machines differ: the same executables, archives and packages, byte by byte. Takes
 * minutes.
 */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { read } from "../../scripts/release/run.ts";
import { ROOT } from "../../scripts/release/source.ts";
import { workFolder } from "../support/cli.ts";

const USERS = [
  { place: "one", umask: "022", env: { TZ: "UTC", npm_config_omit_lockfile_registry_resolved: "true" } },
  {
    place: "two/deeper",
    umask: "077",
    env: { TZ: "Asia/Kolkata", LC_ALL: "C", npm_config_omit_lockfile_registry_resolved: "false" },
  },
];

Deno.test("two clones of one commit make the same release", async () => {
  const sums = [];
  for (const { place, umask, env } of USERS) {
    await using folder = await workFolder();
    const clone = `${folder.path}/${place}`;
    const as = (cwd: string, command: string, ...args: string[]) =>
      read("sh", ["-c", `umask ${umask}; exec "$@"`, "sh", command, ...args], { cwd, env });
    await as(folder.path, "git", "clone", "--quiet", ROOT, clone);
    // The runtimes, so that they are not fetched twice.
    await Deno.mkdir(`${clone}/.cache`);
    await Deno.symlink(`${ROOT}.cache/denort`, `${clone}/.cache/denort`);
    await as(clone, Deno.execPath(), "task", "release", "--denort", "--quick");
    sums.push((await Deno.readTextFile(`${clone}/dist/release/SHA256SUMS`)).trim().split("\n"));
  }
  strictEqual(sums[0]!.length > 20, true);
  deepStrictEqual(sums[0], sums[1]);
});
