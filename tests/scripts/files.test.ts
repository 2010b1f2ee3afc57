import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { isFile, readText } from "../../scripts/files.ts";
import { workFolder } from "../support/cli.ts";

Deno.test("isFile() and readText() take it that there is none, and nothing else", async () => {
  await using folder = await workFolder();
  const [file, none] = [`${folder.path}/file`, `${folder.path}/none`];
  await Deno.writeTextFile(file, "text");
  deepStrictEqual([await isFile(file), await isFile(none), await isFile(folder.path)], [true, false, false]);
  strictEqual(await readText(file), "text");
  strictEqual(await readText(none), undefined);
  await rejects(readText(folder.path));
  await rejects(isFile(`${file}/below`));
});
