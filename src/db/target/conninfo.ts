/**
 * The settings in a connection string: a `postgresql://` URL or a list of `key=value`, by the names that libpq has for them.
 * Hides their syntax; reads no file. What libpq knows and this program does not use is refused, never ignored: parameters.ts
 * has the list. Parts of what cannot be read may be parts of a password: no message shows them.
 */

import { UsageError } from "../../errors.ts";
import { findParameter, PARAMETERS } from "./parameters.ts";

/** Connection parameters by their libpq names. */
export type Conninfo = Map<string, string>;

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
export function parseConninfo(text: string): Conninfo {
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

/**
 * postgresql://[user[:password]@][host][:port][,…][/dbname][?name=value[&…]]; the part after the slashes is given.
 *
 * What libpq can read is read as libpq does. Beyond that, what people write and the Rust tool takes: a password with an
 * @ or a / in it, and a percent sign that is just that.
 */
function parseUrl(rest: string): Conninfo {
  // Whatever is wrong, parts of a mis-written URL may be parts of a password: messages show none of them.
  const wrong = (why: string) => new UsageError(`Cannot read the database URL: ${why}`, { hint: URL_HINT });
  const decode = (part: string): string => {
    const decoded = part.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
      try {
        return decodeURIComponent(bytes);
      } catch {
        throw wrong("its percent signs do not give UTF-8");
      }
    });
    if (decoded.includes("\0")) throw wrong("it has a %00");
    return decoded;
  };
  const settings: Conninfo = new Map();
  // As libpq: an empty part of a URL is one that is left open.
  const set = (name: string, value: string) => void (value !== "" && settings.set(name, value));
  const end = findCredentialsEnd(rest);
  if (end === "unclear") throw wrong("it can be read in two ways, since it has an @ after a /");
  if (end !== undefined) {
    const credentials = rest.slice(0, end);
    rest = rest.slice(end + 1);
    const colon = credentials.indexOf(":");
    set("user", decode(colon < 0 ? credentials : credentials.slice(0, colon)));
    if (colon >= 0) set("password", decode(credentials.slice(colon + 1)));
  }
  const [, authority = "", path = "", query = ""] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest)!;
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const part of authority.split(",")) {
    const place = /^(?:\[([^\]]+)\]|((?!\[)[^:]*))(?::(.*))?$/s.exec(part);
    const port = decode(place?.[3] ?? "");
    // Left to the check of every port, with white space and the like, unless it may be part of a password.
    if (!place || !/^[\s\d]*$/.test(port)) throw wrong("what follows its // is not a host and a port");
    if (port.trim() !== "" && !(Number(port) >= 1 && Number(port) <= 65535)) {
      throw wrong("its port is not from 1 to 65535");
    }
    hosts.push(place[1] ?? decode(place[2] ?? ""));
    ports.push(port);
  }
  set("host", hosts.join(","));
  set("port", ports.join(","));
  set("dbname", decode(path));
  for (const pair of query.replace(/&$/, "").split("&")) {
    if (query === "") break;
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

/**
 * Where the credentials of a URL end: at which @, or undefined where there are none. libpq's is the first @ that comes before
 * any /, and the last one before the host's end means more, since no host has an @ in it.
 */
function findCredentialsEnd(rest: string): number | "unclear" | undefined {
  const lastBefore = (from: number, stop: RegExp): number => {
    const end = rest.slice(from).search(stop);
    return rest.lastIndexOf("@", end < 0 ? rest.length : from + end);
  };
  const first = rest.indexOf("@");
  const slash = rest.indexOf("/");
  if (first < 0) return undefined;
  if (slash < 0 || first < slash) return lastBefore(first, /[/?]/);
  // Every @ comes after a /. libpq reads host[:port]/dbname; if that is no port, the / is part of a password.
  const authority = /^[^/?]*/.exec(rest)![0];
  const hasPort = /^(\[[^\]]*\]|[^:]*):\d*$/.test(authority);
  const isPlace = hasPort || /^(\[[^\]]*\]|[^:]*)(:\d*)?(,(\[[^\]]*\]|[^:]*)(:\d*)?)*$/.test(authority);
  const last = lastBefore(first, /[/?]/);
  if (!isPlace) return last;
  const database = rest.slice(slash, first);
  if (database.includes("?") || !hasPort && !database.includes(":")) return undefined;
  // A password of digits and a slash, as in u:12/34@host/db; without a database at the end it could be either.
  return hasPort && rest.slice(last).includes("/") ? last : "unclear";
}

/** What C's isspace() takes for white space. */
const SPACE = /[ \t-\r]/;

/** `host=localhost password='with spaces, \' and \\'`, as conninfo_parse() of libpq reads it. */
function parsePairs(text: string): Conninfo {
  const settings: Conninfo = new Map();
  const wrong = () =>
    new UsageError("Cannot read the connection string: a part of it is not key=value", {
      hint: "Put a value with spaces in single quotes, and a backslash before each ' and \\ in it.",
    });
  let at = 0;
  const skip = () => {
    while (at < text.length && SPACE.test(text[at]!)) at++;
  };
  for (skip(); at < text.length; skip()) {
    const start = at;
    while (at < text.length && text[at] !== "=" && !SPACE.test(text[at]!)) at++;
    const name = text.slice(start, at);
    skip();
    if (text[at] !== "=") throw wrong();
    at++;
    skip();
    const isQuoted = text[at] === "'";
    if (isQuoted) at++;
    let value = "";
    for (;; at++) {
      if (at >= text.length) {
        if (isQuoted) throw wrong();
        break;
      }
      if (isQuoted ? text[at] === "'" : SPACE.test(text[at]!)) break;
      if (text[at] === "\\") at++;
      value += text[at] ?? "";
    }
    if (isQuoted) at++;
    settings.set(known(name), value);
  }
  return settings;
}

/** Refuses, as libpq does, a parameter that it does not know: a typing error in `sslmode` must not go unseen. */
export function known(name: string): string {
  if (findParameter(name) !== undefined) return name;
  const shown = /^\w{1,40}$/.test(name) ? `parameter "${name}"` : "one of its parameters";
  throw new UsageError(`Cannot read the connection string: ${shown} is not known or not supported`, {
    hint: `Known are: ${PARAMETERS.filter((one) => one.as !== "refused").map((one) => one.name).join(", ")}.`,
  });
}
