/**
 * Certificates for tests, made on the spot by node:crypto alone: an authority, and what it issues. Just enough DER for X.509
 * version 3 with P-256 keys. Source: RFC 5280, section 4.1.
 */
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";

/** A certificate and its private key, both as PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate is for. */
export interface CertificateOptions {
  /** The subject's common name; PostgreSQL's `cert` authentication takes it as the user. */
  readonly name: string;
  readonly dnsNames?: readonly string[];
  /** IPv4 addresses. */
  readonly addresses?: readonly string[];
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

/** An authority of its own. */
export interface Authority extends KeyedCertificate {
  issue(options: CertificateOptions): KeyedCertificate;
  /** Makes a list of certificates that are no longer to be trusted, as PEM. */
  revoke(certificates: readonly string[], validTo?: Date): string;
}

const DAY_MS = 86_400_000;
/** ecdsa-with-SHA256 */
const ALGORITHM = sequence(oid("2a8648ce3d040302"));

/** Makes an authority. */
export function makeAuthority(name: string): Authority {
  const keys = newKeys();
  const self = build({ name }, keys.publicKey, name, keys.privateKey, true);
  return {
    certificate: self,
    key: pem(keys.privateKey),
    issue(options) {
      const own = newKeys();
      return { certificate: build(options, own.publicKey, name, keys.privateKey, false), key: pem(own.privateKey) };
    },
    revoke: (certificates, validTo) => buildList(certificates, name, keys.privateKey, validTo),
  };
}

function build(
  options: CertificateOptions,
  publicKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  isAuthority: boolean,
): string {
  const names = [
    ...(options.dnsNames ?? []).map((name) => der(0x82, Buffer.from(name))),
    ...(options.addresses ?? []).map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
  ];
  const extensions = [
    // basicConstraints, critical
    sequence(
      oid("551d13"),
      der(0x01, Buffer.of(0xff)),
      der(0x04, isAuthority ? sequence(der(0x01, Buffer.of(0xff))) : sequence()),
    ),
    // subjectAltName
    ...(names.length ? [sequence(oid("551d11"), der(0x04, sequence(...names)))] : []),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, Buffer.concat([Buffer.of(0x01), randomBytes(8)])),
    ALGORITHM,
    distinguishedName(issuer),
    sequence(
      time(options.validFrom ?? new Date(Date.now() - DAY_MS)),
      time(options.validTo ?? new Date(Date.now() + DAY_MS)),
    ),
    distinguishedName(options.name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  return signed(body, issuerKey, "CERTIFICATE");
}

/** A certificate revocation list of version 2 (RFC 5280, section 5.1). */
function buildList(certificates: readonly string[], issuer: string, issuerKey: KeyObject, validTo?: Date): string {
  const entries = certificates.map((certificate) => {
    // Deno leaves a first zero out.
    const digits = new X509Certificate(certificate).serialNumber;
    const serial = Buffer.from(digits.padStart(digits.length + digits.length % 2, "0"), "hex");
    return sequence(der(0x02, serial), time(new Date(Date.now() - DAY_MS)));
  });
  const body = sequence(
    der(0x02, Buffer.of(1)),
    ALGORITHM,
    distinguishedName(issuer),
    time(new Date(Date.now() - 2 * DAY_MS)),
    time(validTo ?? new Date(Date.now() + DAY_MS)),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
  );
  return signed(body, issuerKey, "X509 CRL");
}

/** What is signed, with its signature, as PEM. */
function signed(body: Buffer, key: KeyObject, kind: string): string {
  const whole = sequence(
    body,
    ALGORITHM,
    der(0x03, Buffer.concat([Buffer.of(0), sign("sha256", body, key)])),
  );
  return toPem(kind, whole);
}

/** Bytes as PEM. */
export function toPem(kind: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN ${kind}-----\n${lines}\n-----END ${kind}-----\n`;
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** A value of DER. */
export function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

export function sequence(...parts: Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

export function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

/** A name with nothing but a common name. */
function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
}

/** GeneralizedTime: YYYYMMDDHHMMSSZ. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(date.toISOString().replace(/\.\d+|[-:T]/g, "")));
}
