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
    ["postgresql://u:hunter2@a,b,c/d?port=1,2", /2 ports and 3 hosts/],
    ["host=a,b hostaddr=10.0.0.1 password=hunter2", /host names 2 places and hostaddr 1/],
    ["host=a,b port=1,x password=hunter2", /port is not/],
    ["postgresql://u:hunter2@h/d?sslmod=require", /"sslmod" is not known/],
    ["postgresql://u:hunter2@h/d?hunter2", /not name=value/],
    ["postgresql://u:hunter2@h/d?a=b=hunter2", /not name=value/],
    ["postgresql://u:1@h/d?hunter2%40=x", /one of its parameters/],
    ["postgresql://u:hunter2@h/d?sslmode=always", /sslmode "always"/],
    ["postgresql://u:hunter2@h/d?sslmode=require&sslrootcert=system", /too weak/],
    ["postgresql://u:hunter2@h/d?channel_binding=always", /channel_binding "always"/],
    ["postgresql://u:hunter2@h/d?target_session_attrs=slave", /target_session_attrs "slave"/],
    ["postgresql://u:hunter2@h/d?load_balance_hosts=yes", /load_balance_hosts "yes"/],
    ["postgresql://u:hunter2@h/d?require_auth=kerberos", /require_auth "kerberos"/],
    ["postgresql://u:hunter2@h/d?require_auth=md5,!none", /both demands and refuses/],
    ["postgresql://u:hunter2@h/d?require_auth=md5,md5", /a method twice/],
    ["postgresql://u:hunter2@h/d?sslnegotiation=direct", /sslnegotiation=direct with sslmode "prefer"/],
    ["postgresql://u:hunter2@h/d?ssl_min_protocol_version=SSLv3", /ssl_min_protocol_version "sslv3"/],
    [
      "postgresql://u:hunter2@h/d?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
      /above ssl_max_protocol_version/,
    ],
    ["postgresql://u:hunter2@h/d?sslkeylogfile=/keys", /sslkeylogfile=/],
    ["postgresql://u:hunter2@h/d?requirepeer=postgres", /requirepeer=/],
    ["postgresql://u:hunter2@h/d?gssencmode=require", /gssencmode=/],
    ["postgresql://u:hunter2@h/d?sslcertmode=require", /sslcertmode=/],
    ["postgresql://u:hunter2@h/d?replication=database", /replication=/],
    ["postgresql://u:hunter2@h/d?client_encoding=latin1", /client_encoding/],
    ["postgresql://u:hunter2@h/d?connect_timeout=soon", /connect_timeout/],
    ["host=h pasword=hunter2", /"pasword" is not known/],
    ["host=h constructor=hunter2", /"constructor" is not known/],
    ["postgresql://u@h/d?toString=hunter2", /"toString" is not known/],
    ["postgresql://u@h/d?__proto__=hunter2", /"__proto__" is not known/],
    ["host=h password='hunter2", /not key=value/],
    ["host=h password= hunter2 hunter2", /not key=value/],
    ["host=h password='hunter2'hunter2", /not key=value/],
    ["host=@abstract password=hunter2", /host=@abstract/],
    ["host=a,@b password=hunter2", /host=a,@b/],
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
  ok(failure("", { PGREQUIREPEER: "postgres" }).hint!.includes("Unset PGREQUIREPEER"));
  strictEqual(parse("host=h", { PGCLIENTENCODING: "LATIN1" }).host, "h");
  // As libpq: what is given empty is given, and then the default counts.
  deepStrictEqual([
    parse("host=h user='' dbname=d", environment).user !== "eu",
    parse("port='' host=h", environment).port,
  ], [
    true,
    5432,
  ]);
  const bare = parse("user=u");
  deepStrictEqual([bare.port, bare.database, bare.sslMode, bare.connectTimeoutMs], [5432, "u", "prefer", undefined]);
  ok(bare.host.startsWith("/") || bare.host === "localhost");
});

Deno.test("parseTarget() combines the lists of hosts, addresses and ports, each with its password", async () => {
  const places = (text: string, environment: Environment = {}) =>
    parse(text, environment).places.map(({ host, hostAddress, port, password }) => [host, hostAddress, port, password]);
  deepStrictEqual(places("postgresql://u:p@a:1,[::1],c:3/d"), [
    ["a", undefined, 1, "p"],
    ["::1", undefined, 5432, "p"],
    ["c", undefined, 3, "p"],
  ]);
  deepStrictEqual(places("host=a,b hostaddr=10.0.0.1, port=6000 user=u"), [
    ["a", "10.0.0.1", 6000, undefined],
    ["b", undefined, 6000, undefined],
  ]);
  deepStrictEqual(places("hostaddr=10.0.0.1,10.0.0.2 user=u"), [
    ["10.0.0.1", "10.0.0.1", 5432, undefined],
    ["10.0.0.2", "10.0.0.2", 5432, undefined],
  ]);
  const passfile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(passfile, "a:*:*:*:of a\nb:6000:*:*:of:b\n");
    await Deno.chmod(passfile, 0o600);
    deepStrictEqual(places(`host=a,b,c port=6000 user=u passfile=${passfile}`).map((place) => place[3]), [
      "of a",
      "of:b",
      undefined,
    ]);
  } finally {
    await Deno.remove(passfile);
  }
  const target = parse("host=a,b user=u dbname=d target_session_attrs=primary load_balance_hosts=random");
  deepStrictEqual([target.sessionAttributes, target.balancesHosts], ["primary", true]);
  strictEqual(describeTarget(target), 'database "d" on a:5432 or b:5432 as "u"');
  ok(!Deno.inspect(parse("host=a,b password=hunter2 sslpassword=hunter2"), { depth: 9 }).includes("hunter2"));
});

Deno.test("parseTarget() settles how a connection is secured", () => {
  const target = parse(
    "host=h require_auth=!password,!none ssl_min_protocol_version=TLSv1.3 sslsni=0 channel_binding=require",
  );
  deepStrictEqual(target.requireAuth, ["md5", "gss", "sspi", "scram-sha-256", "oauth"]);
  deepStrictEqual([target.sslMinVersion, target.sslMaxVersion, target.sslSni, target.channelBinding], [
    "TLSv1.3",
    undefined,
    false,
    "require",
  ]);
  deepStrictEqual(parse("host=h require_auth=scram-sha-256,none").requireAuth, ["scram-sha-256", "none"]);
  strictEqual(parse("host=h sslcertmode=disable sslcert=/c sslkey=/k").sslCert, undefined);
  deepStrictEqual(
    ["", " keepalives=0", " keepalives_idle=5"].map((more) => parse(`host=h${more}`).keepAliveMs),
    [60_000, 0, 5000],
  );
});

Deno.test("describeTarget() names a database without its password", () => {
  const cases: Record<string, string> = {
    "postgresql://u:hunter2@localhost/synapse": 'database "synapse" on localhost:5432 as "u"',
    "postgresql://u:hunter2@[::1]:1/d": 'database "d" on [::1]:1 as "u"',
    "host=/run/x user=u dbname=d": 'database "d" on socket /run/x/.s.PGSQL.5432 as "u"',
  };
  for (const [text, expected] of Object.entries(cases)) strictEqual(describeTarget(parse(text)), expected);
});
