import { match, strictEqual } from "node:assert/strict";
import { readSource } from "../../../scripts/release/source.ts";

Deno.test("readSource() has deno.json's version, a commit, and its time unless SOURCE_DATE_EPOCH is set", async () => {
  const { version, commit, epoch } = await readSource();
  match(version, /^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/);
  match(commit, /^([0-9a-f]{12}(\+changes)?)?$/);
  strictEqual(epoch > 315_532_800, true);
  Deno.env.set("SOURCE_DATE_EPOCH", "1700000000");
  try {
    strictEqual((await readSource()).epoch, 1_700_000_000);
  } finally {
    Deno.env.delete("SOURCE_DATE_EPOCH");
  }
});

Deno.test("the version stands in deno.json alone, and the changelog has it", async () => {
  const { version } = await readSource();
  const changelog = await Deno.readTextFile(new URL("../../../.github/CHANGELOG.md", import.meta.url));
  match(changelog, new RegExp(`^## \\[?${RegExp.escape(version)}\\b`, "m"));
});

Deno.test("src/cli/build.ts alone imports deno.json, which no package has", async () => {
  const src = new URL("../../../src/", import.meta.url);
  const importers = [];
  for (const url of await walk(src)) {
    if ((await Deno.readTextFile(url)).includes('deno.json" with')) importers.push(url.pathname);
  }
  strictEqual(importers.map((path) => path.slice(src.pathname.length)).join(), "cli/build.ts");
});

async function walk(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await walk(new URL(`${name}/`, folder)));
    else found.push(new URL(name, folder));
  }
  return found;
}
