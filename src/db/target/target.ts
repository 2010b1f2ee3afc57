/**
 * Which database to work on, by every way that libpq has to say it: a `postgresql://` URL, a `key=value` string, a
 * service file, PG* variables, the password file, and libpq's defaults. Hides their order of precedence; their syntax is
 * that of conninfo.ts and files.ts beside this. Opens no connection. A password is never part of a message, and not an
 * enumerable property of a {@linkcode Target}.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html and …/libpq-envars.html, …/libpq-pgpass.html
 */

import { userInfo } from "node:os";
import { UsageError } from "../../errors.ts";
import { type Environment, readPasswords, readService } from "./files.ts";
import { type Conninfo, FORM_HINT, parseConninfo } from "./conninfo.ts";
import { PARAMETERS } from "./parameters.ts";
import { combinePlaces, type Place, toPlace, wholeNumber, withPassword } from "./places.ts";
import { readSecurity, type Security } from "./security.ts";

export type { Environment } from "./files.ts";
export type { Place } from "./places.ts";
export type { AuthMethod, Security, SslMode } from "./security.ts";

/** What a session must be for a server to be the right one of several. */
export type SessionAttributes = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby";

const ATTRIBUTES: readonly string[] = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];

/** Where a database is, and as whom and how to connect to it. Of several places, its own fields are those of the first. */
export interface Target extends Place, Security {
  /** The places to try, in this order: at least one. */
  readonly places: readonly Place[];
  /** Which of the servers there will do. */
  readonly sessionAttributes: SessionAttributes;
  /** Whether to try the places in a random order, and the addresses of each. */
  readonly balancesHosts: boolean;
  /** The role. */
  readonly user: string;
  /** The database's name. */
  readonly database: string;
  /** The password of the client certificate's key. Not enumerable. */
  readonly sslPassword: string | undefined;
  /** For each address; 0 for no limit, undefined where nothing was said. */
  readonly connectTimeoutMs: number | undefined;
  /** After how long a silence TCP asks whether the server is still there; 0 for never. */
  readonly keepAliveMs: number;
  /** The start-up parameters that were asked for: `application_name` and `options`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What was found and not used, for the caller to show: a password file that others may read. */
  readonly warnings: readonly string[];
}

const KEEP_ALIVE_MS = 60_000;

/**
 * Reads a connection string. What it leaves open comes from its service, then from the environment, then from libpq's
 * defaults; an empty string leaves everything open. Reads the password file, and looks for `~/.postgresql`.
 *
 * @throws {UsageError} if the string cannot be read, or asks for what cannot be honoured. Never shows a password.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * import { describeTarget, parseTarget } from "./target.ts";
 *
 * const target = parseTarget("postgresql://synapse_user:secret@localhost/synapse", {});
 * strictEqual(describeTarget(target), 'database "synapse" on localhost:5432 as "synapse_user"');
 * ```
 */
export function parseTarget(text: string, environment: Environment = {}): Target {
  const given = parseConninfo(text.trim());
  const service = given.get("service") ?? environment["PGSERVICE"];
  const served: Conninfo = service ? readService(service, environment) : new Map();
  const values: Conninfo = new Map();
  for (const { name, variable, only, note } of PARAMETERS) {
    const named = given.get(name) ?? served.get(name);
    // The encoding of other programs' texts is not this one's concern.
    const value = named ?? (variable && variable !== "PGCLIENTENCODING" ? environment[variable] : undefined);
    if (!value) continue;
    if (only?.test(value) === false) {
      throw new UsageError(`Cannot honour the connection parameter ${name}=${value}: it is not supported`, {
        hint: `${named === undefined ? `Unset ${variable}` : "Remove it"}: ${note}.`,
      });
    }
    values.set(name, value);
  }
  const pick = (name: string): string | undefined => values.get(name);

  const warnings: string[] = [];
  const user = pick("user") ?? userName(environment);
  const database = pick("dbname") ?? user;
  const password = pick("password");
  const find = password === undefined ? readPasswords(pick("passfile"), environment, warnings) : () => password;
  const places = combinePlaces(pick("host"), pick("hostaddr"), pick("port"))
    .map((place) => toPlace(place, find({ ...place, host: place.host ?? place.hostAddress, database, user })));
  const sessionAttributes = pick("target_session_attrs") ?? "any";
  if (!ATTRIBUTES.includes(sessionAttributes)) {
    throw new UsageError(
      `Cannot use target_session_attrs "${sessionAttributes}": it must be one of ${ATTRIBUTES.join(", ")}`,
    );
  }
  const balance = pick("load_balance_hosts") ?? "disable";
  if (balance !== "disable" && balance !== "random") {
    throw new UsageError(`Cannot use load_balance_hosts "${balance}": it must be disable or random`);
  }
  const timeout = pick("connect_timeout");
  const applicationName = pick("application_name") ?? pick("fallback_application_name");
  const options = pick("options");
  const [keepAlives, idle] = [pick("keepalives"), pick("keepalives_idle")];
  const isKept = keepAlives === undefined || wholeNumber(keepAlives, "keepalives", -(2 ** 31), 2 ** 31) !== 0;
  const idleSeconds = idle === undefined ? 0 : wholeNumber(idle, "keepalives_idle", -(2 ** 31), 2 ** 31);
  const target: Omit<Target, "password" | "sslPassword"> = {
    ...places[0]!,
    places,
    sessionAttributes: sessionAttributes as SessionAttributes,
    balancesHosts: balance === "random",
    user,
    database,
    ...readSecurity(pick, environment),
    connectTimeoutMs: timeout === undefined
      ? undefined
      : Math.max(0, wholeNumber(timeout, "connect_timeout", -(2 ** 31), 2 ** 31)) * 1000,
    keepAliveMs: !isKept ? 0 : idleSeconds > 0 ? idleSeconds * 1000 : KEEP_ALIVE_MS,
    parameters: {
      ...(applicationName ? { application_name: applicationName } : {}),
      ...(options ? { options } : {}),
    },
    warnings,
  };
  return hideSecrets(target, places[0]!.password, pick("sslpassword"));
}

function hideSecrets(
  target: Omit<Target, "password" | "sslPassword">,
  password: string | undefined,
  sslPassword: string | undefined,
): Target {
  return Object.defineProperty(withPassword(target, password), "sslPassword", {
    value: sslPassword,
    enumerable: false,
  }) as Target;
}

/** The same database at one of its places, or at one of a place's addresses. */
export function atPlace(target: Target, place: Place): Target {
  const { password, ...open } = withPassword(place, place.password);
  const only = withPassword(open, password);
  return hideSecrets({ ...target, ...open, places: [only] }, password, target.sslPassword);
}

/** The same database with a password for each of its places that has none. */
export function givePassword(target: Target, password: string): Target {
  const places = target.places.map((place) => withPassword(place, place.password ?? password));
  return hideSecrets({ ...target, places }, target.password ?? password, target.sslPassword);
}

/** Names a target in a sentence, without its password: `database "synapse" on localhost:5432 as "synapse_user"`. */
export function describeTarget(
  target: Pick<Target, "host" | "port" | "database" | "user"> & Partial<Pick<Target, "places">>,
): string {
  const places = (target.places ?? [target]).map(describePlace).join(" or ");
  return `database "${target.database}" on ${places} as "${target.user}"`;
}

/** Names a place: `localhost:5432`, or its socket. */
export function describePlace({ host, port }: Pick<Place, "host" | "port">): string {
  if (host.startsWith("/")) return `socket ${host}/.s.PGSQL.${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function userName(environment: Environment): string {
  try {
    return userInfo().username;
  } catch {
    const name = environment["USER"] ?? environment["USERNAME"] ?? environment["LOGNAME"];
    if (name) return name;
    throw new UsageError("Cannot tell as which user to connect: the connection string names none", { hint: FORM_HINT });
  }
}
