/**
 * How a connection is to be secured: TLS and its certificates, and what a server may ask to know who we are. Knows libpq's values,
 * its defaults, and which of them exclude each other; reads no certificate.
 * Source: https://www.postgresql.org/docs/17/libpq-ssl.html
 */

import { UsageError } from "../../errors.ts";
import { configFile, type Environment, ifExists } from "./files.ts";

/** libpq's levels of transport security, from none to a verified host name. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** Ways in which a server finds out who we are; `none` if it does not ask. */
export type AuthMethod = "password" | "md5" | "gss" | "sspi" | "scram-sha-256" | "oauth" | "none";

/** How a connection is secured. */
export interface Security {
  /** How TLS is used, as libpq means it. */
  readonly sslMode: SslMode;
  /** Whether TLS begins at once, or after asking in the clear whether the server has it. */
  readonly sslNegotiation: "postgres" | "direct";
  /** The path of a file of trusted certificates, `system` for the system's store, or undefined for none. */
  readonly sslRootCert: string | undefined;
  /** The path of a file of revoked certificates, if there is one. */
  readonly sslCrl: string | undefined;
  /** The path of a folder of such files, named as OpenSSL does. */
  readonly sslCrlDir: string | undefined;
  /** The path of the client's certificate, if it has one and is to show it. */
  readonly sslCert: string | undefined;
  /** The path of the client certificate's key. */
  readonly sslKey: string | undefined;
  /** Whether the host's name is sent in the clear, for whatever routes by it. */
  readonly sslSni: boolean;
  /** The lowest version of TLS, or undefined where 1.2, below which nothing goes here, will do. */
  readonly sslMinVersion: "TLSv1.3" | undefined;
  /** The highest version of TLS, or undefined for no limit. */
  readonly sslMaxVersion: "TLSv1.2" | undefined;
  /** Whether the password's proof is bound to the server's certificate (SCRAM-SHA-256-PLUS). */
  readonly channelBinding: "disable" | "prefer" | "require";
  /** The only ways in which the server may ask who we are, or undefined for all. */
  readonly requireAuth: readonly AuthMethod[] | undefined;
}

const SSL_MODES: readonly string[] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const METHODS: readonly string[] = ["password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"];
const VERSIONS: readonly string[] = ["tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"];

/**
 * Settles how a connection is secured.
 *
 * @param pick gives a parameter's value, undefined where it is left open
 * @throws {UsageError} a value is none, or two exclude each other
 */
export function readSecurity(pick: (name: string) => string | undefined, environment: Environment): Security {
  const choose = <T extends string>(name: string, values: readonly T[], otherwise: T): T => {
    const value = pick(name) ?? otherwise;
    if ((values as readonly string[]).includes(value)) return value as T;
    throw new UsageError(`Cannot use ${name} "${value}": it must be one of ${values.join(", ")}`);
  };
  const sslRootCert = pick("sslrootcert") ?? ifExists(configFile(environment, "root.crt"));
  // As libpq 16: with the system's store anybody can get a certificate, so only a verified host name means anything.
  const sslMode = choose(
    "sslmode",
    SSL_MODES as readonly SslMode[],
    sslRootCert === "system" ? "verify-full" : "prefer",
  );
  if (sslRootCert === "system" && sslMode !== "verify-full") {
    throw new UsageError(`Cannot use sslmode "${sslMode}" with sslrootcert=system: it is too weak`, {
      hint: "Use sslmode=verify-full, or name a certificate file in sslrootcert.",
    });
  }
  const sslNegotiation = choose("sslnegotiation", ["postgres", "direct"], "postgres");
  if (sslNegotiation === "direct" && (sslMode === "disable" || sslMode === "allow" || sslMode === "prefer")) {
    throw new UsageError(`Cannot use sslnegotiation=direct with sslmode "${sslMode}": it is too weak`, {
      hint: "Use sslmode=require, verify-ca or verify-full: direct TLS has no way back to none.",
    });
  }
  const shows = pick("sslcertmode") !== "disable";
  const sslCert = shows ? pick("sslcert") ?? ifExists(configFile(environment, "postgresql.crt")) : undefined;
  const channelBinding = choose("channel_binding", ["disable", "prefer", "require"], "prefer");
  const [lowest, highest] = [
    readVersion(pick, "ssl_min_protocol_version"),
    readVersion(pick, "ssl_max_protocol_version"),
  ];
  if (lowest !== undefined && highest !== undefined && VERSIONS.indexOf(lowest) > VERSIONS.indexOf(highest)) {
    throw new UsageError("Cannot use ssl_min_protocol_version: it is above ssl_max_protocol_version");
  }
  return {
    sslMode,
    sslNegotiation,
    sslRootCert,
    sslCrl: pick("sslcrl") ?? (pick("sslcrldir") ? undefined : ifExists(configFile(environment, "root.crl"))),
    sslCrlDir: pick("sslcrldir"),
    sslCert,
    sslKey: sslCert && (pick("sslkey") ?? ifExists(configFile(environment, "postgresql.key"))),
    sslSni: choose("sslsni", ["0", "1"], "1") === "1",
    sslMinVersion: lowest === "tlsv1.3" ? "TLSv1.3" : undefined,
    sslMaxVersion: highest === "tlsv1.2" ? "TLSv1.2" : undefined,
    channelBinding,
    requireAuth: readMethods(pick("require_auth")),
  };
}

function readVersion(pick: (name: string) => string | undefined, name: string): string | undefined {
  const value = pick(name)?.toLowerCase();
  if (value === undefined || VERSIONS.includes(value)) return value;
  throw new UsageError(`Cannot use ${name} "${value}": it must be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3`);
}

/** `scram-sha-256,md5`, or all but some: `!password,!none`. */
function readMethods(text: string | undefined): AuthMethod[] | undefined {
  if (text === undefined) return undefined;
  const words = text.split(",").map((word) => word.trim());
  const names = words.map((word) => word.replace(/^!/, ""));
  const stray = names.find((name) => !METHODS.includes(name));
  if (stray !== undefined) {
    throw new UsageError(`Cannot use require_auth "${stray}": it must be of ${METHODS.join(", ")}`);
  }
  const refuses = words.filter((word) => word.startsWith("!")).length;
  if (refuses !== 0 && refuses !== words.length) {
    throw new UsageError("Cannot use require_auth: it both demands and refuses methods", {
      hint: "Either name the methods that will do, or put a ! before each that will not.",
    });
  }
  if (new Set(names).size < names.length) throw new UsageError("Cannot use require_auth: it names a method twice");
  return (refuses === 0 ? names : METHODS.filter((name) => !names.includes(name))) as AuthMethod[];
}
