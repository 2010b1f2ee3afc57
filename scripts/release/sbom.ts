/**
 * What is inside: a CycloneDX list of the packages and the runtime, by @cyclonedx/cyclonedx-npm, and out of it the notices that
 * the packages' licences ask for. Both read an installation of exactly the versions that deno.lock has.
 */
import { join } from "node:path";
import { emptyFolder } from "./archives.ts";
import { PACKAGES } from "./bundle.ts";
import { run } from "./run.ts";
import { IMPORTS, PACKAGE, ROOT, type Source, SUMMARY } from "./source.ts";
import { npmTools } from "./tools.ts";

/** What we read of CycloneDX. */
export interface Bom {
  metadata: { tools?: unknown; properties?: unknown; component: Component };
  readonly components: Component[];
  readonly dependencies: { ref: string; dependsOn?: string[] }[];
}

interface Component {
  readonly type: string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  "bom-ref"?: string;
  licenses?: { license?: { id?: string; name?: string }; expression?: string }[];
  evidence?: { licenses?: { license: { name: string; text: { content: string; encoding?: string } } }[] };
  properties?: unknown;
}

/** The versions of the packages, and of theirs, that deno.lock has. */
export function lockedPackages(lock: string, imports: Record<string, string>): ReadonlyMap<string, string> {
  const { npm } = JSON.parse(lock) as { npm: Record<string, { dependencies?: string[] }> };
  const found = new Map<string, string>();
  const add = (name: string) => {
    if (found.has(name)) return;
    const version = /^npm:.*@([^@]+)$/.exec(imports[name] ?? "")?.[1];
    const keys = Object.keys(npm).filter((key) =>
      key.startsWith(`${name}@`) && (!version || key === `${name}@${version}`)
    );
    if (keys.length !== 1) {
      throw new Error(`Cannot list the packages: deno.lock has ${keys.length} versions of ${name}`);
    }
    const key = keys[0]!;
    found.set(name, key.slice(name.length + 1));
    for (const dependency of npm[key]!.dependencies ?? []) add(dependency.replace(/(?<=.)@.*$/, ""));
  };
  for (const name of PACKAGES) add(name);
  return found;
}

/** A package.json for npm that installs exactly these. */
export async function installPackages(source: Source): Promise<string> {
  const folder = join(ROOT, ".cache/release/packages");
  const locked = lockedPackages(await Deno.readTextFile(join(ROOT, "deno.lock")), IMPORTS);
  const manifest = JSON.stringify({
    name: PACKAGE,
    version: source.version,
    description: SUMMARY,
    license: "Apache-2.0",
    dependencies: Object.fromEntries(PACKAGES.map((name) => [name, locked.get(name)])),
    overrides: Object.fromEntries([...locked].filter(([name]) => !PACKAGES.includes(name))),
  });
  await emptyFolder(folder);
  await Deno.writeTextFile(join(folder, "package.json"), manifest);
  // Where a package is from, with its hash, is in the list whatever the user's npm leaves out.
  const flags = ["--omit-lockfile-registry-resolved=false", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", "--ignore-scripts", ...flags], { cwd: folder });
  return folder;
}

/** Makes the list. */
export async function makeBom(source: Source): Promise<Bom> {
  const folder = await installPackages(source);
  const tools = await npmTools();
  const output = join(folder, "bom.json");
  const args = ["--omit=dev", "--output-reproducible", "--gather-license-texts", "--mc-type=application"];
  await run(join(tools, "node_modules/.bin/cyclonedx-npm"), [...args, `--output-file=${output}`, "--validate"], {
    cwd: folder,
  });
  const bom: Bom = JSON.parse(await Deno.readTextFile(output));
  // Which npm listed them differs from machine to machine.
  delete bom.metadata.tools;
  delete bom.metadata.properties;
  const deno = Deno.version.deno;
  const licence = await readDenoLicence(folder, deno);
  const text = { contentType: "text/plain", content: licence.toBase64(), encoding: "base64" };
  const runtime: Component = {
    type: "platform",
    name: "deno",
    version: deno,
    "bom-ref": "deno",
    purl: `pkg:github/denoland/deno@v${deno}`,
    licenses: [{ license: { id: "MIT" } }],
    evidence: { licenses: [{ license: { name: "file: LICENSE", text } }] },
  };
  const engine: Component = {
    type: "library",
    name: "v8",
    version: Deno.version.v8,
    "bom-ref": "v8",
    purl: `pkg:generic/v8@${Deno.version.v8}`,
    licenses: [{ license: { id: "BSD-3-Clause" } }],
  };
  bom.components.push(runtime, engine);
  bom.dependencies.push({ ref: "deno", dependsOn: ["v8"] }, { ref: "v8" });
  bom.dependencies.find(({ ref }) => ref === bom.metadata.component["bom-ref"])?.dependsOn?.push("deno");
  return bom;
}

/** Deno's licence, out of its package on npm. */
async function readDenoLicence(folder: string, version: string): Promise<Uint8Array<ArrayBuffer>> {
  await run("npm", ["pack", `deno@${version}`, "--loglevel=error"], { cwd: folder });
  await run("tar", ["-xzf", `deno-${version}.tgz`, "package/LICENSE"], { cwd: folder });
  return await Deno.readFile(join(folder, "package/LICENSE"));
}

/** The licences of what is inside, in full. */
export function formatNotices(bom: Bom): string {
  const parts = bom.components.map((component) => {
    const { group, name, version, purl, licenses = [], evidence } = component;
    const terms = licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression).join(", ");
    const texts = evidence?.licenses?.map(({ license: { text } }) =>
      text.encoding === "base64" ? new TextDecoder().decode(Uint8Array.fromBase64(text.content)) : text.content
    ) ?? [];
    const title = `${group ? `${group}/` : ""}${name} ${version} (${terms})`;
    if (texts.length === 0) {
      texts.push("The package has no file with its licence; its package.json names it.");
    }
    return [
      title,
      "=".repeat(title.length),
      purl,
      "",
      ...texts.map((text) =>
        text.trim()
      ),
    ].join("\n");
  });
  const deno = bom.components.find(({ name }) => name === "deno")?.version;
  return [
    "synapse_compress_state contains the following packages.",
    `The runtime, Deno ${deno}, contains V8, ICU and the Rust crates that`,
    `https://github.com/denoland/deno/blob/v${deno}/Cargo.lock lists, under licences of their own.`,
    "",
    "",
    `${parts.join("\n\n\n")}\n`,
  ].join("\n");
}
