import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { complete, findCandidates } from "../../../src/cli/guide/complete.ts";
import { testDatabase } from "../../support/database.ts";

const PROGRAM = "synapse_compress_state";

/** The values that are offered after `words`, of which the last is being typed. */
async function offered(...words: string[]): Promise<string[] | "files"> {
  const rooms = (prefix: string, postgres: string | undefined) =>
    Promise.resolve([{ value: `${prefix}room@${postgres ?? "env"}` }]);
  const found = await findCandidates([PROGRAM, ...words.slice(0, -1)], words.at(-1)!, rooms);
  return found === "files" ? found : found.map(({ value }) => value);
}

Deno.test("findCandidates() offers commands first, and what follows help and completions", async () => {
  deepStrictEqual(await offered("ro"), ["rooms"]);
  ok((await offered("")).includes("completions"));
  deepStrictEqual(await offered("help", "re"), ["report", "reclaim", "reads"]);
  deepStrictEqual(await offered("help", "auto", ""), []);
  deepStrictEqual(await offered("completions", ""), ["bash", "zsh", "fish", "powershell"]);
});

Deno.test("findCandidates() offers each command's flags, and none that is given and may not be again", async () => {
  deepStrictEqual(await offered("auto", "--ma"), ["--max-hops", "--max-time"]);
  deepStrictEqual(await offered("--no-g"), ["--no-guards"]);
  deepStrictEqual(await offered("auto", "--exact", "--ex"), []);
  deepStrictEqual(await offered("run", "--config", "x", "--conf"), ["--config"]);
  ok((await offered("rooms", "-")).includes("-p"));
  ok((await offered("rooms", "")).includes("--limit"));
});

Deno.test("findCandidates() offers values: choices, files, rooms; attached ones too", async () => {
  deepStrictEqual(await offered("--strategy", "l"), ["levels"]);
  deepStrictEqual(await offered("--strategy=l"), ["--strategy=levels"]);
  strictEqual(await offered("-o", "x"), "files");
  strictEqual(await offered("graph", "--graph-dir", ""), "files");
  deepStrictEqual(await offered("-n", "1"), []);
  deepStrictEqual(await offered("-r", "!a"), ["!aroom@env"]);
  deepStrictEqual(await offered("doctor", "-p", "url", "--room", "!a"), ["!aroom@url"]);
  deepStrictEqual(await offered("-r!a"), ["-r!aroom@env"]);
});

Deno.test("findCandidates() knows the program by the name of the Rust tool's other half", async () => {
  const found = await findCandidates(["/usr/bin/synapse_auto_compressor"], "--chunk", () => Promise.resolve([]));
  deepStrictEqual(found === "files" || found.map(({ value }) => value), ["--chunk-size", "--chunks"]);
});

Deno.test("complete() reads rooms of the database that the environment names, and is silent where it cannot", async () => {
  await using db = await testDatabase();
  await db.sql`INSERT INTO state_groups VALUES (1, '!ab:x', ''), (2, ${"!abc\x1b[31m:x"}, ''), (3, '!b:x', '')`;
  const url = new URL(db.url);
  const environment = {
    PGHOST: url.hostname,
    PGPORT: url.port,
    PGUSER: url.username,
    PGPASSWORD: url.password,
    PGDATABASE: db.name,
  };
  strictEqual(await complete(["fish", PROGRAM, "-r", "'!a"], environment), "!ab:x\t\n");
  strictEqual(await complete(["bash", `${PROGRAM} -r `, ""], environment), "'!ab:x'\n'!b:x'\n");
  strictEqual(await complete(["bash", `${PROGRAM} -p ${db.url} -r `, ""], {}), "'!ab:x'\n'!b:x'\n");
  for (const broken of [{}, { ...environment, PGPORT: "1" }, { ...environment, PGPORT: "x" }]) {
    strictEqual(await complete(["bash", `${PROGRAM} -r `, ""], broken), "");
  }
});
