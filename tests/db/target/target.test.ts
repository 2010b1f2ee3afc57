import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { describeTarget, type Environment } from "../../../src/db/target/target.ts";
import { UsageError } from "../../../src/errors.ts";
import { five, parse } from "../../support/target.ts";

function failure(text: string, environment: Environment = {}): UsageError {
  let caught: unknown;
  throws(() => parse(text, environment), (error) => (caught = error, true));
  ok(caught instanceof UsageError, `${caught}`);
  return caught;
}

Deno.test("parseTarget() refuses what it cannot read or honour, and never shows a password", () => {
  const cases: [string, RegExp][] = [
    ["synapse", /neither a URL nor a list/],
    ["mysql://u:hunter2@h/d", /does not begin with postgresql:/],
    ["postgresql://u:hunter2@h:port/d", /not a host and a port/],
    ["postgresql://u:hunter2@h:99999/d", /port/],
    ["postgresql://u:hunter2@h:0/d", /port/],
    ["postgresql://u:hunter2%ff@h/d", /percent signs/],
    ["postgresql://u:hunter2%00@h/d", /%00/],
    ["postgresql://u:1/hunter2@h", /read in two ways/],
    ["postgresql://u/x:hunter2@h/d", /read in two ways/],
    ["postgresql://u:hunter2@a,b/d", /several hosts/],
    ["postgresql://u:hunter2@h/d?sslmod=require", /"sslmod" is not known/],
    ["postgresql://u:hunter2@h/d?hunter2", /not name=value/],
    ["postgresql://u:hunter2@h/d?a=b=hunter2", /not name=value/],
    ["postgresql://u:1@h/d?hunter2%40=x", /one of its parameters/],
    ["postgresql://u:hunter2@h/d?sslmode=always", /sslmode "always"/],
    ["postgresql://u:hunter2@h/d?sslmode=require&sslrootcert=system", /too weak/],
    ["postgresql://u:hunter2@h/d?channel_binding=require", /channel_binding=require/],
    ["postgresql://u:hunter2@h/d?target_session_attrs=standby", /target_session_attrs/],
    ["postgresql://u:hunter2@h/d?client_encoding=latin1", /client_encoding/],
    ["postgresql://u:hunter2@h/d?connect_timeout=soon", /connect_timeout/],
    ["host=h pasword=hunter2", /"pasword" is not known/],
    ["host=h constructor=hunter2", /"constructor" is not known/],
    ["postgresql://u@h/d?toString=hunter2", /"toString" is not known/],
    ["postgresql://u@h/d?__proto__=hunter2", /"__proto__" is not known/],
    ["host=h password='hunter2", /not key=value/],
    ["host=h password= hunter2 hunter2", /not key=value/],
    ["host=h password='hunter2'hunter2", /not key=value/],
    ["host=a,b password=hunter2", /several hosts/],
    ["host=@abstract password=hunter2", /abstract/],
    ["service=nowhere password=hunter2", /service "nowhere"/],
  ];
  for (const [text, pattern] of cases) {
    const error = failure(text);
    ok(pattern.test(error.message), `${text}: ${error.message}`);
    ok(!`${error.message} ${error.hint} ${error.stack}`.includes("hunter2"), text);
  }
  ok(failure("synapse").hint!.includes("dbname=synapse"));
  ok(!Deno.inspect(parse("postgresql://u:hunter2@h/d")).includes("hunter2"));
  ok(!JSON.stringify(parse("postgresql://u:hunter2@h/d")).includes("hunter2"));
});

Deno.test("parseTarget() takes from the environment what the string leaves open", () => {
  const environment = {
    PGHOST: "eh",
    PGPORT: "6000",
    PGUSER: "eu",
    PGPASSWORD: "ep",
    PGDATABASE: "ed",
    PGSSLMODE: "disable",
    PGCONNECT_TIMEOUT: "7",
    PGOPTIONS: "-c x=y",
    PGAPPNAME: "ea",
  };
  const target = parse("", environment);
  deepStrictEqual(five(target), ["eh", 6000, "eu", "ep", "ed"]);
  deepStrictEqual([target.sslMode, target.connectTimeoutMs], ["disable", 7000]);
  deepStrictEqual(target.parameters, { application_name: "ea", options: "-c x=y" });
  deepStrictEqual(five(parse("postgresql://u:p@h:1/d", environment)), ["h", 1, "u", "p", "d"]);
  // As libpq: an empty part is one that is left open.
  deepStrictEqual(five(parse("postgresql:///d", environment)), ["eh", 6000, "eu", "ep", "d"]);
  ok(failure("", { PGTARGETSESSIONATTRS: "standby" }).hint!.includes("unset PGTARGETSESSIONATTRS"));
  const bare = parse("user=u");
  deepStrictEqual([bare.port, bare.database, bare.sslMode, bare.connectTimeoutMs], [5432, "u", "prefer", undefined]);
  ok(bare.host.startsWith("/") || bare.host === "localhost");
});

Deno.test("describeTarget() names a database without its password", () => {
  const cases: Record<string, string> = {
    "postgresql://u:hunter2@localhost/synapse": 'database "synapse" on localhost:5432 as "u"',
    "postgresql://u:hunter2@[::1]:1/d": 'database "d" on [::1]:1 as "u"',
    "host=/run/x user=u dbname=d": 'database "d" on socket /run/x/.s.PGSQL.5432 as "u"',
  };
  for (const [text, expected] of Object.entries(cases)) strictEqual(describeTarget(parse(text)), expected);
});
