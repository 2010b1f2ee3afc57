/** Reads DER, the encoding of certificates and revocation lists, as far as it takes to find a field in one. Source: X.690. */

import { Buffer } from "node:buffer";

/** A value. */
export interface Value {
  readonly tag: number;
  readonly body: Buffer;
  /** Tag, length and body. */
  readonly whole: Buffer;
}

/**
 * The values in a body of DER.
 *
 * @throws {RangeError} it is not DER
 */
export function* readValues(bytes: Uint8Array): Generator<Value> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < buffer.length;) {
    const start = at;
    const tag = buffer.readUInt8(at);
    let length = buffer.readUInt8(at + 1);
    at += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      length = buffer.readUIntBE(at, count);
      at += count;
    }
    const end = at + length;
    if (end > buffer.length) throw new RangeError("a value of DER ends too early");
    yield { tag, body: buffer.subarray(at, end), whole: buffer.subarray(start, end) };
    at = end;
  }
}

/** The values in the first value of a body. */
export function readInner(bytes: Uint8Array): Value[] {
  const [outer] = readValues(bytes);
  return [...readValues(outer!.body)];
}

/** The tag of a certificate's version, which may be left out. */
const VERSION = 0xa0;

/** A certificate's fields in their order: serial number, algorithm, issuer, validity, subject, and what follows. */
export function readCertificate(der: Uint8Array): Value[] {
  const [body] = readInner(der);
  return [...readValues(body!.body)].filter(({ tag }) => tag !== VERSION);
}
