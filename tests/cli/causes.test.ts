import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { readReason, systemReason, toOutputError } from "../../src/cli/causes.ts";
import { OutputError } from "../../src/errors.ts";
import { workFolder } from "../support/cli.ts";

async function thrown(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

Deno.test("toOutputError() says in words why the system refused a file, with a hint and its code", async () => {
  await using folder = await workFolder();
  const open = (path: string) => thrown(() => Deno.open(`${folder.path}/${path}`, { write: true, createNew: true }));
  const missing = toOutputError("a.sql", await open("no/a.sql"));
  deepStrictEqual([missing.message, missing.code], ['Cannot write "a.sql": its folder does not exist', "ENOENT"]);
  match(missing.hint!, /mkdir -p/);
  await Deno.writeTextFile(`${folder.path}/file`, "");
  strictEqual(toOutputError("x", await open("file/a.sql")).message, 'Cannot write "x": its folder is not a folder');
  const long = toOutputError("x", await open("n".repeat(300)));
  strictEqual(long.message, 'Cannot write "x": its name is too long');
});

Deno.test("toOutputError() knows errors that have only the system's number, and keeps one that is typed", () => {
  const full = toOutputError("standard output", new Error("No space left on device (os error 28)"));
  strictEqual(full.message, "Cannot write standard output: the disk is full");
  match(full.hint!, /disk with free space/);
  const typed = new OutputError("already said");
  strictEqual(toOutputError("x", typed), typed);
  strictEqual(toOutputError("x", new Error("odd")).message, 'Cannot write "x": odd');
});

Deno.test("systemReason() is undefined for what is none of the system's errors", async () => {
  strictEqual(systemReason(new TypeError("our bug")), undefined);
  strictEqual(systemReason(await thrown(() => Deno.readTextFile("/nowhere/x"))), "its folder does not exist");
  strictEqual(readReason(await thrown(() => Deno.readTextFile("/nowhere/x"))), "there is no such file");
});
