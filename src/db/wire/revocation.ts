/**
 * Whether a server's certificate is revoked, by lists that the administrator keeps: sslcrl and sslcrldir. As libpq has it, every
 * certificate of the chain must be in question of a list that is signed by its authority and still valid; else it is refused. The
 * TLS library cannot do it, and shows us only the server's own certificate, so the authorities must be in sslrootcert.
 * Source: RFC 5280, section 5.1, and https://www.postgresql.org/docs/17/libpq-ssl.html
 */

import { Buffer } from "node:buffer";
import { verify, X509Certificate } from "node:crypto";
import { readCertificate, readInner, readValues, type Value } from "./der.ts";

/** A list of what an authority has revoked. */
interface RevocationList {
  /** The authority's name, in DER. */
  readonly issuer: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
  /** The hash of the signature, where it is one that is safe. */
  readonly hash: string | undefined;
  readonly from: Date;
  readonly until: Date | undefined;
  /** Serial numbers, in hexadecimal. */
  readonly serials: ReadonlySet<string>;
  /** Whether it has something without which it cannot be understood: it covers a part only, say. */
  readonly isSpecial: boolean;
}

/** RSA and ECDSA, each with SHA-256, 384 and 512. */
const SIGNATURES: Readonly<Record<string, string>> = {
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};
const INTEGER = 0x02;
const BOOLEAN = 0x01;
const SEQUENCE = 0x30;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXTENSIONS = 0xa0;
/** Longer chains there are none; but certificates could go round in a circle. */
const MAX_CHAIN = 10;

/**
 * Why a certificate is not to be trusted, by revocation lists; undefined where they have nothing against it.
 *
 * @param der the server's certificate
 * @param authorities PEM of those that are trusted
 * @param lists PEM of the revocation lists
 */
export function findRevocation(
  der: Uint8Array,
  authorities: string,
  lists: string,
  now = new Date(),
): string | undefined {
  const known = readPem(authorities, "CERTIFICATE").map((one) => new X509Certificate(one));
  let found: RevocationList[];
  try {
    found = readPem(lists, "X509 CRL").map(readList);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return "a revocation list cannot be read";
    throw error;
  }
  let current = new X509Certificate(der);
  for (let length = 0; length < MAX_CHAIN; length++) {
    const issuer = known.find((one) => current.checkIssued(one) && current.verify(one.publicKey));
    if (issuer === undefined) {
      return "sslrootcert lacks an authority of its chain, so that no revocation list can be checked";
    }
    const why = judge(current, issuer, found, now);
    if (why !== undefined || current.raw.equals(issuer.raw)) return why;
    current = issuer;
  }
  return "its chain has no end";
}

/** Holds one certificate against the lists of its authority. */
function judge(
  certificate: X509Certificate,
  issuer: X509Certificate,
  lists: readonly RevocationList[],
  now: Date,
): string | undefined {
  const [serial, , name] = readCertificate(certificate.raw);
  const own = lists.filter((list) => list.issuer.equals(name!.whole));
  if (own.length === 0) return "there is no revocation list of the authority that issued it";
  const sound = own.filter(({ hash, signed, signature, isSpecial }) =>
    hash !== undefined && !isSpecial && verify(hash, signed, issuer.publicKey, signature)
  );
  if (sound.length === 0) return "its authority's revocation list cannot be verified";
  const valid = sound.filter(({ from, until }) => from <= now && (until === undefined || now <= until));
  if (valid.length === 0) return "its authority's revocation list has expired";
  const number = serial!.body.toString("hex");
  return valid.some(({ serials }) => serials.has(number)) ? "it is revoked" : undefined;
}

function readPem(text: string, kind: string): Buffer[] {
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${kind}-----([^-]+)-----END ${kind}-----`, "g"));
  return [...blocks].map(([, body]) => Buffer.from(body!, "base64"));
}

function readList(der: Buffer): RevocationList {
  const [signed, algorithm, signature] = readInner(der);
  const fields = [...readValues(signed!.body)];
  if (fields[0]?.tag === INTEGER) fields.shift();
  const [, issuer, from, ...rest] = fields;
  const isTime = ({ tag }: Value) => tag === UTC_TIME || tag === GENERALIZED_TIME;
  const until = rest[0] && isTime(rest[0]) ? rest.shift() : undefined;
  const revoked = rest[0]?.tag === SEQUENCE ? rest.shift() : undefined;
  const extensions = rest.filter(({ tag }) => tag === EXTENSIONS).flatMap(({ body }) => readInner(body));
  const entries = [...readValues(revoked?.body ?? Buffer.alloc(0))].map(({ body }) => [...readValues(body)]);
  const [id] = readValues(algorithm!.body);
  return {
    issuer: issuer!.whole,
    signed: signed!.whole,
    // A bit string says first how many bits of its last byte are not used: none.
    signature: signature!.body.subarray(1),
    hash: SIGNATURES[id!.body.toString("hex")],
    from: readTime(from!),
    until: until && readTime(until),
    serials: new Set(entries.map(([serial]) => serial!.body.toString("hex"))),
    isSpecial: extensions.some(isCritical) ||
      entries.some(([, , own]) => own && [...readValues(own.body)].some(isCritical)),
  };
}

function isCritical({ body }: Value): boolean {
  const [, critical] = readValues(body);
  return critical?.tag === BOOLEAN && critical.body[0] !== 0;
}

/** `YYMMDDHHMMSSZ`, which ends in 2049, or the same with four digits of the year. */
function readTime({ tag, body }: Value): Date {
  const text = body.toString("latin1");
  const digits = tag === GENERALIZED_TIME ? text : `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}`;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  if (parts === null) throw new RangeError("a time in a revocation list is none");
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return new Date(Date.UTC(year!, month! - 1, day!, hour!, minute!, second!));
}
