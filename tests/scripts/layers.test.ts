import { deepStrictEqual, strictEqual } from "node:assert/strict";
import plugin, { importFault, layerPath, LAYERS } from "../../scripts/layers.ts";

function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map(({ id, message }) => `${id}: ${message}`);
}

Deno.test("layers/order allows an import from above", () => {
  deepStrictEqual(lint("src/core/states.ts", `import { Interner } from "./interner.ts";`), []);
  deepStrictEqual(lint("src/format/sql.ts", `import type { Plan } from "../core/plan.ts";`), []);
  deepStrictEqual(lint("main.ts", `import { run } from "./src/cli/run.ts";`), []);
});

Deno.test("layers/order refuses an import from below, whatever form it has", () => {
  const message = "layers/order: src/core/states.ts is not above src/core/interner.ts in LAYERS of scripts/layers.ts";
  for (
    const source of [
      `import { StateStore } from "./states.ts";`,
      `import type { StateStore } from "./states.ts";`,
      `export { StateStore } from "./states.ts";`,
      `export * from "./states.ts";`,
      `const states = await import("./states.ts");`,
    ]
  ) deepStrictEqual(lint("src/core/interner.ts", source), [message]);
});

Deno.test("layers/order refuses a file that imports itself", () => {
  strictEqual(lint("src/errors.ts", `import "./errors.ts";`).length, 1);
});

Deno.test("layers/order refuses a file that is not listed, on either side of an import", () => {
  deepStrictEqual(lint("src/core/other.ts", `export const x = 1;`), [
    "layers/order: src/core/other.ts is not listed in LAYERS of scripts/layers.ts: say where it belongs",
  ]);
  deepStrictEqual(lint("src/mod.ts", `export * from "./core/other.ts";`), [
    "layers/order: src/core/other.ts is not listed in LAYERS of scripts/layers.ts",
  ]);
});

Deno.test("layers/order keeps the driver under db/", () => {
  deepStrictEqual(lint("src/db/connect.ts", `import postgres from "postgres";`), []);
  for (const driver of ["postgres", "npm:postgres", "npm:postgres@3.4.9"]) {
    deepStrictEqual(lint("src/jobs/room.ts", `import postgres from "${driver}";`), [
      "layers/order: the PostgreSQL driver is imported only under src/db/",
    ]);
  }
});

Deno.test("layers/edge keeps Deno, process and console at the edge", () => {
  deepStrictEqual(lint("src/cli/run.ts", `console.log(Deno.args, process.pid);`), []);
  deepStrictEqual(lint("src/core/levels.ts", `console.log(Deno.args);\nprocess.exit(1);`), [
    "layers/edge: console is used only in src/cli/ and main.ts",
    "layers/edge: Deno is used only in src/cli/ and main.ts",
    "layers/edge: process is used only in src/cli/ and main.ts",
  ]);
  deepStrictEqual(lint("src/core/levels.ts", `const a = { d: Deno };`).length, 1);
  strictEqual(
    importFault("src/core/levels.ts", "node:process"),
    `"node:process" is imported only in src/cli/ and main.ts`,
  );
});

Deno.test("layers/edge leaves names alone that are not the globals", () => {
  deepStrictEqual(
    lint("src/core/levels.ts", `export const x = { process: 1 };\nx.process;\ninterface A { console: 1 }`),
    [],
  );
});

Deno.test("layers leaves files outside src/ alone", () => {
  deepStrictEqual(lint("tests/core/levels.test.ts", `import "postgres"; console.log(Deno.args);`), []);
  deepStrictEqual(lint("scripts/main.ts", `console.log(1);`), []);
});

Deno.test("layerPath() reads the absolute paths of every system", () => {
  strictEqual(layerPath("/home/a/scs/src/core/levels.ts"), "src/core/levels.ts");
  strictEqual(layerPath("/home/src/scs/src/core/levels.ts"), "src/core/levels.ts");
  strictEqual(layerPath("C:\\scs\\src\\mod.ts"), "src/mod.ts");
  strictEqual(layerPath("/home/a/scs/main.ts"), "main.ts");
  strictEqual(layerPath("/home/a/scs/scripts/postgres.ts"), undefined);
});

Deno.test("LAYERS names no file twice", () => {
  strictEqual(new Set(LAYERS).size, LAYERS.length);
});
