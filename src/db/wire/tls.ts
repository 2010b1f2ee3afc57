/**
 * TLS on a socket, as libpq's parameters mean it. Hides what Deno's TLS (rustls) does differently from OpenSSL: it verifies a
 * certificate's chain, and we its name, by libpq's rules; and it tells of a failed handshake at the first read only. Which versions
 * it may speak it cannot be told: version.ts asks the server which one it is.
 * Source: https://www.postgresql.org/docs/17/libpq-ssl.html
 */

import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { ConnectionError } from "../../errors.ts";
import { ifExists, isPrivateKey } from "../target/files.ts";
import type { SslMode, Target } from "../target/target.ts";
import { certificateError } from "./causes.ts";
import { describeNames, hashForBinding, isFor, isIssuedBy } from "./certificate.ts";
import { cannotConnect } from "./refusal.ts";
import { findRevocation } from "./revocation.ts";
import { event } from "./wait.ts";

/** Instead of a host's name: an address, which is not sent. */
const NO_NAME = "127.0.0.1";

/** What TLS came to. */
export interface SecureSocket {
  readonly socket: TLSSocket;
  /** What the server's certificate binds a password's proof to, where its signature allows that. */
  readonly binding: Uint8Array | undefined;
  /** Whether the server has shown that the certificate, which we trust, is its own. */
  readonly isVerified: boolean;
}

/** What {@linkcode upgrade} is told. */
export interface TlsOptions extends ConnectionOptions {
  /** How strictly the certificate is checked: not at all, its chain, or its chain and its name. */
  readonly checks: "nothing" | "chain" | "name";
  /** PEM of the lists of revoked certificates, where they are to be checked. */
  readonly revoked: string | undefined;
}

/**
 * Reads the certificates, before anything is sent.
 *
 * @throws {ConnectionError} a file is missing, or does not fit
 */
export function readTlsOptions(target: Target, sslMode: SslMode): TlsOptions {
  const { sslRootCert, sslCert, sslKey } = target;
  const read = (path: string, what: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw cannotConnect(target, `the file ${path} of ${what} cannot be read`, { cause });
    }
  };
  const demands = sslMode.startsWith("verify");
  if (demands && sslRootCert === undefined) {
    throw cannotConnect(target, `sslmode=${sslMode} needs sslrootcert, the certificates to trust`, {
      hint:
        "Name a file with sslrootcert=…, or trust the system's store with sslrootcert=system and sslmode=verify-full.",
    });
  }
  // As libpq: "require" with a root certificate at hand behaves like verify-ca, and a file that is not there is none.
  const hasRoot = sslRootCert !== undefined && (sslRootCert === "system" || ifExists(sslRootCert) !== undefined);
  const verifies = demands || (sslMode === "require" && hasRoot);
  const options: ConnectionOptions = {
    rejectUnauthorized: verifies,
    // An address may not be sent as a server name (RFC 6066), so that one hides the name that is not to be sent.
    ...(isIP(target.host) || !target.sslSni ? { host: NO_NAME } : { host: target.host, servername: target.host }),
    // Ours to check: by the name alone, rustls would not take one that is in the common name.
    checkServerIdentity: () => undefined,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["postgresql"],
  };
  if (verifies && sslRootCert !== undefined && sslRootCert !== "system") {
    options.ca = [read(sslRootCert, "sslrootcert")];
  }
  // As libpq: a certificate that is not there is none, and the server may not ask for one.
  if (sslCert !== undefined && ifExists(sslCert) !== undefined) {
    if (sslKey === undefined) {
      throw cannotConnect(target, `sslcert=${sslCert} needs sslkey, the file of its private key`);
    }
    options.cert = read(sslCert, "sslcert");
    options.key = readKey(target, sslKey, read(sslKey, "sslkey"));
  }
  const lists = verifies ? findLists(target) : [];
  if (lists.length > 0 && options.ca === undefined) {
    throw cannotConnect(target, "revocation lists cannot be checked with sslrootcert=system", {
      hint: "Name the authority's certificate in sslrootcert, or take sslcrl and sslcrldir away.",
    });
  }
  const revoked = lists.map((path) => read(path, "revoked certificates")).join("\n");
  if (lists.length > 0 && !revoked.includes("BEGIN X509 CRL")) {
    throw cannotConnect(target, `there is no revocation list in ${lists.join(" and ")}`);
  }
  return {
    ...options,
    checks: !verifies ? "nothing" : sslMode === "verify-full" ? "name" : "chain",
    revoked: revoked || undefined,
  };
}

/** The files of revocation lists. As libpq: one that is not there is none, and in a folder OpenSSL's names count. */
function findLists({ sslCrl, sslCrlDir }: Target): string[] {
  const names = sslCrlDir !== undefined && ifExists(sslCrlDir) !== undefined
    ? readdirSync(sslCrlDir).filter((name) => /^[0-9a-f]{8}\.r\d+$/.test(name))
    : [];
  const file = sslCrl !== undefined && ifExists(sslCrl) !== undefined ? [sslCrl] : [];
  return [...file, ...names.map((name) => `${sslCrlDir}/${name}`)];
}

/** A private key in the form that rustls takes. */
function readKey(target: Target, path: string, pem: string): string {
  if (!isPrivateKey(path)) {
    throw cannotConnect(target, `the private key ${path} may be read by others`, { hint: `chmod 600 ${path}` });
  }
  const convert = `Convert it: openssl pkcs8 -topk8 -in ${path} -out new.key && chmod 600 new.key`;
  if (/^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw cannotConnect(target, `the private key ${path} is encrypted in OpenSSL's old way, which cannot be read`, {
      hint: convert,
    });
  }
  if (!pem.includes("BEGIN ENCRYPTED PRIVATE KEY")) return pem;
  if (target.sslPassword === undefined) {
    throw cannotConnect(target, `the private key ${path} is encrypted, and no sslpassword was given`, {
      hint: "Put sslpassword=… into the connection string.",
    });
  }
  try {
    const key = createPrivateKey({ key: pem, passphrase: target.sslPassword });
    return String(key.export({ type: "pkcs8", format: "pem" }));
  } catch (cause) {
    throw cannotConnect(target, `the private key ${path} does not open with this sslpassword`, {
      hint: `Check sslpassword. If it is right, the cipher may be one that is not supported. ${convert}`,
      cause,
    });
  }
}

/**
 * Begins TLS on a socket, or on a new one of its own (sslnegotiation=direct), and checks the server's certificate.
 *
 * @throws {ConnectionError} there is no TLS to be had, or it is not what was asked for
 */
export async function upgrade(
  socket: Socket | undefined,
  target: Target,
  { checks, revoked, ...options }: TlsOptions,
  signal: AbortSignal,
): Promise<SecureSocket> {
  // Deno sends the protocol's name, which direct TLS needs, only on a socket that it opens itself.
  const place = { host: target.hostAddress ?? target.host, port: target.port };
  const secure = connectTls({
    ...options,
    ...(socket === undefined ? place : { socket }),
  });
  secure.on("error", () => {});
  try {
    await event(secure, "secureConnect", signal);
    let certificate = secure.getPeerCertificate();
    if (!certificate?.raw) {
      // Deno says "secureConnect" although the handshake failed, and tells why at the first read. The server speaks
      // first only to refuse, so that a read ends in the error and takes nothing from a sound connection.
      secure.resume();
      await event(secure, "data", signal);
      certificate = secure.getPeerCertificate();
    }
    const { raw } = certificate;
    // Deno trusts its own store beside the file, and a public authority vouches for anyone's host name: where the name
    // is not checked, the file alone must vouch.
    if (options.ca && checks === "chain" && !isIssuedBy(raw, String(options.ca))) {
      throw cannotConnect(target, `no certificate in ${target.sslRootCert} has issued the server's certificate`, {
        hint: "Use sslmode=verify-full, or add the intermediate certificate that issued it to that file.",
      });
    }
    const why = revoked === undefined ? undefined : findRevocation(raw, String(options.ca), revoked);
    if (why !== undefined) {
      throw cannotConnect(target, `the server's certificate is not trusted: ${why}`, {
        hint: "sslcrl and sslcrldir name the revocation lists, of which each authority's must be there and up to date.",
      });
    }
    if (checks === "name" && !isFor(raw, target.host)) {
      const names = describeNames(raw);
      throw cannotConnect(
        target,
        `the server's certificate is for ${names ?? "no name at all"}, not for the ${
          isIP(target.host) ? "address" : "host name"
        } "${target.host}"`,
        {
          hint:
            "Connect by a name that is in the certificate (hostaddr=… gives the address apart), or use sslmode=verify-ca.",
        },
      );
    }
    return { socket: secure, binding: raw && hashForBinding(raw), isVerified: checks !== "nothing" };
  } catch (cause) {
    secure.destroy();
    const isUnreached = socket === undefined && (cause as { syscall?: unknown }).syscall === "connect";
    if (cause instanceof ConnectionError || signal.aborted || isUnreached) throw cause;
    throw certificateError(target, cause);
  }
}
