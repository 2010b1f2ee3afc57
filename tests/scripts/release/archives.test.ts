import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { emptyFolder, settle } from "../../../scripts/release/archives.ts";
import { workFolder } from "../../support/cli.ts";

Deno.test("settle() gives every file one time and one of two modes, and leaves links alone", async () => {
  await using folder = await workFolder();
  await Deno.mkdir(`${folder.path}/deep`, { mode: 0o700 });
  await Deno.writeTextFile(`${folder.path}/deep/text`, "", { mode: 0o600 });
  await Deno.writeTextFile(`${folder.path}/program`, "", { mode: 0o700 });
  await Deno.symlink("program", `${folder.path}/other`);
  await settle(folder.path, 1_700_000_000);
  const seen = ["", "/deep", "/deep/text", "/program"].map((name) => {
    const { mode, mtime } = Deno.statSync(folder.path + name);
    return [(mode! & 0o777).toString(8), mtime?.getTime()];
  });
  deepStrictEqual(seen.map(([mode]) => mode), ["755", "755", "644", "755"]);
  deepStrictEqual(seen.map(([, time]) => time), Array(4).fill(1_700_000_000_000));
  strictEqual(await Deno.readLink(`${folder.path}/other`), "program");
});

Deno.test("emptyFolder() makes a folder, and empties one", async () => {
  await using folder = await workFolder();
  await emptyFolder(`${folder.path}/a/b`);
  await Deno.writeTextFile(`${folder.path}/a/b/c`, "");
  await emptyFolder(`${folder.path}/a/b`);
  deepStrictEqual([...Deno.readDirSync(`${folder.path}/a/b`)], []);
});
