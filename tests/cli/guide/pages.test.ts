import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { formatHelp, formatProgram } from "../../../src/cli/guide/pages.ts";
import { TOPICS } from "../../../src/cli/guide/topics.ts";
import { collectHelps } from "../../../scripts/usage.ts";
import { runProgram } from "../../support/cli.ts";

Deno.test("formatProgram() is one screen: 24 lines of a terminal, 80 columns wide", () => {
  const lines = formatProgram().trimEnd().split("\n");
  ok(lines.length <= 24, String(lines.length));
  match(lines[0]!, /^Usage: synapse_compress_state \[COMMAND\]/);
});

Deno.test("every help text fits 80 columns; a topic is one screen, and so are most commands", () => {
  const longest: string[] = [];
  for (const [title, text] of collectHelps()) {
    const lines = text.trimEnd().split("\n");
    for (const line of lines) ok(line.length <= 80, `${title}: ${line}`);
    if (title.startsWith("help ")) ok(lines.length <= 24, `${title}: ${lines.length}`);
    else if (lines.length > 42) longest.push(title);
    ok(text.endsWith("\n"));
  }
  deepStrictEqual(longest, ["synapse_compress_state -r ROOM"]);
});

Deno.test("formatHelp() explains commands, the default one, and topics", () => {
  match(formatHelp(["auto"]), /^Usage: synapse_compress_state auto /);
  match(formatHelp(["room"]), /^Usage: synapse_compress_state -p DATABASE -r ROOM/);
  strictEqual(formatHelp(["levels"]), TOPICS.get("levels")!.text);
  strictEqual(formatHelp([]), formatProgram());
});

Deno.test("formatHelp() names what was probably meant, or the topics", () => {
  throws(() => formatHelp(["levles"]), {
    name: "UsageError",
    hint: "Did you mean synapse_compress_state help levels?",
  });
  throws(() => formatHelp(["reclam"]), { hint: "Did you mean synapse_compress_state help reclaim?" });
  throws(() => formatHelp(["zzzzzz"]), { hint: /topics: reads, safety, disk, levels, connecting, exit-codes\.$/ });
  throws(() => formatHelp(["auto", "run"]), {
    message: 'Cannot explain "auto run": there is no such command or topic',
  });
  throws(() => formatHelp(["constructor"]), { name: "UsageError" });
});

Deno.test("help exit-codes names every kind of failure", async () => {
  const { text } = TOPICS.get("exit-codes")!;
  const source = await Deno.readTextFile(new URL("../../../src/errors.ts", import.meta.url));
  const kinds = [...source.matchAll(/export class (\w+)Error/g)].map(([, name]) => name!.toLowerCase())
    .map((name) => name === "compressor" ? "failed" : name);
  ok(kinds.length > 8);
  for (const kind of [...kinds, "internal"]) match(text, new RegExp(`\\b${kind}\\b`), kind);
});

Deno.test("the program says what was probably meant by a misspelt command or flag, and never repeats another word", async () => {
  for (
    const [args, hint] of [
      [["atuo", "-p", "x"], /^hint: Did you mean synapse_compress_state auto\?/m],
      [["repot"], /Did you mean synapse_compress_state report\?/],
      [["auto", "-p", "x", "--wokers", "2"], /Did you mean --workers\?/],
      [["postgresql://u:kept-secret@h/d"], /a word that belongs to no option/],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(args);
    deepStrictEqual([code, stdout], [2, ""], stderr);
    match(stderr, hint);
    strictEqual(stderr.includes("kept-secret"), false);
  }
});
