/** Two clones, one commit: the same bundle, executables and archives, byte by byte. Not part of the ordinary tests: minutes. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { read } from "../../scripts/release/run.ts";
import { ROOT } from "../../scripts/release/source.ts";
import { workFolder } from "../support/cli.ts";

Deno.test("two clones of one commit make the same release", async () => {
  const sums = [];
  for (const name of ["one", "two/deeper"]) {
    await using folder = await workFolder();
    const clone = `${folder.path}/${name}`;
    await read("git", ["clone", "--quiet", ROOT, clone], { cwd: folder.path });
    // The runtimes, so that they are not fetched twice.
    await Deno.mkdir(`${clone}/.cache`);
    await Deno.symlink(`${ROOT}.cache/denort`, `${clone}/.cache/denort`);
    await read(Deno.execPath(), ["task", "release", "--denort", "--quick"], { cwd: clone });
    sums.push((await Deno.readTextFile(`${clone}/dist/release/SHA256SUMS`)).trim().split("\n"));
  }
  strictEqual(sums[0]!.length > 10, true);
  deepStrictEqual(sums[0], sums[1]);
});
