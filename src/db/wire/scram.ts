/**
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: the proof that it has the password, and the check that the server
 * has it too. Text in, text out; knows nothing of PostgreSQL's messages.
 * Source: RFC 5802, RFC 7677, and https://www.postgresql.org/docs/current/sasl-authentication.html
 */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);

/** What the proof is bound to: the server certificate's hash; or `none`; or `unsupported`, if the client could not bind. */
export type Binding = Uint8Array | "none" | "unsupported";

/** One exchange. */
export class Scram {
  /** As SASL names it. */
  readonly mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";
  readonly #password: string;
  /** Says how we bind, and what the server is to hold against it. */
  readonly #header: string;
  readonly #binding: Uint8Array;
  readonly #nonce = randomBytes(18).toString("base64");
  #serverSignature: Buffer | undefined;
  #isFinished = false;

  /**
   * Begins one.
   *
   * @param binding `none` where there is TLS but the server has no SCRAM-SHA-256-PLUS: it will say so if that is not true
   */
  constructor(password: string, binding: Binding) {
    this.mechanism = typeof binding === "string" ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS";
    this.#password = password;
    this.#header = binding === "unsupported" ? "n,," : binding === "none" ? "y,," : "p=tls-server-end-point,,";
    this.#binding = typeof binding === "string" ? new Uint8Array() : binding;
  }

  /** Whether the server has proved that it knows the password. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The first message. PostgreSQL takes the user from the start-up message. */
  get first(): string {
    return `${this.#header}${this.#firstBare}`;
  }

  get #firstBare(): string {
    return `n=,r=${this.#nonce}`;
  }

  /**
   * Answers the server's first message.
   *
   * @throws {SyntaxError} it is not as it must be
   */
  async prove(serverFirst: string): Promise<string> {
    const { r: nonce = "", s: salt = "", i: rounds = "" } = readAttributes(serverFirst);
    const count = /^[1-9]\d{0,8}$/.test(rounds) ? Number(rounds) : 0;
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length || salt === "" || count === 0) {
      throw new SyntaxError("its SCRAM message is malformed");
    }
    const salted = await derive(await prepare(this.#password), Buffer.from(salt, "base64"), count, 32, "sha256");
    const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
    const channel = Buffer.concat([Buffer.from(this.#header), this.#binding]).toString("base64");
    const withoutProof = `c=${channel},r=${nonce}`;
    const exchange = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, "Client Key");
    const signature = hmac(createHash("sha256").update(clientKey).digest(), exchange);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString("base64");
    this.#serverSignature = hmac(hmac(salted, "Server Key"), exchange);
    return `${withoutProof},p=${proof}`;
  }

  /**
   * Checks the server's last message.
   *
   * @throws {SyntaxError} the server does not know the password: it is not the one that it claims to be
   */
  finish(serverFinal: string): void {
    const signature = Buffer.from(readAttributes(serverFinal)["v"] ?? "", "base64");
    const expected = this.#serverSignature;
    if (expected === undefined || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new SyntaxError("it does not prove that it knows the password: it may be an impostor");
    }
    this.#isFinished = true;
  }
}

/** `r=…,s=…,i=…` */
function readAttributes(text: string): Record<string, string> {
  return Object.fromEntries(text.split(",").map((part) => [part[0], part.slice(2)]));
}

/** As PostgreSQL: a password that SASLprep does not allow is taken as it is. */
async function prepare(password: string): Promise<string> {
  // Most are ASCII, of which SASLprep changes nothing: its tables need not be loaded.
  if (/^[ -~]*$/.test(password)) return password;
  const { saslprep } = await import("@mongodb-js/saslprep");
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
