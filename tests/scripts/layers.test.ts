import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import plugin, { findCircle, importFault, layerPath, rankOf, RANKS } from "../../scripts/layers.ts";

const ROOT = new URL("../../", import.meta.url);

function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map(({ id, message }) => `${id}: ${message}`);
}

/** Every source file by its path from the root. */
function readSources(folder = "src/", sources = new Map<string, string>()): Map<string, string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) readSources(`${folder}${name}/`, sources);
    else sources.set(folder + name, Deno.readTextFileSync(new URL(folder + name, ROOT)));
  }
  return sources;
}

Deno.test("layers/order allows an import from a lower rank and from the same folder", () => {
  deepStrictEqual(lint("src/core/forest/states.ts", `import { Interner } from "./interner.ts";`), []);
  deepStrictEqual(lint("src/format/sql/sql.ts", `import type { Plan } from "../../core/plan/plan.ts";`), []);
  deepStrictEqual(lint("main.ts", `import { main } from "./src/cli/main.ts";`), []);
});

Deno.test("layers/order refuses an import from a higher rank, whatever form it has", () => {
  const message = "layers/order: src/core/plan/plan.ts is of higher rank than src/core/forest/forest.ts " +
    "(RANKS in scripts/layers.ts)";
  for (
    const source of [
      `import { Plan } from "../plan/plan.ts";`,
      `import type { Plan } from "../plan/plan.ts";`,
      `export { Plan } from "../plan/plan.ts";`,
      `export * from "../plan/plan.ts";`,
      `const plan = await import("../plan/plan.ts");`,
    ]
  ) deepStrictEqual(lint("src/core/forest/forest.ts", source), [message]);
});

Deno.test("layers/order refuses a file that imports itself", () => {
  strictEqual(lint("src/errors.ts", `import "./errors.ts";`).length, 1);
});

Deno.test("layers/order refuses a folder without a rank, on either side of an import", () => {
  deepStrictEqual(lint("src/core/other/x.ts", `export const x = 1;`), [
    "layers/order: src/core/other/x.ts is in no folder of RANKS in scripts/layers.ts",
  ]);
  deepStrictEqual(lint("src/mod.ts", `export * from "./core/other/x.ts";`), [
    "layers/order: src/core/other/x.ts is in no folder of RANKS in scripts/layers.ts",
  ]);
});

Deno.test("findCircle() finds a circle within a folder, and none in src/", () => {
  const circle = new Map([
    ["src/jobs/a.ts", `import { b } from "./b.ts";`],
    ["src/jobs/b.ts", `export * from "./c.ts";`],
    ["src/jobs/c.ts", `import type { A } from "./a.ts";`],
  ]);
  deepStrictEqual(findCircle(circle), ["src/jobs/a.ts", "src/jobs/b.ts", "src/jobs/c.ts", "src/jobs/a.ts"]);
  const sources = readSources();
  ok(sources.size > 50);
  strictEqual(findCircle(sources), undefined);
  for (const file of sources.keys()) ok(rankOf(file) !== -1, file);
});

Deno.test("layers/order keeps the driver under db/session/", () => {
  deepStrictEqual(lint("src/db/session/connect.ts", `import postgres from "postgres";`), []);
  for (const driver of ["postgres", "npm:postgres", "npm:postgres@3.4.9"]) {
    deepStrictEqual(lint("src/jobs/room.ts", `import postgres from "${driver}";`), [
      "layers/order: the PostgreSQL driver is imported only under src/db/session/",
    ]);
  }
});

Deno.test("layers/edge keeps Deno, process and console at the edge", () => {
  deepStrictEqual(lint("src/cli/main.ts", `console.log(Deno.args, process.pid);`), []);
  deepStrictEqual(lint("src/core/plan/levels.ts", `console.log(Deno.args);\nprocess.exit(1);`), [
    "layers/edge: console is used only in src/cli/ and main.ts",
    "layers/edge: Deno is used only in src/cli/ and main.ts",
    "layers/edge: process is used only in src/cli/ and main.ts",
  ]);
  deepStrictEqual(lint("src/core/plan/levels.ts", `const a = { d: Deno };`).length, 1);
  strictEqual(
    importFault("src/core/plan/levels.ts", "node:process"),
    `"node:process" is imported only in src/cli/ and main.ts`,
  );
});

Deno.test("layers/edge leaves names alone that are not the globals", () => {
  deepStrictEqual(
    lint("src/core/plan/levels.ts", `export const x = { process: 1 };\nx.process;\ninterface A { console: 1 }`),
    [],
  );
});

Deno.test("layers leaves files outside src/ alone", () => {
  deepStrictEqual(lint("tests/core/levels.test.ts", `import "postgres"; console.log(Deno.args);`), []);
  deepStrictEqual(lint("scripts/main.ts", `console.log(1);`), []);
});

Deno.test("layerPath() reads the absolute paths of every system", () => {
  strictEqual(layerPath("/home/a/scs/src/core/plan/levels.ts"), "src/core/plan/levels.ts");
  strictEqual(layerPath("/home/src/scs/src/core/plan/levels.ts"), "src/core/plan/levels.ts");
  strictEqual(layerPath("C:\\scs\\src\\mod.ts"), "src/mod.ts");
  strictEqual(layerPath("/home/a/scs/main.ts"), "main.ts");
  strictEqual(layerPath("/home/a/scs/scripts/postgres.ts"), undefined);
});

Deno.test("RANKS names nothing twice", () => {
  strictEqual(new Set(RANKS).size, RANKS.length);
});
