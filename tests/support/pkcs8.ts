/** Private keys under a password, as `openssl pkcs8 -topk8` writes them. */
import { Buffer } from "node:buffer";
import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";

/** Puts a key in PKCS #8 under the password `throw-away`. */
export function encryptKey(der: Uint8Array): string {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync("throw-away", salt, 2048, 32, "sha256"), iv);
  const data = Buffer.concat([cipher.update(der), cipher.final()]);
  const tagged = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
    const body = Buffer.concat(parts);
    const size = body.length < 0x80
      ? [body.length]
      : body.length < 0x100
      ? [0x81, body.length]
      : [0x82, body.length >> 8, body.length & 0xff];
    return Buffer.concat([Buffer.of(tag, ...size), body]);
  };
  const oid = (hex: string) => tagged(0x06, Buffer.from(hex, "hex"));
  // RFC 8018: PBES2 of PBKDF2 with HMAC-SHA-256 and AES-256-CBC.
  const derivation = tagged(
    0x30,
    oid("2a864886f70d01050c"),
    tagged(
      0x30,
      tagged(0x04, salt),
      tagged(0x02, Buffer.of(8, 0)),
      tagged(0x30, oid("2a864886f70d0209"), Buffer.of(5, 0)),
    ),
  );
  const scheme = tagged(0x30, oid("60864801650304012a"), tagged(0x04, iv));
  const algorithm = tagged(0x30, oid("2a864886f70d01050d"), tagged(0x30, derivation, scheme));
  const text = Buffer.from(tagged(0x30, algorithm, tagged(0x04, data))).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${text.trimEnd()}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}
