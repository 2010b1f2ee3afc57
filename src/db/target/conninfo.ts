/**
 * The settings in a connection string: a `postgresql://` URL or a list of `key=value`, by the names that libpq has for them.
 * Hides their syntax; reads no file. Parts of what cannot be read may be parts of a password: no message shows them.
 */

import { UsageError } from "../../errors.ts";

/** Settings by their libpq names; an empty one is one that is left open. */
export type Settings = Map<string, string>;

/** The parameters that are used, each with the variable that stands in for it. */
export const VARIABLES: Readonly<Record<string, string | undefined>> = {
  host: "PGHOST",
  hostaddr: "PGHOSTADDR",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  passfile: "PGPASSFILE",
  connect_timeout: "PGCONNECT_TIMEOUT",
  options: "PGOPTIONS",
  application_name: "PGAPPNAME",
  fallback_application_name: undefined,
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  service: "PGSERVICE",
  client_encoding: undefined,
  channel_binding: "PGCHANNELBINDING",
  gssencmode: "PGGSSENCMODE",
  target_session_attrs: "PGTARGETSESSIONATTRS",
  sslnegotiation: "PGSSLNEGOTIATION",
};

/** Parameters that change nothing here: tuning of libpq's own sockets, and features that are never used. */
const WITHOUT_EFFECT = new Set(
  "keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout sslcompression sslsni load_balance_hosts krbsrvname"
    .split(" "),
);

const URL_HINT =
  "Write postgresql://user:password@host:5432/database, with special characters of the password as %XX " +
  "(@ is %40, / is %2F, : is %3A, % is %25), or leave the password to PGPASSWORD or ~/.pgpass.";

/** The two forms of a connection string, for who wrote neither. */
export const FORM_HINT = 'Write postgresql://user@host:5432/database, or "host=localhost user=synapse dbname=synapse".';

/**
 * Reads a connection string; of an empty one there are no settings.
 *
 * @throws {UsageError} it is neither form, or has a parameter that is not known
 */
export function parseSettings(text: string): Settings {
  if (text === "") return new Map();
  const scheme = /^postgres(ql)?:\/\//.exec(text);
  if (scheme) return parseUrl(text.slice(scheme[0].length));
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new UsageError("Cannot read the database URL: it does not begin with postgresql://", { hint: FORM_HINT });
  }
  if (!text.includes("=")) {
    throw new UsageError("Cannot read the connection string: it is neither a URL nor a list of key=value", {
      hint: /^\w+$/.test(text) ? `For the database of that name, write dbname=${text}` : FORM_HINT,
    });
  }
  return parsePairs(text);
}

/** postgresql://[user[:password]@][host][:port][/dbname][?name=value[&…]]; the part after the slashes is given. */
function parseUrl(rest: string): Settings {
  // Whatever is wrong, parts of a mis-written URL may be parts of a password: messages show none of them.
  const wrong = (why: string) => new UsageError(`Cannot read the database URL: ${why}`, { hint: URL_HINT });
  const decode = (part: string): string => {
    let decoded;
    try {
      decoded = decodeURIComponent(part);
    } catch {
      throw wrong("a percent sign is not followed by the two digits of a UTF-8 byte");
    }
    if (decoded.includes("\0")) throw wrong("it has a %00");
    return decoded;
  };
  const settings: Settings = new Map();
  // As libpq: credentials end at the first "@" that comes before any "/".
  const credentials = /^([^@/]*)@/.exec(rest);
  if (credentials) {
    rest = rest.slice(credentials[0].length);
    const colon = credentials[1]!.indexOf(":");
    settings.set("user", decode(colon < 0 ? credentials[1]! : credentials[1]!.slice(0, colon)));
    if (colon >= 0) settings.set("password", decode(credentials[1]!.slice(colon + 1)));
  }
  const parts = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest);
  if (!parts || rest.replace(/\?.*$/s, "").includes("@")) throw wrong("it has an @ out of place");
  const [, authority = "", path = "", query = ""] = parts;
  if (authority.includes(",")) {
    throw new UsageError("Cannot use several hosts: a database URL must name one", {
      hint: "Name the primary server: a standby is read-only, and lags behind.",
    });
  }
  const place = /^(?:\[([^\]]+)\]|([^:\[\]]*))(?::(\d*))?$/.exec(authority);
  if (!place) throw wrong("what follows its // is not a host and a port");
  const port = place[3] ?? "";
  if (port !== "" && !(Number(port) >= 1 && Number(port) <= 65535)) throw wrong("its port is not from 1 to 65535");
  settings.set("host", place[1] ?? decode(place[2] ?? ""));
  settings.set("port", port);
  settings.set("dbname", decode(path));
  for (const pair of query === "" ? [] : query.split("&")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.indexOf("=", equals + 1) >= 0) throw wrong("a parameter after its ? is not name=value");
    let name = decode(pair.slice(0, equals));
    let value = decode(pair.slice(equals + 1));
    // JDBC's way, which libpq reads too.
    if (name === "ssl" && value === "true") [name, value] = ["sslmode", "require"];
    settings.set(known(name), value);
  }
  return settings;
}

/** `host=localhost password='with spaces, \' and \\'`. */
function parsePairs(text: string): Settings {
  const settings: Settings = new Map();
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*|))(?=\s|$)/sy;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (!match) {
      throw new UsageError("Cannot read the connection string: a part of it is not key=value", {
        hint: "Put a value with spaces in single quotes, and a backslash before each ' and \\ in it.",
      });
    }
    settings.set(known(match[1]!), (match[2] ?? match[3] ?? "").replace(/\\(.)/gs, "$1"));
  }
  return settings;
}

/** Refuses, as libpq does, a parameter that it does not know: a typing error in `sslmode` must not go unseen. */
export function known(name: string): string {
  if (Object.hasOwn(VARIABLES, name) || WITHOUT_EFFECT.has(name)) return name;
  const shown = /^\w{1,40}$/.test(name) ? `parameter "${name}"` : "one of its parameters";
  throw new UsageError(`Cannot read the connection string: ${shown} is not known or not supported`, {
    hint: `Known are: ${Object.keys(VARIABLES).join(", ")}.`,
  });
}
