import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { databaseArguments } from "../../src/cli/address.ts";
import { parseTarget } from "../../src/db/target/target.ts";

const say = (given: string) => databaseArguments("-p", given, parseTarget(given))[1]!;

Deno.test("databaseArguments() names the same database again, without its password", () => {
  for (
    const given of [
      "postgresql://u:hunter2@db.example/synapse",
      "postgresql://u%40x:hunter2@[::1]:5433/a%2Fb?sslmode=require",
      "host=/run/postgresql user='it''s' dbname=synapse password=hunter2".replace("''", "\\'"),
    ]
  ) {
    const said = say(given);
    strictEqual(said.includes("hunter2"), false, said);
    const [before, after] = [parseTarget(given), parseTarget(said)];
    deepStrictEqual(
      [after.host, after.port, after.user, after.database, after.sslMode],
      [before.host, before.port, before.user, before.database, before.sslMode],
    );
  }
});

Deno.test("databaseArguments() says nothing where PG* variables named the database", () => {
  deepStrictEqual(databaseArguments("-p", undefined, parseTarget("host=a user=b dbname=c")), []);
});
