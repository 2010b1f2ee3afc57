import { match, ok, strictEqual } from "node:assert/strict";
import { formatManual } from "../../../src/cli/guide/man.ts";
import { GROUPS, spell } from "../../../src/cli/guide/commands.ts";
import { TOPICS } from "../../../src/cli/guide/topics.ts";

Deno.test("formatManual() has every flag of every command, every topic, and no line that troff takes for a request", () => {
  const page = formatManual();
  for (const command of GROUPS.flatMap(({ commands }) => commands)) {
    for (const { long } of spell(command)) ok(page.includes(`\\fB${long.replaceAll("-", "\\-")}\\fR`), long);
  }
  for (const name of TOPICS.keys()) {
    match(page, name === "exit-codes" ? /^\.SH EXIT STATUS/m : new RegExp(`^\\.SH ${name.toUpperCase()}`, "m"));
  }
  const requests = new Set([...page.matchAll(/^\.(\w+)/gm)].map(([, request]) => request));
  strictEqual([...requests].sort().join(), "B,PP,SH,SS,TH,TP,br,fi,nf");
});

const hasMan = await new Deno.Command("sh", { args: ["-c", "command -v groff || command -v man"], stdout: "null" })
  .output()
  .then(({ success }) => success, () => false);
if (!hasMan) console.log("man is not here: whether it takes the page without a warning is not tried");

Deno.test({
  name: "man prints the page without a warning, flags and examples as they are typed",
  ignore: !hasMan,
  async fn() {
    const child = new Deno.Command("man", {
      args: ["-l", "--warnings=w", "-"],
      env: { MANWIDTH: "100", LC_ALL: "C.UTF-8", MANROFFOPT: "-c", MAN_KEEP_FORMATTING: "" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(formatManual()));
    await writer.close();
    const { stdout, stderr } = await child.output();
    strictEqual(new TextDecoder().decode(stderr), "");
    const shown = new TextDecoder().decode(stdout);
    match(shown, /^ +synapse_compress_state -p postgresql:\/\/\/synapse -r '!id:server' -c$/m);
    match(shown, /-p, --postgres DATABASE/);
    match(shown, /^ +~\/\.pgpass|~\/\.pgpass/m);
  },
});
