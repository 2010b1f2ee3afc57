/** Private keys under a password, as `openssl pkcs8 -topk8` writes them. */
import { Buffer } from "node:buffer";
import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { der, oid, sequence, toPem } from "./tls.ts";

/** Puts a key in PKCS #8 under the password `throw-away`. */
export function encryptKey(key: Uint8Array): string {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync("throw-away", salt, 2048, 32, "sha256"), iv);
  const data = Buffer.concat([cipher.update(key), cipher.final()]);
  // RFC 8018: PBES2 of PBKDF2 with HMAC-SHA-256 and AES-256-CBC.
  const derivation = sequence(
    oid("2a864886f70d01050c"),
    sequence(der(0x04, salt), der(0x02, Buffer.of(8, 0)), sequence(oid("2a864886f70d0209"), Buffer.of(5, 0))),
  );
  const scheme = sequence(oid("60864801650304012a"), der(0x04, iv));
  const algorithm = sequence(oid("2a864886f70d01050d"), sequence(derivation, scheme));
  return toPem("ENCRYPTED PRIVATE KEY", sequence(algorithm, der(0x04, data)));
}
