import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { findConfig, findSource, type SourceOptions } from "../../src/cli/source.ts";
import { UsageError } from "../../src/mod.ts";
import { runProgram, workFolder } from "../support/cli.ts";
import { testDatabase } from "../support/database.ts";

const NOBODY = { HOME: "/nonexistent" };
/** On a machine that runs a Synapse, its configuration would be found. */
const isBare = findConfig(NOBODY) === undefined;

function yaml(name: string, more = ""): string {
  return `{name: psycopg2, args: {user: u, password: hunter2, dbname: ${name}, host: h}${more}}`;
}

function refusal(options: SourceOptions, environment = {}): string {
  let message = "";
  throws(() => findSource(options, { ...NOBODY, ...environment }), (error) => {
    ok(error instanceof UsageError && error.hint !== undefined, `${error}`);
    ok(!`${error.message} ${error.hint}`.includes("hunter2"));
    message = error.message;
    return true;
  });
  return message;
}

Deno.test("findSource() takes -p, then a configuration, then PG* variables, then a configuration in its usual place", async () => {
  await using folder = await workFolder();
  const file = `${folder.path}/homeserver.yaml`;
  await Deno.writeTextFile(file, `database: ${yaml("configured")}`);
  await Deno.mkdir(`${folder.path}/synapse`);
  await Deno.copyFile(file, `${folder.path}/synapse/homeserver.yaml`);
  const home = { HOME: folder.path };
  const variables = { PGHOST: "eh", PGDATABASE: "ed", PGUSER: "eu" };
  const found = (options: SourceOptions, environment = {}) => {
    const { state, note } = findSource(options, { ...NOBODY, ...environment });
    return [state.target.database, state.arguments, note];
  };
  deepStrictEqual(found({ postgres: "postgresql://u:hunter2@h/given" }, { ...home, ...variables }), [
    "given",
    ["-p", "postgresql://u@h/given"],
    undefined,
  ]);
  deepStrictEqual(found({ homeserverConfig: [file] }, variables), [
    "configured",
    ["--homeserver-config", file],
    `Using database "configured" on h:5432 as "u", as ${file} has it`,
  ]);
  deepStrictEqual(found({}, { ...home, ...variables }), [
    "ed",
    [],
    'Using database "ed" on eh:5432 as "eu", as PGHOST and PGDATABASE have it',
  ]);
  deepStrictEqual(found({ postgres: " " }, variables).slice(0, 2), ["ed", []]);
  if (!isBare) return;
  deepStrictEqual(found({}, home), [
    "configured",
    [],
    `Using database "configured" on h:5432 as "u", as ${folder.path}/synapse/homeserver.yaml has it`,
  ]);
  match(refusal({}), /^Cannot tell which database to use: -p is missing or empty, and no homeserver.yaml was found$/);
});

Deno.test("findSource() takes of databases the state's, and the events' where that is another", async () => {
  await using folder = await workFolder();
  const file = `${folder.path}/homeserver.yaml`;
  const [main, state] = [yaml("events", ", data_stores: [main]"), yaml("state", ", data_stores: [state]")];
  await Deno.writeTextFile(file, `databases: {one: ${main}, two: ${state}}`);
  const both = findSource({ homeserverConfig: [file] }, NOBODY);
  deepStrictEqual([both.state.target.database, both.events?.target.database], ["state", "events"]);
  deepStrictEqual(both.secrets, ["hunter2"]);
  const named = findSource({ homeserverConfig: [file], eventsPostgres: "postgresql://u@h/mine" }, NOBODY);
  deepStrictEqual([named.events?.target.database, named.events?.arguments], [
    "mine",
    ["--events-postgres", "postgresql://u@h/mine"],
  ]);
  await Deno.writeTextFile(file, `database: ${yaml("all")}`);
  strictEqual(findSource({ homeserverConfig: [file] }, NOBODY).events, undefined);
});

Deno.test("findSource() says what is wrong with a configuration, and shows no password", async () => {
  await using folder = await workFolder();
  const file = `${folder.path}/homeserver.yaml`;
  const said = async (text: string) => {
    await Deno.writeTextFile(file, text);
    return refusal({ homeserverConfig: [file] });
  };
  match(refusal({ homeserverConfig: ["/nowhere.yaml"] }), /^Cannot read \/nowhere.yaml: there is no such file$/);
  match(refusal({ postgres: "dbname=x", homeserverConfig: [file] }), /-p and --homeserver-config together/);
  match(await said("server_name: x"), /has neither database nor databases$/);
  match(await said("database: {name: sqlite3}"), /it is SQLite/);
  match(await said(`database: ${yaml("x").replace("dbname", "sslmod")}`), /"sslmod" is not known/);
  match(await said(`a: hunter2: b`), /is not valid YAML/);
});

Deno.test("a command finds its database in Synapse's configuration, and says so on standard error", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const { username, password, hostname, port } = new URL(db.url);
  const args = `{user: ${username}, password: ${password}, dbname: ${db.name}, host: ${hostname}, port: ${port}}`;
  await Deno.mkdir(`${folder.path}/synapse`);
  const file = `${folder.path}/synapse/homeserver.yaml`;
  await Deno.writeTextFile(file, `database: {name: psycopg2, args: ${args}}`);
  const expected = (await runProgram(["rooms", "-p", db.url, "--no-savings"])).stdout;
  const given = await runProgram(["rooms", "--homeserver-config", file, "--no-savings"]);
  deepStrictEqual([given.code, given.stdout], [0, expected], given.stderr);
  match(given.stderr, new RegExp(`^Using database "${db.name}" on .*, as .*homeserver.yaml has it\n`));
  ok(!given.stderr.includes(password));
  if (!isBare) return;
  // Another home folder is not to be another cache of Deno's.
  const cache = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const env = { HOME: folder.path, DENO_DIR: cache };
  const found = await runProgram(["rooms", "--no-savings"], { env });
  deepStrictEqual([found.code, found.stdout], [0, expected], found.stderr);
  match(found.stderr, /^Using database /);
  const quiet = await runProgram(["rooms", "--no-savings", "--quiet"], { env });
  strictEqual(quiet.stderr, "");
});
