/** The .deb in clean Debian systems: installed, used under both names, and removed. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { read } from "../../scripts/release/run.ts";
import { PACKAGE } from "../../scripts/release/source.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { assertProgress, debianRoot, releaseFile, trial } from "../support/release.ts";

// 11 has the oldest glibc (2.31) of the Debians that can still be fetched.
for (const suite of ["bullseye", "bookworm"]) {
  trial(`the .deb is installed, used and removed in a clean Debian ${suite}`, ["root", "mmdebstrap"], async () => {
    await using db = await testDatabase({ fixture: true });
    await using root = await debianRoot(suite);
    const before = await root.run(["find", "/usr", "/etc", "/lib/systemd", "-xdev"]);
    await Deno.copyFile(releaseFile(/_amd64\.deb$/), join(root.path, "tmp/it.deb"));
    await root.run(["dpkg", "--install", "/tmp/it.deb"]);
    match(await root.run(["synapse_compress_state", "-V"]), /^synapse_compress_state \d.*\n(commit|from)/);
    match(
      await root.run(["synapse_compress_state", "-p", db.url, "-r", await biggestRoom(db), "-c"]),
      /New state map matches/,
    );
    // The Rust tool's second program, by its own options.
    await root.run(["synapse_auto_compressor", "-p", db.url, "-c", "500", "-n", "20"]);
    await assertProgress(db);

    const units = (await root.run(["dpkg", "-L", PACKAGE])).split("\n").filter((name) =>
      /\.(service|timer)$/.test(name)
    );
    strictEqual(units.length, 3);
    for (const unit of units) {
      const text = await Deno.readTextFile(join(root.path, unit));
      strictEqual(/\/usr\/local\//.test(text), false, unit);
    }
    await root.run(["dpkg", "--purge", PACKAGE]);
    await root.run(["synapse_compress_state", "-V"], { fails: true });
    deepStrictEqual(await root.run(["find", "/usr", "/etc", "/lib/systemd", "-xdev"]), before);
  });
}

trial("lintian has nothing against the .deb", ["lintian"], async () => {
  const tags = await read("lintian", ["--fail-on", "error,warning", "--allow-root", releaseFile(/_amd64\.deb$/)]);
  strictEqual(tags, "");
});
