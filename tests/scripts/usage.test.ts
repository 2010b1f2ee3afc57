import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { COMMANDS, formatReference } from "../../scripts/usage.ts";

Deno.test("formatReference() gives each command a section with its help", () => {
  const page = formatReference(new Map([["", "Usage: a\n"], ["auto", "Usage: b\n"]]));
  strictEqual(
    page.slice(page.indexOf("## ")),
    "## synapse_compress_state\n\n```text\nUsage: a\n```\n\n## synapse_compress_state auto\n\n```text\nUsage: b\n```\n",
  );
});

Deno.test("COMMANDS names every command that the program has", () => {
  const files = [...Deno.readDirSync(new URL("../../src/cli/commands", import.meta.url))].map(({ name }) => name);
  const commands = COMMANDS.map((name) => `${name === "" ? "room" : name}.ts`);
  deepStrictEqual(commands.toSorted(), files.sort());
});
