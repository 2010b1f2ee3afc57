/**
 * What libpq asks of a server's certificate beyond its chain, which the TLS library has verified: whom it is for, who has issued it,
 * and what a password's proof is bound to. Knows X.509 as far as node:crypto reads it; opens nothing.
 */

import type { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { readCertificate, readInner, readValues, type Value } from "./der.ts";

/** Whom a certificate is for. */
interface Names {
  /** The subject's common name, the first of them. */
  readonly common: string | undefined;
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * Whether a certificate is for a host, by libpq's rules: one of its names or addresses is the host's, or, where it has no
 * alternative name of the host's kind, its common name is. A `*.` at the beginning of a name stands for one label.
 * Source: https://www.postgresql.org/docs/17/libpq-ssl.html#LIBPQ-SSL-SERVER-CERTIFICATE
 *
 * @param host a name or an address
 */
export function isFor(der: Uint8Array, host: string): boolean {
  const { common, dns, addresses } = readNames(der);
  const isAddress = isIP(host) !== 0;
  if (dns.some((name) => fits(name, host))) return true;
  if (isAddress && addresses.some((address) => canonical(address) === canonical(host))) return true;
  const hasOwnKind = (isAddress ? addresses : dns).length > 0;
  return !hasOwnKind && common !== undefined && fits(common, host);
}

function fits(name: string, host: string): boolean {
  const [pattern, wanted] = [name.toLowerCase(), host.toLowerCase()];
  if (pattern === wanted) return true;
  const dot = wanted.indexOf(".");
  return /^\*\../.test(pattern) && dot > 0 && wanted.slice(dot) === pattern.slice(1);
}

/** One way of writing an address, of which IPv6 has several. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]/`).hostname : address;
}

/** Names a certificate's holders, for a message: `"db.example" (and 2 other names)`. */
export function describeNames(der: Uint8Array): string | undefined {
  const { common, dns, addresses } = readNames(der);
  const [first = common, ...others] = [...dns, ...addresses];
  if (first === undefined) return undefined;
  const more = others.length === 0 ? "" : ` (and ${others.length} other name${others.length === 1 ? "" : "s"})`;
  return `"${first}"${more}`;
}

const COMMON_NAME = "550403";
const ALTERNATIVE_NAMES = "551d11";
const OCTETS = 0x04;
const EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;
const ADDRESS = 0x87;

/**
 * Reads the names where they stand (RFC 5280, section 4.1). Node's text of them will not do: in Deno's, a name that has `, DNS:` in
 * it reads like two.
 */
function readNames(der: Uint8Array): Names {
  const fields = readCertificate(der);
  const subject = [...readValues(fields[4]!.body)].flatMap((set) => [...readValues(set.body)])
    .map((pair) => [...readValues(pair.body)]);
  const common = subject.find(([name]) => name!.body.toString("hex") === COMMON_NAME)?.[1]?.body.toString();
  const extensions = fields.filter(({ tag }) => tag === EXTENSIONS).flatMap(({ body }) => [...readValues(body)])
    .flatMap((list) => [...readValues(list.body)]);
  const names = extensions.map((extension) => [...readValues(extension.body)])
    .filter(([name]) => name!.body.toString("hex") === ALTERNATIVE_NAMES)
    .flatMap((parts) => [...readValues(parts.find(({ tag }) => tag === OCTETS)!.body)])
    .flatMap((list) => [...readValues(list.body)]);
  const of = (kind: number) => names.filter(({ tag }) => tag === kind).map(({ body }) => body);
  return { common, dns: of(DNS_NAME).map(String), addresses: of(ADDRESS).map(toAddress) };
}

function toAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  return bytes.toString("hex").match(/.{1,4}/g)?.join(":") ?? "";
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
  const [, algorithm] = readInner(der);
  const [id, parameters] = readValues(algorithm!.body);
  const name = id!.body.toString("hex");
  const hash = name === RSA_PSS ? readPssHash(parameters) : SIGNATURES[name];
  return hash === undefined ? undefined : createHash(hash).update(der).digest();
}

const RSA_PSS = "2a864886f70d01010a";

/** The hash for each signature that has one, by the algorithm's identifier in DER (RFC 4055, RFC 5758, RFC 8017). */
const SIGNATURES: Readonly<Record<string, string>> = {
  "2a864886f70d010104": "sha256", // md5WithRSAEncryption
  "2a864886f70d010105": "sha256", // sha1WithRSAEncryption
  "2a864886f70d01010e": "sha224",
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d0401": "sha256", // ecdsa-with-SHA1
  "2a8648ce3d040301": "sha224",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

const HASHES: Readonly<Record<string, string>> = {
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
  "608648016503040204": "sha224",
};

/** RSASSA-PSS names its hash in its parameters, where that is not SHA-1. */
function readPssHash(parameters: Value | undefined): string | undefined {
  const tagged = [...readValues(parameters?.body ?? new Uint8Array())].find(({ tag }) => tag === 0xa0);
  if (tagged === undefined) return "sha256";
  const [algorithm] = readValues(tagged.body);
  const [id] = readValues(algorithm!.body);
  return HASHES[id!.body.toString("hex")];
}
