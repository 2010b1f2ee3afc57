import { deepStrictEqual } from "node:assert/strict";
import { databaseArguments } from "../../src/cli/address.ts";
import { parse } from "../support/target.ts";

Deno.test("databaseArguments() names a database again, without its password", () => {
  const again = (given: string) => databaseArguments("-p", given, parse(given));
  const cases: Record<string, string> = {
    "postgresql://u:hunter2@h/d": "postgresql://u@h/d",
    "host=h port=6000 user='a b' dbname=d/e password=hunter2": "postgresql://a%20b@h:6000/d%2Fe",
    "host=/run/x user=u dbname=d": "postgresql://u@/d?host=%2Frun%2Fx",
    "host=/run/x port=1 user=u dbname=d sslmode=require": "postgresql://u@:1/d?host=%2Frun%2Fx&sslmode=require",
    "postgresql://u@[::1]:6000/d?sslmode=disable": "postgresql://u@[::1]:6000/d?sslmode=disable",
    "postgresql://u@a:1,b/d?target_session_attrs=primary": "postgresql://u@a:1,b/d?target_session_attrs=primary",
    "host=/run/x,b user=u dbname=d": "postgresql://u@%2Frun%2Fx,b/d",
  };
  for (const [given, expected] of Object.entries(cases)) {
    deepStrictEqual(again(given), ["-p", expected]);
    const [one, two] = [parse(given), parse(expected)];
    deepStrictEqual(
      [two.places, two.user, two.database, two.sslMode, two.sessionAttributes],
      [one.places, one.user, one.database, one.sslMode, one.sessionAttributes],
    );
  }
  deepStrictEqual(databaseArguments("-p", undefined, parse("host=h")), []);
});
