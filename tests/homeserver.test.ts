import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { UsageError } from "../src/errors.ts";
import { parseDuration, parseSettings } from "../src/homeserver.ts";
import { parseTarget } from "../src/db/target/target.ts";

const parse = (...texts: string[]) => parseSettings(texts.map((text, i) => ({ name: `file${i + 1}.yaml`, text })));
const POSTGRES = "database: {name: psycopg2, args: {user: synapse, password: secret, dbname: synapse, host: db}}\n";

function fails(texts: string[], message: string | RegExp, hint?: RegExp): void {
  throws(() => parse(...texts), (error) => {
    ok(error instanceof UsageError, String(error));
    if (typeof message === "string") strictEqual(error.message, message);
    else ok(message.test(error.message), error.message);
    if (hint !== undefined) ok(hint.test(error.hint ?? ""), error.hint);
    ok(!`${error.message} ${error.hint}`.includes("secret"));
    return true;
  });
}

Deno.test("parseDuration() reads what Synapse's parse_duration does", () => {
  const known = {
    "1d": 86_400_000,
    "6h": 21_600_000,
    "30m": 1_800_000,
    "90s": 90_000,
    "2w": 1_209_600_000,
    "1500": 1500,
  };
  for (const [text, ms] of Object.entries(known)) strictEqual(parseDuration(text), ms);
  strictEqual(parseDuration("1y"), 365 * 86_400_000);
  strictEqual(parseDuration(1500), 1500);
  for (const wrong of ["", "1.5d", "d", "1 d", "-1d", "1x", "1ms", true, null, 1.5, -1, [], "99999999999999999y"]) {
    throws(() => parseDuration(wrong), SyntaxError);
  }
});

Deno.test("parseSettings() has the documentation's defaults", () => {
  deepStrictEqual(parse(""), {
    enabled: true,
    chunkSize: 500,
    numberOfRooms: 5,
    numberOfChunks: undefined,
    defaultLevels: [100, 50, 25],
    timeBetweenRunsMs: 86_400_000,
    prune: false,
    reclaim: false,
    reclaimWindow: undefined,
    database: undefined,
    eventsDatabase: undefined,
  });
  strictEqual(parse("state_compressor:\n").chunkSize, 500);
});

Deno.test("parseSettings() reads all five, in YAML as Synapse's, and later files over earlier ones", () => {
  const settings = parse(
    "state_compressor: {chunk_size: 1}\nserver_name: x\nserver_name: y\n",
    "state_compressor:\n  enabled: no\n  chunk_size: 250\n  number_of_rooms: 2\n  default_levels: 80,20\n  time_between_runs: 6h\n",
  );
  deepStrictEqual({ ...settings, database: 0 }, {
    enabled: false,
    chunkSize: 250,
    numberOfRooms: 2,
    numberOfChunks: undefined,
    defaultLevels: [80, 20],
    timeBetweenRunsMs: 21_600_000,
    database: 0,
    prune: false,
    reclaim: false,
    reclaimWindow: undefined,
    eventsDatabase: undefined,
  });
  deepStrictEqual(parse("state_compressor: {default_levels: [9, 3]}").defaultLevels, [9, 3]);
  // Synapse takes a top-level key whole from the last file that has it.
  strictEqual(parse("state_compressor: {chunk_size: 1}", "state_compressor: {number_of_rooms: 1}").chunkSize, 500);
});

Deno.test("parseSettings() takes number_of_chunks, by which the Rust tool's documents bound a run, then of all rooms", () => {
  const only = parse("state_compressor: {number_of_chunks: 100}");
  deepStrictEqual([only.numberOfChunks, only.numberOfRooms], [100, undefined]);
  const both = parse("state_compressor: {number_of_chunks: 100, number_of_rooms: 3}");
  deepStrictEqual([both.numberOfChunks, both.numberOfRooms], [100, 3]);
  fails(["state_compressor: {number_of_chunks: 0}"], /number_of_chunks is 0: a whole number from 1 on/);
});

Deno.test("parseSettings() takes no property that every object has for a setting", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    fails(
      [`state_compressor: {${name}: 1}`],
      `Cannot use file1.yaml line 1: state_compressor has no setting "${name}"`,
    );
    deepStrictEqual(parse(`${name}: {chunk_size: 7}\n`).chunkSize, 500);
    throws(
      () => parseTarget(parse(`database: {name: psycopg2, args: {${name}: secret}}`).database!, {}),
      /is not known or not supported/,
    );
  }
});

Deno.test("parseSettings() takes the connection that Synapse has, whatever characters its password has", () => {
  const target = parseTarget(parse(POSTGRES).database!, {});
  deepStrictEqual([target.user, target.password, target.database, target.host], ["synapse", "secret", "synapse", "db"]);
  const odd = parse(
    `database:\n  name: psycopg2\n  txn_limit: 1\n  args: {user: u, password: "a' \\\\ =@/", database: d, port: 5433, sslmode: disable, cp_min: 5, cp_max: 10}`,
  );
  const other = parseTarget(odd.database!, {});
  deepStrictEqual([other.password, other.database, other.port, other.sslMode], ["a' \\ =@/", "d", 5433, "disable"]);
});

Deno.test("parseSettings() takes of databases the one that holds the state", () => {
  const two = (first: string, second: string) =>
    `databases:\n  one:\n    name: psycopg2\n${first}    args: {dbname: one}\n  two:\n    name: psycopg2\n${second}    args: {dbname: two}\n`;
  const stores = (names: string) => `    data_stores: [${names}]\n`;
  strictEqual(parseTarget(parse(two(stores("main"), stores("state"))).database!, {}).database, "two");
  strictEqual(parseTarget(parse(two(stores("main, state"), stores("other"))).database!, {}).database, "one");
  fails([two(stores("main"), stores("other"))], /^Cannot find the state: none of databases in file1.yaml line \d+ has/);
  fails([two("", "")], "Cannot tell which database holds the state: one and two both have it");
  fails([two("", ""), POSTGRES], /there are both database and databases/);
});

Deno.test("parseSettings() names the place of what is wrong", () => {
  fails(["a: 1\nb: [1, 2\nc: 3\n"], /^Cannot read file1.yaml: line \d+, column \d+: it is not valid YAML/);
  fails(["a: 1\n\tpassword: secret\n"], /^Cannot read file1.yaml: line 2, column \d+: /);
  fails(["- a\n"], /is not a list of settings/);
  fails(["a: *nothing"], /^Cannot read file1.yaml: /);
  fails(
    ["x: 1", "state_compressor:\n  enabled: true\n  chunksize: 5\n"],
    'Cannot use file2.yaml line 3: state_compressor has no setting "chunksize"',
    /Did you mean chunk_size\?/,
  );
  fails(["state_compressor: {colour: red}"], /has no setting "colour"/, /Its settings are enabled, chunk_size/);
  fails(
    ["state_compressor:\n  time_between_runs: soon\n"],
    'Cannot use file1.yaml line 2: time_between_runs is "soon": a duration such as 1d, 6h, 30m or 90s is expected',
  );
  fails(["state_compressor: {time_between_runs: 500}"], /at least 1s is expected; a number alone is milliseconds/);
  fails(["state_compressor: {chunk_size: 0}"], /chunk_size is 0: a whole number from 1 on is expected/);
  fails(["state_compressor: {enabled: 'maybe'}"], /enabled is "maybe": true or false is expected/);
  fails(["state_compressor: {default_levels: 100-50}"], /default_levels is "100-50"/);
  fails(["state_compressor: [1]"], /a list of settings is expected/);
});

Deno.test("parseSettings() says what it cannot work on", () => {
  fails(
    ["database: {name: sqlite3, args: {database: /db}}"],
    /it is SQLite, and this program needs PostgreSQL/,
    /postgres.md/,
  );
  fails(["database_path: /homeserver.db"], /it is SQLite/);
  fails(["database: {name: mysql}"], /its name is neither psycopg2 nor sqlite3/);
  fails(["database: {name: psycopg2, args: [secret]}"], /its args are not a list/);
  fails(["database: {name: psycopg2, args: {password: [secret]}}"], /a key or a value that PostgreSQL does not know/);
  fails(["databases: {a: {name: sqlite3}}"], /it is SQLite/);
});

Deno.test("parseSettings() reads prune, reclaim and its window, and finds the events' database where it is another", () => {
  const two = `databases:
  one: {name: psycopg2, data_stores: [main], args: {dbname: events}}
  two: {name: psycopg2, data_stores: [state], args: {dbname: state}}
`;
  const settings = parse(`${two}state_compressor: {prune: true, reclaim: true, reclaim_window: "22:30-05:00"}\n`);
  strictEqual(settings.prune && settings.reclaim, true);
  deepStrictEqual(settings.reclaimWindow, { from: 22 * 60 + 30, to: 5 * 60 });
  strictEqual(settings.database, "dbname='state'");
  strictEqual(settings.eventsDatabase, "dbname='events'");
  strictEqual(parse(two).eventsDatabase, undefined);
  strictEqual(parse(`${POSTGRES}state_compressor: {prune: true}\n`).eventsDatabase, undefined);
  deepStrictEqual(parse("state_compressor: {reclaim_window: 0:00-24:00}\n").reclaimWindow, { from: 0, to: 0 });
  for (const wrong of ["nightly", "25:00-26:00", "02:00", "2-5", "02:61-03:00"]) {
    fails([`state_compressor: {reclaim_window: "${wrong}"}\n`], /reclaim_window .*a time of day such as 02:00-05:00/);
  }
});
