import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { five, parse } from "../../support/target.ts";

Deno.test("parseTarget() reads URLs as libpq does", () => {
  const cases: Record<string, unknown[]> = {
    "postgresql://u:p@h:5433/d": ["h", 5433, "u", "p", "d"],
    "postgres://u@h": ["h", 5432, "u", undefined, "u"],
    "postgresql://u%40x:p%2F%3A%40%25%20@h/d%20d": ["h", 5432, "u@x", "p/:@% ", "d d"],
    "postgresql://u:p:q?r#s@h/d": ["h", 5432, "u", "p:q?r#s", "d"],
    "postgresql://u@[::1]:5433/d": ["::1", 5433, "u", undefined, "d"],
    "postgresql://u@%2Fvar%2Frun%2Fpostgresql/d": ["/var/run/postgresql", 5432, "u", undefined, "d"],
    "postgresql:///d?host=/var/run/postgresql&user=u&port=6000": ["/var/run/postgresql", 6000, "u", undefined, "d"],
    "postgresql://u@h/d?password=a%26b&dbname=e": ["h", 5432, "u", "a&b", "e"],
    "  postgresql://u@h/d\n": ["h", 5432, "u", undefined, "d"],
  };
  for (const [text, expected] of Object.entries(cases)) deepStrictEqual(five(parse(text)), expected, text);
  const target = parse(
    "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/ca.crt&sslcert=/c&sslkey=/k&connect_timeout=3" +
      "&application_name=mine&options=-c%20search_path%3Dsynapse&hostaddr=10.0.0.1&keepalives=1&target_session_attrs=any",
  );
  deepStrictEqual(
    [target.sslMode, target.sslRootCert, target.sslCert, target.sslKey, target.connectTimeoutMs, target.hostAddress],
    ["verify-full", "/ca.crt", "/c", "/k", 3000, "10.0.0.1"],
  );
  deepStrictEqual(target.parameters, { application_name: "mine", options: "-c search_path=synapse" });
  strictEqual(parse("postgresql://u@h/d?ssl=true").sslMode, "require");
  strictEqual(parse("postgresql://u@h/d?sslrootcert=system").sslMode, "verify-full");
  strictEqual(parse("postgresql://u@h/d?connect_timeout=0").connectTimeoutMs, 0);
});

Deno.test("parseTarget() takes the passwords that the Rust tool takes, and leaves to libpq's reading what has one", () => {
  const passwords = [
    "ab/cd",
    "a%b",
    "a%",
    "a%4",
    "a#b",
    "a?b",
    "a@b",
    "a/b?c",
    "a/b@c",
    "12/34",
    "a:b/c",
    "/",
    "a=b&c/d",
  ];
  for (const password of passwords) {
    deepStrictEqual(five(parse(`postgresql://u:${password}@h:6000/d`)), ["h", 6000, "u", password, "d"], password);
    const [, , , read] = five(parse(`postgresql://u:${password}@h/d?application_name=a@b`));
    strictEqual(read, password);
  }
  const libpq: Record<string, unknown[]> = {
    "postgresql://u:p@h/d@e": ["h", 5432, "u", "p", "d@e"],
    "postgresql://h/d@e?user=u": ["h", 5432, "u", undefined, "d@e"],
    "postgresql://h:6000/d?user=u&password=p@q": ["h", 6000, "u", "p@q", "d"],
    "postgresql://h/d?user=u&password=p/q@r": ["h", 5432, "u", "p/q@r", "d"],
  };
  for (const [text, expected] of Object.entries(libpq)) deepStrictEqual(five(parse(text)), expected, text);
});

Deno.test("parseTarget() reads key=value strings as libpq does", () => {
  const cases: Record<string, unknown[]> = {
    "user=u password=p dbname=d host=mydomain.com": ["mydomain.com", 5432, "u", "p", "d"],
    "user = u  dbname= d host =h port=6000": ["h", 6000, "u", undefined, "d"],
    "user='a b' password='it\\'s \\\\' dbname=d\\ e host=h": ["h", 5432, "a b", "it's \\", "d e"],
    "host=h user=u password='' dbname=d=e": ["h", 5432, "u", undefined, "d=e"],
    "host=h user=u password=a'b dbname=d": ["h", 5432, "u", "a'b", "d"],
  };
  for (const [text, expected] of Object.entries(cases)) deepStrictEqual(five(parse(text)), expected, text);
});

Deno.test("parseTarget() reads back any value that was quoted, and any that was percent-encoded", () => {
  const value = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !/[\0]/.test(text));
  fc.assert(fc.property(value, value, value, (user, password, database) => {
    const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
    const pairs = `host=h user=${quote(user)} password=${quote(password)} dbname=${quote(database)}`;
    deepStrictEqual(five(parse(pairs)), ["h", 5432, user, password, database]);
    const url = `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h/${
      encodeURIComponent(database)
    }`;
    deepStrictEqual(five(parse(url)), ["h", 5432, user, password, database]);
  }));
});
