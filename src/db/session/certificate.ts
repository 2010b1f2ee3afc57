/**
 * What libpq asks of a server's certificate beyond its chain, which the TLS library has verified: whom it is for, who has issued it,
 * and what a password's proof is bound to. Knows X.509 as far as node:crypto reads it; opens nothing.
 */

import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** A name or an address that a certificate is for. */
interface AltName {
  readonly kind: "DNS" | "IP Address";
  readonly value: string;
}

/** Node's list, `DNS:a, IP Address:1.2.3.4, URI:"x, y"`, of which quoted values hold what could be taken for another entry. */
function readAltNames(text: string | undefined): AltName[] {
  const entries = text?.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g) ?? [];
  return [...entries].flatMap(([, kind, value]) => {
    if (kind !== "DNS" && kind !== "IP Address") return [];
    return [{ kind, value: value!.startsWith('"') ? JSON.parse(value!) as string : value! }];
  });
}

/** The common names of the subject, the last of which counts as with libpq. */
function readCommonName(certificate: X509Certificate): string | undefined {
  const names = certificate.subject?.split("\n").filter((line) => line.startsWith("CN=")) ?? [];
  return names.at(-1)?.slice("CN=".length);
}

/**
 * Whether a certificate is for a host, by libpq's rules: one of its names or addresses is the host's, or, where it has no
 * alternative name of the host's kind, its common name is. A `*.` at the beginning of a name stands for one label.
 * Source: https://www.postgresql.org/docs/17/libpq-ssl.html#LIBPQ-SSL-SERVER-CERTIFICATE
 *
 * @param host a name or an address
 */
export function isFor(der: Uint8Array, host: string): boolean {
  const certificate = new X509Certificate(der);
  const names = readAltNames(certificate.subjectAltName);
  const isAddress = isIP(host) !== 0;
  if (names.some((name) => fits(name, host))) return true;
  // A host name is held against the common name only where no DNS name is; an address also where no IP address is.
  const hindering = isAddress ? names : names.filter(({ kind }) => kind === "DNS");
  if (hindering.length > 0) return false;
  const common = readCommonName(certificate);
  return common !== undefined && fits({ kind: "DNS", value: common }, host);
}

function fits({ kind, value }: AltName, host: string): boolean {
  if (kind === "IP Address") return isIP(host) !== 0 && canonical(value) === canonical(host);
  const [name, wanted] = [value.toLowerCase(), host.toLowerCase()];
  if (name === wanted) return true;
  return name.startsWith("*.") && name.length > 2 && wanted.includes(".") && wanted.indexOf(".") > 0 &&
    wanted.slice(wanted.indexOf(".")) === name.slice(1);
}

/** One way of writing an address: Node expands what a certificate has, and people write `::1`. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]/`).hostname : address;
}

/** Names a certificate's holders, for a message: `"db.example" (and 2 other names)`. */
export function describeNames(der: Uint8Array): string | undefined {
  const certificate = new X509Certificate(der);
  const names = readAltNames(certificate.subjectAltName).map(({ value }) => value);
  const common = readCommonName(certificate);
  const [first = common, ...others] = names;
  if (first === undefined) return undefined;
  return `"${first}"${
    others.length === 0 ? "" : ` (and ${others.length} other name${others.length === 1 ? "" : "s"})`
  }`;
}

/** Whether one of the certificates in a PEM file has issued a certificate, or is it. */
export function isIssuedBy(der: Uint8Array | undefined, authorities: string): boolean {
  if (der === undefined) return false;
  const leaf = new X509Certificate(der);
  const blocks = authorities.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block)).some((authority) =>
    leaf.raw.equals(authority.raw) || (leaf.checkIssued(authority) && leaf.verify(authority.publicKey))
  );
}

/**
 * What `tls-server-end-point` binds to: the certificate's hash, by the hash of its signature, but for MD5 and SHA-1 by SHA-256.
 * Undefined where its signature has no such hash, as with Ed25519. Source: RFC 5929, section 4.1.
 */
export function hashForBinding(der: Uint8Array): Uint8Array | undefined {
  const { signatureAlgorithm } = new X509Certificate(der) as { signatureAlgorithm?: string };
  const hash = /md5|sha-?(?:1|224|256|384|512)(?!\d)/i.exec(signatureAlgorithm ?? "")?.[0].toLowerCase().replace(
    "-",
    "",
  );
  if (hash === undefined) return undefined;
  return createHash(hash === "md5" || hash === "sha1" ? "sha256" : hash).update(der).digest();
}
