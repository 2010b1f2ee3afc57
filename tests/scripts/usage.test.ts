import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { PARAMETERS } from "../../src/db/target/parameters.ts";
import { collectHelps, COMMANDS, formatParameters, formatReference } from "../../scripts/usage.ts";

Deno.test("formatReference() gives each text a section", () => {
  const page = formatReference(new Map([["a", "Usage: a\n"], ["a auto", "Usage: b\n"]]));
  strictEqual(
    page.slice(page.indexOf("## "), page.indexOf("\n## Naming the database")),
    "## a\n\n```text\nUsage: a\n```\n\n## a auto\n\n```text\nUsage: b\n```\n",
  );
});

Deno.test("COMMANDS names every command that the program has", () => {
  const files = [...Deno.readDirSync(new URL("../../src/cli/commands", import.meta.url))].map(({ name }) => name);
  const commands = COMMANDS.map((name) => `${name === "" ? "room" : name}.ts`);
  deepStrictEqual(commands.toSorted(), files.sort());
});

Deno.test("formatParameters() gives each connection parameter a row, with a reason where it is not as libpq has it", () => {
  const rows = formatParameters(PARAMETERS).split("\n").slice(2).map((row) =>
    row.split("|").map((cell) => cell.trim())
  );
  deepStrictEqual(rows.map((row) => row[1]), PARAMETERS.map(({ name }) => `\`${name}\``));
  deepStrictEqual(rows.filter((row) => row[3] !== "as libpq" && row[4] === ""), []);
  deepStrictEqual(rows.find((row) => row[1] === "`sslmode`"), ["", "`sslmode`", "`PGSSLMODE`", "as libpq", "", ""]);
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
