/**
 * The package for npm: the library as modules that Node 20 and Bun load, with its types, and the program on top. TypeScript's
 * compiler makes it, file by file, so a stack trace names the module that it came from; the libraries that it needs are dependencies
 * at exactly the versions of deno.lock.
 */
import { dirname, join } from "node:path";
import { emptyFolder, settle } from "./archives.ts";
import { PACKAGES } from "./bundle.ts";
import { read, run } from "./run.ts";
import { AUTO_PROGRAM, formatBuild, IMPORTS, PACKAGE, PROGRAM, ROOT, type Source, SUMMARY } from "./source.ts";
import { npmTools } from "./tools.ts";

/** What the program needs on Node. */
const NODE = "scripts/release/node";
/** Deno's names on Node: see node/deno.ts. */
const SHIM = "@deno/shim-deno";

/** Makes the package below `folder`; returns its path. */
export async function makeNpm(source: Source, folder: string): Promise<string> {
  const work = join(ROOT, ".cache/release/npm");
  const tools = await npmTools();
  await emptyFolder(work);
  await Deno.mkdir(join(work, dirname(NODE)), { recursive: true });
  await run("cp", ["-r", join(ROOT, "src"), work]);
  await run("cp", ["-r", join(ROOT, NODE), join(work, dirname(NODE))]);
  await Deno.writeTextFile(join(work, "src/cli/build.ts"), formatBuild(source));
  await Deno.writeTextFile(join(work, "package.json"), `${JSON.stringify(manifest(source), null, 2)}\n`);
  // With their types; @types/ is not among the dependencies, since no declaration of ours mentions them.
  const types = Object.entries(IMPORTS).filter(([name]) => name.startsWith("@types/")).map(([, at]) => at.slice(4));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", "--no-save", "--no-package-lock", ...quiet, ...types], { cwd: work });
  const tsc = async (config: string, settings: unknown) => {
    await Deno.writeTextFile(join(work, config), JSON.stringify(settings));
    await run(join(tools, "node_modules/.bin/tsc"), ["--project", config], { cwd: work });
  };
  // The library is checked against what Node 20 has. The program uses Deno's names, and `deno check` has checked it.
  const types20 = { types: ["node"], typeRoots: [join(tools, "node_modules/@types")] };
  await tsc("library.json", { compilerOptions: { ...OPTIONS, ...types20, declaration: true }, files: ["src/mod.ts"] });
  await tsc("program.json", {
    compilerOptions: { ...OPTIONS, noCheck: true },
    files: [`${NODE}/main.ts`, `${NODE}/auto.ts`],
  });

  for (const name of ["LICENSE", "README.md"]) await Deno.copyFile(join(ROOT, name), join(work, name));
  for (const name of ["LICENSE", "README.md", "package.json"]) await Deno.chmod(join(work, name), 0o644);
  await settle(join(work, "dist"), source.epoch);
  const printed = await read("npm", ["pack", "--json", "--ignore-scripts", `--pack-destination=${folder}`], {
    cwd: work,
  });
  const [{ filename }] = JSON.parse(printed);
  return join(folder, filename);
}

/** What TypeScript compiles for Node 20 with. */
export const OPTIONS = {
  target: "ES2022",
  lib: ["ES2023", "ES2024.String", "ESNext.Disposable"],
  module: "NodeNext",
  rewriteRelativeImportExtensions: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  rootDir: ".",
  outDir: "dist",
};

function manifest(source: Source): unknown {
  const versions = [...PACKAGES, SHIM].map((name) => [name, IMPORTS[name]!.slice(`npm:${name}@`.length)]);
  return {
    name: PACKAGE,
    version: source.version,
    description: SUMMARY,
    license: "Apache-2.0",
    keywords: ["matrix", "synapse", "postgresql", "state_groups_state"],
    repository: { type: "git", url: `git+https://github.com/${source.repository}.git` },
    type: "module",
    engines: { node: ">=20" },
    exports: {
      ".": { types: "./dist/src/mod.d.ts", default: "./dist/src/mod.js" },
      "./package.json": "./package.json",
    },
    bin: {
      [PACKAGE]: `dist/${NODE}/main.js`,
      [PROGRAM]: `dist/${NODE}/main.js`,
      [AUTO_PROGRAM]: `dist/${NODE}/auto.js`,
    },
    files: ["dist"],
    dependencies: Object.fromEntries(versions),
  };
}
