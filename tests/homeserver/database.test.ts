import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { parseTarget } from "../../src/db/target/target.ts";
import { fails, parse, POSTGRES } from "../support/homeserver.ts";

Deno.test("database: takes the connection that Synapse has, whatever characters its password has", () => {
  const target = parseTarget(parse(POSTGRES).database!, {});
  deepStrictEqual([target.user, target.password, target.database, target.host], ["synapse", "secret", "synapse", "db"]);
  const odd = parse(
    `database:\n  name: psycopg2\n  txn_limit: 1\n  args: {user: u, password: "a' \\\\ =@/", database: d, port: 5433, sslmode: disable, cp_min: 5, cp_max: 10}`,
  );
  const other = parseTarget(odd.database!, {});
  deepStrictEqual([other.password, other.database, other.port, other.sslMode], ["a' \\ =@/", "d", 5433, "disable"]);
});

Deno.test("databases: takes the one that holds the state", () => {
  const two = (first: string, second: string) =>
    `databases:\n  one:\n    name: psycopg2\n${first}    args: {dbname: one}\n  two:\n    name: psycopg2\n${second}    args: {dbname: two}\n`;
  const stores = (names: string) => `    data_stores: [${names}]\n`;
  strictEqual(parseTarget(parse(two(stores("main"), stores("state"))).database!, {}).database, "two");
  strictEqual(parseTarget(parse(two(stores("main, state"), stores("other"))).database!, {}).database, "one");
  fails([two(stores("main"), stores("other"))], /^Cannot find the state: none of databases in file1.yaml line \d+ has/);
  fails([two("", "")], "Cannot tell which database holds the state: one and two both have it");
  fails([two("", ""), POSTGRES], /there are both database and databases/);
});

Deno.test("database: a property that every object has is no parameter of a connection", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    throws(
      () => parseTarget(parse(`database: {name: psycopg2, args: {${name}: secret}}`).database!, {}),
      /is not known or not supported/,
    );
  }
});

Deno.test("database: says what it cannot work on", () => {
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

Deno.test("databases: the events' database is found where it is another one and pruning needs it", () => {
  const two = `databases:
  one: {name: psycopg2, data_stores: [main], args: {dbname: events}}
  two: {name: psycopg2, data_stores: [state], args: {dbname: state}}
`;
  const settings = parse(`${two}state_compressor: {prune: true}\n`);
  deepStrictEqual([settings.database, settings.eventsDatabase], ["dbname='state'", "dbname='events'"]);
  strictEqual(parse(two).eventsDatabase, undefined);
  strictEqual(parse(`${POSTGRES}state_compressor: {prune: true}\n`).eventsDatabase, undefined);
});
