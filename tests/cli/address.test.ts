import { deepStrictEqual } from "node:assert/strict";
import { databaseArguments } from "../../src/cli/address.ts";
import { parseTarget } from "../../src/db/target/target.ts";

Deno.test("databaseArguments() names the database again, without its password; not at all where variables named it", () => {
  const again = (text: string) => databaseArguments("-p", text, parseTarget(text, {}));
  deepStrictEqual(again("host=db port=5433 user='a b' password=secret dbname=d"), [
    "-p",
    "postgresql://a%20b@db:5433/d",
  ]);
  deepStrictEqual(again("postgresql://u:secret@[::1]/d?sslmode=require"), [
    "-p",
    "postgresql://u@[::1]/d?sslmode=require",
  ]);
  deepStrictEqual(again("host=/run/postgresql user=u dbname=d"), ["-p", "postgresql://u@/d?host=%2Frun%2Fpostgresql"]);
  deepStrictEqual(databaseArguments("-p", undefined, parseTarget("postgresql://u@h/d", {})), []);
});
