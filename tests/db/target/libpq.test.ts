/** Connection strings, read by libpq 18 itself and by us: the same settings, and refused by both or by neither. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/errors.ts";
import { parseConninfo } from "../../../src/db/target/conninfo.ts";
import { PARAMETERS } from "../../../src/db/target/parameters.ts";
import { type Libpq, type Parsed, startLibpq, whyNoLibpq } from "../../support/libpq.ts";

const why = whyNoLibpq();
if (why !== undefined) console.log(`Not compared with libpq: ${why}`);
const ignore = why !== undefined;

function parse(text: string): Parsed {
  try {
    return { settings: Object.fromEntries(parseConninfo(text)) };
  } catch (error) {
    ok(error instanceof UsageError, `${error}`);
    return { error: error.message };
  }
}

/** Both read it alike; `ours` may read what libpq cannot. */
async function compare(libpq: Libpq, text: string): Promise<void> {
  const [theirs, ours] = [await libpq.parse(text), parse(text)];
  if ("error" in theirs) return ok("error" in ours, `libpq refuses ${JSON.stringify(text)}: ${theirs.error}`);
  // libpq finds out later that a port is none.
  const ports = theirs.settings["port"]?.split(",") ?? [];
  if (
    "error" in ours && ports.some((port) => port !== "" && !(/^\s*\d+\s*$/.test(port) && +port > 0 && +port < 65536))
  ) {
    return;
  }
  deepStrictEqual(ours, theirs, text);
}

Deno.test({
  name: "PARAMETERS are libpq's, with its variables",
  ignore,
  async fn() {
    await using libpq = startLibpq();
    const theirs = (await libpq.parameters()).map(({ name, variable }) => `${name} ${variable ?? ""}`.trim());
    const ours = PARAMETERS.map(({ name, variable }) => `${name} ${variable ?? ""}`.trim());
    deepStrictEqual(ours.toSorted(), theirs.toSorted());
  },
});

Deno.test({
  name: "parseConninfo() reads tricky strings as libpq does",
  ignore,
  async fn() {
    await using libpq = startLibpq();
    const texts = [
      "host=h user=u",
      "  host = h\tuser\n=\vu ",
      "host='a b' password='it\\'s \\\\ \"x\"' dbname=d\\ e",
      "password=''",
      "password= user=u",
      "host='h'port=1",
      "host=h'i' user=a\\",
      "user=\\'x host=a=b",
      "host=h user='unfinished",
      "host=h user",
      "=h",
      "host h=1",
      "hostt=h",
      "HOST=h",
      "host=a,b,,c port=1,,3,4",
      "host=h\u00a0user=u",
      "service=x sslmode=nonsense target_session_attrs=x",
      "host=a host=b",
      "postgresql://",
      "postgres://",
      "postgresql:///",
      "postgresql:///?",
      "postgresql://h",
      "postgresql://h/?sslmode=require&",
      "postgresql://h?dbname=x&host=y",
      "postgresql://h/d?a",
      "postgresql://h/d?sslmode=a=b",
      "postgresql://h/d?sslmod=a",
      "postgresql://h/d?ssl=true",
      "postgresql://h/d?sslmode=%72equire&application_name=a%20b+c",
      "postgresql://h/d?&sslmode=require",
      "postgresql://u@",
      "postgresql://@h",
      "postgresql://:p@h",
      "postgresql://u:@h",
      "postgresql://u:p:q@h",
      "postgresql://u:p@h:1,i:2,[::1]:3,%2Ftmp:4/d",
      "postgresql://a,b,c:5/d",
      "postgresql://a:1,b,c/d",
      "postgresql://,/d",
      "postgresql://:12345/d",
      "postgresql://[::1/d",
      "postgresql://[]/d",
      "postgresql://[::1]x/d",
      "postgresql://[::1]:5/d/e",
      "postgresql://h/d%2Fe#f",
      "postgresql://h/d%00",
      "postgresql://%E2%82%AC@h/%e2%82%ac",
      "postgresql://h/d?host=/var/run/postgresql&port=6000",
      "postgresql://%2Fvar%2Frun/d",
      "postgresql://u:p@/d",
      "postgresql://u?dbname=x@y",
    ];
    for (const text of texts) await compare(libpq, text);
  },
});

Deno.test({
  name: "parseConninfo() reads what libpq reads, alike: any string of the characters that matter",
  ignore,
  async fn() {
    await using libpq = startLibpq();
    const piece = fc.constantFrom(..."hup19'\\= \t,;".split(""), "host", "user", "port", "password", "=", "='", "' ");
    const pairs = fc.array(piece, { maxLength: 12 }).map((parts) => `host=${parts.join("")}`);
    await fc.assert(fc.asyncProperty(pairs, (text) => compare(libpq, text)), { numRuns: 300 });
    // One @ at most, and that before any / or ?: beyond that we read what people mean, and libpq something else or nothing.
    const part = fc.array(fc.constantFrom(..."ab1:,]=&#".split(""), "%41", "%2F", "[::1]"), { maxLength: 6 });
    const url = fc.tuple(fc.option(part), part, fc.option(part), fc.option(part)).map(([user, host, path, query]) => {
      const [credentials, place, database] = [user, host, path].map((one) => one?.join("").replaceAll("@", "") ?? "");
      return `postgresql://${user ? `${credentials}@` : ""}${place}${path ? `/${database}` : ""}${
        query ? `?application_name=${query.join("")}` : ""
      }`;
    });
    await fc.assert(fc.asyncProperty(url, (text) => compare(libpq, text)), { numRuns: 300 });
    strictEqual("settings" in await libpq.parse("host=h"), true);
  },
});
