/**
 * Which database to work on, by every way that libpq has to say it: a `postgresql://` URL, a `key=value` string, a
 * service file, PG* variables, the password file, and libpq's defaults. Hides their order of precedence; their syntax is
 * that of settings.ts and files.ts under target/. Opens no connection. A password is never part of a message, and not an
 * enumerable property of a {@linkcode Target}.
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html and …/libpq-envars.html, …/libpq-pgpass.html
 */

import { userInfo } from "node:os";
import { UsageError } from "../../errors.ts";
import { configFile, defaultHost, type Environment, findPassword, ifExists, readService } from "./files.ts";
import { FORM_HINT, parseSettings, type Settings, VARIABLES } from "./conninfo.ts";

export type { Environment } from "./files.ts";

/** libpq's levels of transport security, from none to a verified host name. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** Where a database is, and as whom and how to connect to it. */
export interface Target {
  /** A host name, an address, or (when it begins with `/`) the directory of a Unix socket. */
  readonly host: string;
  /** The address to open instead of looking `host` up; `host` stays the name that a certificate must carry. */
  readonly hostAddress: string | undefined;
  /** The server's port. */
  readonly port: number;
  /** The role. */
  readonly user: string;
  /** Not enumerable, so that no print of a target shows it. */
  readonly password: string | undefined;
  /** The database's name. */
  readonly database: string;
  /** How TLS is used, as libpq means it. */
  readonly sslMode: SslMode;
  /** The path of a file of trusted certificates, `system` for the system's store, or undefined for none. */
  readonly sslRootCert: string | undefined;
  /** The path of the client's certificate, if it has one. */
  readonly sslCert: string | undefined;
  /** The path of the client certificate's key. */
  readonly sslKey: string | undefined;
  /** 0 for no limit, undefined where nothing was said. */
  readonly connectTimeoutMs: number | undefined;
  /** The start-up parameters that were asked for: `application_name` and `options`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What was found and not used, for the caller to show: a password file that others may read. */
  readonly warnings: readonly string[];
}

/** Parameters of which only these values can be honoured; any other is refused rather than ignored. */
const ONLY: Readonly<Record<string, RegExp>> = {
  client_encoding: /^(utf-?8|auto|unicode)$/i,
  channel_binding: /^(disable|prefer)$/,
  gssencmode: /^(disable|prefer)$/,
  target_session_attrs: /^any$/,
  sslnegotiation: /^postgres$/,
};

const SSL_MODES: readonly string[] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
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
  const given = parseSettings(text.trim());
  const service = given.get("service") ?? environment["PGSERVICE"];
  const served: Settings = service ? readService(service, environment) : new Map();
  const pick = (name: string): string | undefined => {
    const variable = VARIABLES.get(name);
    return given.get(name) || served.get(name) || (variable ? environment[variable] : undefined) || undefined;
  };
  for (const [name, allowed] of Object.entries(ONLY)) {
    const value = pick(name);
    if (value !== undefined && !allowed.test(value)) {
      throw new UsageError(`Cannot honour the connection parameter ${name}=${value}: it is not supported`, {
        hint: `Remove it${VARIABLES.get(name) ? `, or unset ${VARIABLES.get(name)}` : ""}.`,
      });
    }
  }

  const warnings: string[] = [];
  const hostAddress = pick("hostaddr");
  const host = pick("host") ?? hostAddress ?? defaultHost();
  if (host.includes(",") || pick("port")?.includes(",")) {
    throw new UsageError("Cannot use several hosts: a connection string must name one", {
      hint: "Name the primary server: a standby is read-only, and lags behind.",
    });
  }
  if (host.startsWith("@")) throw new UsageError("Cannot use an abstract Unix socket: only a directory works");
  const port = wholeNumber(pick("port") ?? "5432", "port", 1, 65535);
  const user = pick("user") ?? userName(environment);
  const database = pick("dbname") ?? user;
  const timeout = pick("connect_timeout");
  const password = pick("password") ??
    findPassword(pick("passfile"), { host: pick("host") ?? hostAddress, port, database, user }, environment, warnings);

  const sslRootCert = pick("sslrootcert") ?? ifExists(configFile(environment, "root.crt"));
  // As libpq 16: with the system's store anybody can get a certificate, so only a verified host name means anything.
  const sslMode = pick("sslmode") ?? (sslRootCert === "system" ? "verify-full" : "prefer");
  if (!SSL_MODES.includes(sslMode)) {
    throw new UsageError(`Cannot use sslmode "${sslMode}": it must be one of ${SSL_MODES.join(", ")}`);
  }
  if (sslRootCert === "system" && sslMode !== "verify-full") {
    throw new UsageError(`Cannot use sslmode "${sslMode}" with sslrootcert=system: it is too weak`, {
      hint: "Use sslmode=verify-full, or name a certificate file in sslrootcert.",
    });
  }
  const sslCert = pick("sslcert") ?? ifExists(configFile(environment, "postgresql.crt"));
  const applicationName = pick("application_name") ?? pick("fallback_application_name");
  const options = pick("options");
  const target: Omit<Target, "password"> = {
    host,
    hostAddress,
    port,
    user,
    database,
    sslMode: sslMode as SslMode,
    sslRootCert,
    sslCert,
    sslKey: pick("sslkey") ?? (sslCert ? ifExists(configFile(environment, "postgresql.key")) : undefined),
    connectTimeoutMs: timeout === undefined
      ? undefined
      : Math.max(0, wholeNumber(timeout, "connect_timeout", -1, 2 ** 31)) * 1000,
    parameters: {
      ...(applicationName ? { application_name: applicationName } : {}),
      ...(options ? { options } : {}),
    },
    warnings,
  };
  return Object.defineProperty(target, "password", { value: password, enumerable: false }) as Target;
}

/** Names a target in a sentence, without its password: `database "synapse" on localhost:5432 as "synapse_user"`. */
export function describeTarget(target: Pick<Target, "host" | "port" | "database" | "user">): string {
  const { host, port } = target;
  const place = host.startsWith("/")
    ? `socket ${host}/.s.PGSQL.${port}`
    : host.includes(":")
    ? `[${host}]:${port}`
    : `${host}:${port}`;
  return `database "${target.database}" on ${place} as "${target.user}"`;
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

function wholeNumber(text: string, name: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (/^\s*-?\d+\s*$/.test(text) && value >= lowest && value <= highest) return value;
  throw new UsageError(`Cannot read the connection string: ${name} is not a whole number from ${lowest} to ${highest}`);
}
