import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { collectHelps, COMMANDS, formatReference } from "../../scripts/usage.ts";

Deno.test("formatReference() gives each text a section", () => {
  const page = formatReference(new Map([["a", "Usage: a\n"], ["a auto", "Usage: b\n"]]));
  strictEqual(
    page.slice(page.indexOf("## ")),
    "## a\n\n```text\nUsage: a\n```\n\n## a auto\n\n```text\nUsage: b\n```\n",
  );
});

Deno.test("COMMANDS names every command that the program has", () => {
  const files = [...Deno.readDirSync(new URL("../../src/cli/commands", import.meta.url))].map(({ name }) => name);
  const commands = COMMANDS.map((name) => `${name === "" ? "room" : name}.ts`);
  deepStrictEqual(commands.toSorted(), files.sort());
});

Deno.test("collectHelps() has the program, one room, every command, and the topics", () => {
  const helps = collectHelps();
  match(helps.get("synapse_compress_state -r ROOM")!, /--commit/);
  match(helps.get("help disk")!, /VACUUM FULL/);
  strictEqual(
    [...helps.keys()].filter((title) => title.startsWith("synapse_compress_state")).length,
    COMMANDS.length + 1,
  );
});
