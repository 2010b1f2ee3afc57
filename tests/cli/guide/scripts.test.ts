/** The completions in the shells themselves, on a pseudo-terminal: keys go in, and what the shell then runs comes out. */

import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { formatScript, SHELLS } from "../../../src/cli/guide/scripts.ts";
import { commandLine, workFolder } from "../../support/cli.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

/** Ids are chosen by whoever makes a room: this one would run a command wherever a shell expands it. */
const EVIL = "!evil$(touch PWNED)`touch PWNED`:x";

async function has(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** How each shell is started without anybody's settings, and where its completions are read from. */
const STARTS: Readonly<Record<string, string>> = {
  bash: "bash --noprofile --rcfile setup -i",
  zsh: "ZDOTDIR=. zsh -d -i",
  fish: "fish --no-config --private -C 'source setup'",
};
const SETUPS: Readonly<Record<string, string>> = {
  bash: "source completions\n",
  zsh: "autoload -Uz compinit; compinit -u -D; source ./completions\n",
  fish: "source completions\n",
};

/** Types lines in an interactive shell, in `folder`; returns what the program was run with by each. */
async function type(shell: string, lines: readonly string[], folder: string, db: TestDatabase): Promise<string[][]> {
  const url = new URL(db.url);
  // Asked to complete it is the program itself; else it tells what it was called with, and that is what the shell made of the keys.
  await Deno.writeTextFile(
    `${folder}/synapse_compress_state`,
    `#!/bin/sh
if [ "$1" = complete ]; then exec ${commandLine().map((word) => `'${word}'`).join(" ")} "$@"; fi
for word; do printf '%s\\n' "$word"; done >> ran
echo ---- >> ran
`,
    { mode: 0o755 },
  );
  await Deno.writeTextFile(`${folder}/completions`, formatScript([shell]));
  await Deno.writeTextFile(`${folder}/${shell === "zsh" ? ".zshrc" : "setup"}`, SETUPS[shell]!);
  const child = new Deno.Command("script", {
    args: ["-qfec", STARTS[shell]!, "/dev/null"],
    cwd: folder,
    env: {
      PATH: `${folder}:${Deno.env.get("PATH")}`,
      HOME: folder,
      TERM: "xterm",
      LC_ALL: "C.UTF-8",
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: url.username,
      PGPASSWORD: url.password,
      PGDATABASE: db.name,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode(lines.map((line) => `synapse_compress_state ${line}\n`).join("") + "exit\n"),
  );
  const { stdout } = await child.output().finally(() => writer.close().catch(() => {}));
  const ran = await Deno.readTextFile(`${folder}/ran`).catch(() => {
    throw new Error(`The program was not run: ${JSON.stringify(new TextDecoder().decode(stdout))}`);
  });
  return ran.split("----\n").slice(0, -1).map((words) => words.trimEnd().split("\n"));
}

const hasScript = await has("script");
for (const shell of ["bash", "zsh", "fish"]) {
  const isHere = hasScript && await has(shell);
  if (!isHere) console.log(`${hasScript ? shell : "script(1)"} is not here: completions in ${shell} are not tried`);
  Deno.test({
    name: `${shell} completes commands, flags, values, files and rooms, and runs nothing that a room's id says`,
    ignore: !isHere,
    async fn() {
      await using db = await testDatabase();
      await db.sql`INSERT INTO state_groups VALUES (1, '!abcd:home.org', ''), (2, ${EVIL}, ''), (3, '!xy:z', '')`;
      await using folder = await workFolder();
      await Deno.writeTextFile(`${folder.path}/homeserver.yaml`, "");
      const lines = [
        "rep\t--no-v\t",
        "run --config homes\t",
        "--strategy l\t-r '!ab\t",
        "-r '!ev\t-c",
        "-r \\!xy\t",
      ];
      deepStrictEqual(await type(shell, lines, folder.path, db), [
        ["report", "--no-verify"],
        ["run", "--config", "homeserver.yaml"],
        ["--strategy", "levels", "-r", "!abcd:home.org"],
        ["-r", EVIL, "-c"],
        ["-r", "!xy:z"],
      ]);
      const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
      strictEqual(left.includes("PWNED"), false, left.join());
    },
  });
}

Deno.test("formatScript() has a script for each shell, which asks the program and expands nothing", () => {
  deepStrictEqual(SHELLS, ["bash", "zsh", "fish", "powershell"]);
  for (const shell of SHELLS) {
    const script = formatScript([shell]);
    match(script, new RegExp(`complete ${shell} `));
    match(script, /synapse_auto_compressor/);
    // `compgen -W` expands what it is given, commands in it too.
    ok(!/compgen|\beval\b/.test(script), shell);
  }
  throws(() => formatScript([]), { message: "Cannot print completions: no shell is named" });
  throws(() => formatScript(["fsh"]), { hint: "Did you mean fish? Give one of bash, zsh, fish, powershell." });
  throws(() => formatScript(["toString"]), { name: "UsageError" });
});
