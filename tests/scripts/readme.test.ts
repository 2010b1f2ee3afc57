import { deepStrictEqual, fail, ok, strictEqual } from "node:assert/strict";
import { fillStats } from "../support/stats.ts";
import { fillExamples, runExample } from "../../scripts/examples.ts";
import { runProgram, workFolder } from "../support/cli.ts";
import { biggestRoom, type TestDatabase, testDatabase, testRole } from "../support/database.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

Deno.test("README.md is short, and has the two commands word for word", () => {
  ok(README.split("\n").length <= 251, "at most 250 lines");
  ok(README.includes("\nDENO_TLS_CA_STORE=system npx -y deno@2.7.11 task demo\n"));
  ok(README.includes("\nDENO_TLS_CA_STORE=system npx -y deno@2.7.11 task test\n"));
});

Deno.test("README.md's links lead to files that are there", async () => {
  for (const [, path] of README.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
    ok((await Deno.stat(new URL(`../../${path}`, import.meta.url))).isFile, path);
  }
});

Deno.test("README.md's examples show what the program prints (or run scripts/examples.ts)", async () => {
  await using db = await testDatabase({ fixture: true });
  const filled = await fillExamples(README, (args) => runExample(args, db.url));
  // How long it took and how much memory that needed is another matter each time.
  const mask = (text: string) => text.replace(/^Time: .*$/gm, (line) => line.replace(/\d+(\.\d+)?/g, "N"));
  strictEqual(mask(README), mask(filled));
});

/** The statements of README.md's privileges, by the commands in the comment above them. */
function readGrants(): { commands: string; statements: string[] }[] {
  const block = /```sql\n([^]*?)```/.exec(README.slice(README.indexOf("## Which privileges")))![1]!;
  return block.split(/^-- /m).slice(1).map((part) => {
    const [commands, ...lines] = part.split("\n");
    return { commands: commands!, statements: lines.map((line) => line.replace(/ *--.*/, "")).filter(Boolean) };
  });
}

/** What a command is granted, as README.md's comments name it. */
function grantsFor(command: string): string[] {
  return readGrants().filter(({ commands }) =>
    commands.split(":")[0]!.split(", ").some((name) => name === "all commands" || name === command)
  ).flatMap(({ statements }) => statements);
}

async function grant(db: TestDatabase, role: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.sql.unsafe(statement.replace(/\bcompressor\b/, role));
}

/** Each command with the names under which README.md grants it privileges. */
const COMMANDS: Readonly<Record<string, (room: string, folder: string) => { args: string[]; names: string[] }>> = {
  room: (room) => ({ args: ["-r", room], names: ["room"] }),
  "room -c": (room) => ({ args: ["-r", room, "-c"], names: ["room -c"] }),
  auto: () => ({ args: ["auto"], names: ["auto"] }),
  "room -c --vacuum": (room) => ({ args: ["-r", room, "-c", "--vacuum"], names: ["room -c", "room -c --vacuum"] }),
  run: (_, folder) => ({ args: ["run", "--once", "--config", `${folder}/settings.yaml`], names: ["run"] }),
  rooms: () => ({ args: ["rooms"], names: ["rooms"] }),
  doctor: () => ({ args: ["doctor"], names: ["doctor"] }),
  "doctor --fix": () => ({ args: ["doctor", "--fix"], names: ["doctor", "doctor --fix"] }),
  prune: () => ({ args: ["prune"], names: ["prune"] }),
  "prune -c": () => ({ args: ["prune", "-c", "--min-age", "1s"], names: ["prune", "prune -c"] }),
  reclaim: () => ({ args: ["reclaim"], names: ["reclaim"] }),
  "reclaim -c": () => ({ args: ["reclaim", "-c"], names: ["reclaim -c"] }),
  graph: (room, folder) => ({ args: ["graph", "-r", room, "--graph-dir", folder], names: ["graph"] }),
  "report of a server": (_, folder) => ({ args: ["report", "-o", `${folder}/report.html`], names: ["report"] }),
  report: (room, folder) => ({ args: ["report", "-r", room, "-o", `${folder}/report.html`], names: ["report"] }),
};

/** Runs a command as a role that has what README.md grants it, less what `revoke` takes back. */
async function runGranted(name: string, revoke?: string): Promise<{ code: number; stderr: string }> {
  await using db = await testDatabase({ fixture: true, events: true });
  await using role = await testRole(db);
  await fillStats(db.sql);
  await using folder = await workFolder();
  await Deno.writeTextFile(`${folder.path}/settings.yaml`, "state_compressor:\n  enabled: true\n");
  // A database of before PostgreSQL 15 lets everybody make tables.
  await db.sql.unsafe("REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC").simple();
  const { args, names } = COMMANDS[name]!(await biggestRoom(db), folder.path);
  await grant(db, role.name, names.flatMap(grantsFor));
  if (revoke !== undefined) await db.sql.unsafe(`REVOKE ${revoke} FROM ${role.name}`);
  const { code, stdout, stderr } = await runProgram([...args, "-p", role.url]);
  // A summary says on standard output what it could not find out.
  return { code, stderr: args[0] === "report" ? stdout + stderr : stderr };
}

const [server] = await (async () => {
  await using db = await testDatabase();
  return await db.sql`SELECT current_setting('server_version_num')::int AS version`;
})();
// MAINTAIN is of PostgreSQL 17; before, only the owner may.
const hasMaintain = server!["version"] >= 170_000;

/** What a program says of a privilege that it lacks, where it can do without. */
const COMPLAINT = /.*(warning:|privilege|permission|not known).*/g;

for (const name of Object.keys(COMMANDS)) {
  Deno.test({
    name: `README.md's privileges suffice for ${name}`,
    ignore: !hasMaintain && /reclaim -c|--vacuum/.test(name),
    async fn() {
      const { code, stderr } = await runGranted(name);
      strictEqual(code, 0, stderr);
      deepStrictEqual(stderr.match(COMPLAINT), null, stderr);
    },
  });
}

for (const { commands, statements } of readGrants()) {
  for (const [, privileges, tables] of statements.map((statement) => /GRANT (.*) ON (.*) TO/.exec(statement)!)) {
    if (privileges === "MAINTAIN" && !hasMaintain) continue;
    const needed = privileges!.split(", ").flatMap((one) => tables!.split(", ").map((table) => `${one} ON ${table}`));
    for (const privilege of needed) {
      Deno.test(`README.md grants no more than is needed: ${privilege}`, async () => {
        const wanted = commands.split(":")[0]!.split(", ");
        for (const [name, command] of Object.entries(COMMANDS).reverse()) {
          if (wanted[0] !== "all commands" && !command("", "").names.some((own) => wanted.includes(own))) continue;
          const { code, stderr } = await runGranted(name, privilege);
          if (code !== 0 || stderr.match(COMPLAINT)) return;
        }
        fail("every command does without");
      });
    }
  }
}

Deno.test("README.md's privileges suffice for auto and run where their tables are there already", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await testRole(db);
  await using folder = await workFolder();
  const config = `${folder.path}/settings.yaml`;
  await Deno.writeTextFile(config, "state_compressor:\n  enabled: true\n");
  await db.sql.unsafe("REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC").simple();
  strictEqual((await runProgram(["run", "--once", "--config", config, "-p", db.url])).code, 0);
  await grant(db, role.name, grantsFor("auto").filter((statement) => !statement.includes("CREATE")));
  const [privileges] = /`SELECT, INSERT, UPDATE, DELETE`/.exec(README)!;
  const tables = [...README.matchAll(/`(state_compressor_\w+)`/g)].map(([, table]) => table);
  await db.sql.unsafe(`GRANT ${privileges.replaceAll("`", "")} ON ${tables} TO ${role.name}`);
  for (const args of [["auto"], ["run", "--once", "--config", config]]) {
    const { code, stderr } = await runProgram([...args, "-p", role.url]);
    strictEqual(code, 0, stderr);
  }
});
