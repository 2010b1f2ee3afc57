/**
 * The start of a session: the start-up message, and whatever the server asks to know who we are. npm:postgres could do it, but
 * has no SCRAM-SHA-256-PLUS, no require_auth, and takes a server's word for what it asks; so the driver gets a session that
 * is logged in. Knows the protocol up to the first ReadyForQuery.
 * Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { AuthMethod, Target } from "../target/target.ts";
import { readErrorFields } from "./copy.ts";
import { serverError } from "./failures.ts";
import { cannotConnect } from "../wire/refusal.ts";
import { type Binding, Scram } from "../wire/scram.ts";
import type { TappedSocket } from "./tapped.ts";
import type { SecureSocket } from "../wire/tls.ts";

const PROTOCOL = 3 << 16;
/** Authentication, error, notice, protocol version, parameter, key, ready: what comes from a server by then. */
const TYPES = "RENvSKZ";
const HEADER = 5;

/** The server asks for a password, and there is none. */
export class PasswordNeeded extends Error {
  constructor() {
    super("the server asks for a password, and none was given");
  }
}

/** A message from the server. */
interface Message {
  readonly type: string;
  readonly body: Buffer;
  /** The whole of it. */
  readonly frame: Buffer;
}

/** The server's messages, one by one. */
class Messages {
  #rest: Buffer = Buffer.alloc(0);
  #hasBegun = false;
  #wake: () => void = () => {};
  #lost: Error | undefined;
  readonly #target: Target;
  readonly #onBegin: () => void;

  constructor(target: Target, onBegin: () => void) {
    this.#target = target;
    this.#onBegin = onBegin;
  }

  push(chunk: Uint8Array): void {
    if (!this.#hasBegun) this.#onBegin();
    this.#hasBegun = true;
    this.#rest = Buffer.concat([this.#rest, chunk]);
    this.#wake();
  }

  fail(error: Error): void {
    this.#lost = error;
    this.#wake();
  }

  /** What came beyond the last message that was read. */
  get rest(): Buffer {
    return this.#rest;
  }

  async next(): Promise<Message> {
    for (;;) {
      const rest = this.#rest;
      const length = rest.length < HEADER ? Infinity : rest.readInt32BE(1);
      if ((rest.length > 0 && !TYPES.includes(rest.toString("latin1", 0, 1))) || length < 4) {
        throw notTheProtocol(this.#target);
      }
      const end = 1 + length;
      if (end <= rest.length) {
        this.#rest = rest.subarray(end);
        const frame = rest.subarray(0, end);
        return { type: frame.toString("latin1", 0, 1), body: frame.subarray(HEADER), frame };
      }
      if (this.#lost) throw this.#lost;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

function notTheProtocol(target: Target) {
  return cannotConnect(target, "whatever listens there does not speak PostgreSQL's protocol", {
    hint: "Check host and port, and the server's log.",
  });
}

/** How to log in. */
export interface LoginOptions {
  readonly target: Target;
  readonly applicationName: string | undefined;
  /** What TLS came to, if there is any. */
  readonly secure: SecureSocket | undefined;
  /** Called at the server's first word. */
  readonly onBegin: () => void;
}

/**
 * Logs in; resolves to what the server said from its consent on, for the driver to hear.
 *
 * @throws {PasswordNeeded} the server asks for a password, and the target has none
 * @throws {ConnectionError} it asks for what we cannot or may not do. The server's refusal is thrown as the driver's error.
 */
export async function logIn(socket: TappedSocket, options: LoginOptions): Promise<Uint8Array> {
  const { target, applicationName } = options;
  const messages = new Messages(target, options.onBegin);
  socket.onChunk = (chunk) => messages.push(chunk);
  socket.onLost = (error) => messages.fail(error);
  if (socket.lost) throw socket.lost;
  const parameters = {
    user: target.user,
    database: target.database,
    client_encoding: "UTF8",
    application_name: applicationName ?? "synapse_compress_state",
    ...target.parameters,
  };
  const words = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`).join("");
  const body = Buffer.concat([int32(PROTOCOL), Buffer.from(`${words}\0`)]);
  socket.write(Buffer.concat([int32(body.length + 4), body]));
  const consent = await authenticate(socket, messages, options);
  const said: Buffer[] = [consent];
  for (;;) {
    const { type, body, frame } = await messages.next();
    if (type === "E") throw serverError(readErrorFields(body, 0, body.length));
    said.push(frame);
    if (type === "Z") break;
  }
  return Buffer.concat([...said, messages.rest]);
}

/** Answers what the server asks, until it consents; resolves to its consent. */
async function authenticate(socket: TappedSocket, messages: Messages, options: LoginOptions): Promise<Buffer> {
  const { target } = options;
  const send = (body: Uint8Array) => socket.write(Buffer.concat([Buffer.from("p"), int32(body.length + 4), body]));
  const password = (): string => {
    if (!target.password) throw new PasswordNeeded();
    return target.password;
  };
  let scram: Scram | undefined;
  let method: AuthMethod = "none";
  for (;;) {
    const { type, body, frame } = await messages.next();
    if (type === "E") throw serverError(readErrorFields(body, 0, body.length));
    if (type === "N") continue;
    if (type !== "R" || body.length < 4) throw notTheProtocol(target);
    const kind = body.readInt32BE(0);
    const rest = body.subarray(4);
    const asked = METHODS[kind];
    if (asked !== undefined) {
      method = asked;
      demandAllowed(target, method);
    }
    switch (kind) {
      case 0:
        demandAllowed(target, method);
        if (scram?.isFinished === false) throw cannotConnect(target, "the server lets us in before it proved itself");
        if (target.channelBinding === "require" && scram?.mechanism !== "SCRAM-SHA-256-PLUS") throw unbound(target);
        return frame;
      case 3:
        if (target.channelBinding === "require") throw unbound(target);
        send(Buffer.from(`${password()}\0`));
        break;
      case 5:
        if (target.channelBinding === "require") throw unbound(target);
        send(Buffer.from(`md5${md5(md5(password(), target.user), rest.subarray(0, 4))}\0`));
        break;
      case 10: {
        scram = begin(target, rest.toString("latin1").split("\0"), options.secure, password);
        const first = Buffer.from(scram.first);
        send(Buffer.concat([Buffer.from(`${scram.mechanism}\0`), int32(first.length), first]));
        break;
      }
      case 11:
      case 12:
        if (scram === undefined) throw notTheProtocol(target);
        try {
          if (kind === 12) scram.finish(rest.toString());
          else send(Buffer.from(await scram.prove(rest.toString())));
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
          throw cannotConnect(target, `the server is not to be trusted: ${error.message}`, {
            hint: "Check that host and port are your server's.",
            cause: error,
          });
        }
        break;
      default:
        throw cannotConnect(
          target,
          `the server asks for ${
            METHODS[kind] === undefined ? `authentication ${kind}` : "GSSAPI, Kerberos or SSPI"
          } authentication, which is not supported`,
          {
            hint: "Give this user a password (scram-sha-256), peer or certificate line in the server's pg_hba.conf.",
          },
        );
    }
  }
}

/** The methods by the number with which a server asks for them. */
const METHODS: Readonly<Record<number, AuthMethod>> = {
  2: "gss",
  3: "password",
  5: "md5",
  7: "gss",
  9: "sspi",
  10: "scram-sha-256",
};

function demandAllowed(target: Target, method: AuthMethod): void {
  if (target.requireAuth === undefined || target.requireAuth.includes(method)) return;
  const what = method === "none" ? "did not ask who we are" : `asks for ${method} authentication`;
  throw cannotConnect(target, `the server ${what}, which require_auth does not allow`, {
    hint: `It allows ${target.requireAuth.join(", ")}. Change the server's pg_hba.conf, or require_auth.`,
  });
}

/** Chooses the mechanism: bound to the certificate where both can. */
function begin(
  target: Target,
  mechanisms: readonly string[],
  secure: SecureSocket | undefined,
  password: () => string,
): Scram {
  const offersPlus = mechanisms.includes("SCRAM-SHA-256-PLUS");
  const wants = target.channelBinding !== "disable";
  if (target.channelBinding === "require" && !(secure?.isVerified && secure.binding && offersPlus)) {
    throw unbound(target, secure);
  }
  const binding: Binding = !wants || secure?.binding === undefined
    ? "unsupported"
    : offersPlus
    ? secure.binding
    : "none";
  if (typeof binding === "string" && !mechanisms.includes("SCRAM-SHA-256")) {
    throw cannotConnect(
      target,
      `the server offers only what is not supported: ${mechanisms.filter(Boolean).join(", ")}`,
      {
        hint: "Give this user a password (scram-sha-256), peer or certificate line in the server's pg_hba.conf.",
      },
    );
  }
  return new Scram(password(), binding);
}

function unbound(target: Target, secure?: SecureSocket) {
  const why = secure === undefined
    ? "the server does not use SCRAM over TLS"
    : !secure.isVerified
    ? "the server's certificate is not verified"
    : secure.binding === undefined
    ? "the certificate's signature has no hash to bind to"
    : "the server does not offer SCRAM-SHA-256-PLUS";
  return cannotConnect(target, `channel_binding=require cannot be met: ${why}`, {
    hint: secure?.isVerified === false
      ? "Name the certificates to trust in sslrootcert: without that, TLS here does not check that the server has its key."
      : "It needs TLS, and scram-sha-256 in the server's pg_hba.conf; or use channel_binding=prefer.",
  });
}

function md5(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
