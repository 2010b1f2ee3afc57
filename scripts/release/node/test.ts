/**
 * Deno.test by node:test, and what else the tests use that Node 20 lacks (the library may not use it: see npm.ts), so that they run on
 * Node as they stand. Loaded before them (`node --import`).
 */
import "./deno.ts";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import process from "node:process";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";

interface Definition {
  readonly name: string;
  readonly ignore?: boolean;
  fn(context: { step: (name: string, fn: () => unknown) => Promise<void> }): unknown;
}

function define(first: string | Definition, second?: Definition["fn"]): void {
  const { name, ignore = false, fn }: Definition = typeof first === "string" ? { name: first, fn: second! } : first;
  test(name, { skip: ignore }, async (context: TestContext) => {
    await fn({ step: (name, fn) => context.test(name, async () => void await fn()) });
  });
}

/** Runs a program to its end. */
class Command {
  readonly #run: () => { status: number | null; stdout: Uint8Array; stderr: Uint8Array };

  constructor(command: string, { args = [], cwd }: { args?: string[]; cwd?: string } = {}) {
    this.#run = () => spawnSync(command, args, cwd === undefined ? {} : { cwd });
  }

  output() {
    const { status, stdout, stderr } = this.#run();
    return Promise.resolve({ code: status ?? 1, success: status === 0, stdout, stderr });
  }
}

Object.assign(Deno, {
  test: define,
  Command,
  inspect,
  uid: () => process.getuid?.() ?? null,
  open: (path: string) => Promise.resolve({ readable: Readable.toWeb(createReadStream(path)) }),
});

/** Adds what a prototype lacks. */
function lend(prototype: object, name: string, value: (this: never) => unknown): void {
  if (!(name in prototype)) Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
}

lend(Uint8Array.prototype, "toHex", function (this: Uint8Array) {
  return Buffer.from(this).toString("hex");
});
lend(Object.getPrototypeOf(Object.getPrototypeOf([].values())), "toArray", function (this: Iterable<unknown>) {
  return [...this];
});
