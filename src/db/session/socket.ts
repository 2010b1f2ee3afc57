/**
 * Opens the socket to a server, over TCP or a Unix socket, with TLS as libpq's `sslmode` means it, and wraps it for
 * npm:postgres so that every byte from the server passes by us first. Hides the SSLRequest negotiation and what Deno's
 * TLS does differently from Node's; knows nothing of queries.
 * Source: https://www.postgresql.org/docs/current/libpq-ssl.html, https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */

import { X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { ConnectionError, type ErrorDetails } from "../../errors.ts";
import { describeTarget, type SslMode, type Target } from "../target/target.ts";
import { isOpenToOthers } from "../target/files.ts";

/** Length 8, then the number 80877103: asks for TLS before the first real message. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const KEEP_ALIVE_MS = 60_000;

/** The server closed the connection without a word. */
export class ClosedError extends Error {
  constructor() {
    super("the server closed the connection");
  }
}

/** What listens there takes connections, and says nothing. A PostgreSQL that is up says something at once. */
export function silenceError(target: Target, timeoutMs: number): ConnectionError {
  return cannotConnect(target, `what listens there says nothing: no answer within ${timeoutMs / 1000} seconds`, {
    hint: "Check host and port: it may not be PostgreSQL. If it is, and slow, allow more time with connect_timeout.",
  });
}

/** Makes the one sentence of a failed connection: `Cannot connect to database "x" on host:5432 as "u": why`. */
export function cannotConnect(target: Target, why: string, details: ErrorDetails = {}): ConnectionError {
  return new ConnectionError(`Cannot connect to ${describeTarget(target)}: ${why}`, details);
}

/**
 * Opens a socket to the target's server and settles TLS; what follows on it is the start-up message.
 * The first answer has `answerTimeoutMs` to come, 0 for no limit of its own.
 * With `sslmode=allow` the connection is plain; it is for the caller to come again with another mode if it is refused.
 *
 * @throws {ConnectionError} if TLS is refused, or a certificate does not hold. A failure to connect is thrown as it came.
 */
export async function openSocket(
  target: Target,
  sslMode: SslMode,
  signal: AbortSignal,
  answerTimeoutMs = 0,
): Promise<Socket> {
  const isLocal = target.host.startsWith("/");
  // As libpq: a Unix socket never has TLS, whatever sslmode says.
  const wantsTls = !isLocal && sslMode !== "disable" && sslMode !== "allow";
  // Read first: a missing certificate file is a mistake to hear of before anything is sent.
  const tlsOptions = wantsTls ? readTlsOptions(target, sslMode) : undefined;
  const socket = isLocal
    ? connectPlain({ path: `${target.host}/.s.PGSQL.${target.port}` })
    : connectPlain({ host: target.hostAddress ?? target.host, port: target.port });
  // Whoever waits listens for itself; an "error" with nobody waiting would throw.
  socket.on("error", () => {});
  let silence: ReturnType<typeof setTimeout> | undefined;
  try {
    await event(socket, "connect", signal);
    if (!isLocal) {
      // One round trip a statement: waiting to fill a packet only delays it.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
    }
    if (!tlsOptions) return socket;
    const answer = event(socket, "data", signal);
    socket.write(SSL_REQUEST);
    if (answerTimeoutMs > 0) {
      silence = setTimeout(() => socket.destroy(silenceError(target, answerTimeoutMs)), answerTimeoutMs);
    }
    // In one step, with nothing between the answer and the upgrade: what comes after it is no longer ours to read.
    const [bytes] = await answer as [Uint8Array];
    clearTimeout(silence);
    // More than the one byte would be text that anyone on the way could have put before the encryption (CVE-2021-23222).
    if (bytes.length === 1 && bytes[0] === 0x53) {
      return await upgrade(socket, target, tlsOptions, signal);
    }
    if (bytes.length !== 1 || bytes[0] !== 0x4e) {
      throw cannotConnect(target, "what answers there does not speak PostgreSQL's protocol, or is overloaded", {
        hint: "Check host and port, and the server's log.",
      });
    }
    if (sslMode === "prefer") return socket;
    throw cannotConnect(target, `the server does not offer TLS, and sslmode=${sslMode} demands it`, {
      hint: "Set ssl = on in the server's postgresql.conf, or, on a network that you trust, use sslmode=prefer.",
    });
  } catch (error) {
    clearTimeout(silence);
    // Deno 2.7 leaves a socket open that is destroyed while it connects.
    if (socket.connecting) socket.once("connect", () => socket.destroy()).unref();
    else socket.destroy();
    throw error;
  }
}

/** Waits for an event of a socket, or for the end of it. */
function event(socket: Socket, name: string, signal: AbortSignal): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      socket.off(name, done).off("error", reject).off("close", closed);
      signal.removeEventListener("abort", aborted);
      settle();
    };
    const done = (...values: unknown[]) => finish(() => resolve(values));
    // In Deno 2.7 the first connection of a process may emit "close" before its "error".
    const closed = () => finish(() => reject(socket.errored ?? new ClosedError()));
    const aborted = () => finish(() => reject(signal.reason));
    socket.once(name, done).once("error", reject).once("close", closed);
    signal.addEventListener("abort", aborted, { once: true });
    if (signal.aborted) aborted();
  });
}

function readTlsOptions(target: Target, sslMode: SslMode): ConnectionOptions {
  const { sslRootCert, sslCert, sslKey } = target;
  const read = (path: string, what: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw cannotConnect(target, `the file ${path} of ${what} cannot be read`, { cause });
    }
  };
  if (sslMode.startsWith("verify") && sslRootCert === undefined) {
    throw cannotConnect(target, `sslmode=${sslMode} needs sslrootcert, the certificates to trust`, {
      hint:
        "Name a file with sslrootcert=…, or trust the system's store with sslrootcert=system and sslmode=verify-full.",
    });
  }
  // As libpq: "require" with a root certificate at hand behaves like verify-ca.
  const verifies = sslMode.startsWith("verify") || (sslMode === "require" && sslRootCert !== undefined);
  const options: ConnectionOptions = {
    rejectUnauthorized: verifies,
    // The name that a certificate is checked for. An address may not be sent as a server name (RFC 6066).
    host: target.host,
    ...(isIP(target.host) ? {} : { servername: target.host }),
    minVersion: "TLSv1.2",
  };
  if (verifies && sslRootCert !== undefined && sslRootCert !== "system") {
    options.ca = [read(sslRootCert, "sslrootcert")];
  }
  if (sslMode !== "verify-full") options.checkServerIdentity = () => undefined;
  if (sslCert !== undefined) {
    if (sslKey === undefined) {
      throw cannotConnect(target, `sslcert=${sslCert} needs sslkey, the file of its private key`);
    }
    options.cert = read(sslCert, "sslcert");
    options.key = read(sslKey, "sslkey");
    if (isOpenToOthers(sslKey)) {
      throw cannotConnect(target, `the private key ${sslKey} may be read by others`, { hint: `chmod 600 ${sslKey}` });
    }
  }
  return options;
}

async function upgrade(
  socket: Socket,
  target: Target,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const secure = connectTls({ ...options, socket });
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
    // Deno trusts its own store beside the file, and a public authority vouches for anyone's host name: where the name
    // is not checked, the file alone must vouch.
    if (options.ca && target.sslMode !== "verify-full" && !isIssuedBy(certificate.raw, String(options.ca))) {
      throw cannotConnect(target, `no certificate in ${target.sslRootCert} has issued the server's certificate`, {
        hint: "Use sslmode=verify-full, or add the intermediate certificate that issued it to that file.",
      });
    }
    return secure;
  } catch (cause) {
    secure.destroy();
    if (cause instanceof ConnectionError || signal.aborted) throw cause;
    throw certificateError(target, cause);
  }
}

function isIssuedBy(certificate: Uint8Array | undefined, authorities: string): boolean {
  if (certificate === undefined) return false;
  const leaf = new X509Certificate(certificate);
  const blocks = authorities.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block)).some((authority) =>
    leaf.raw.equals(authority.raw) || (leaf.checkIssued(authority) && leaf.verify(authority.publicKey))
  );
}

/** Puts rustls' words (and Node's, should this run there) as an administrator would say them. */
function certificateError(target: Target, cause: unknown): ConnectionError {
  const text = cause instanceof Error ? `${cause.message} ${(cause as { code?: string }).code ?? ""}` : String(cause);
  const name = isIP(target.host) ? `address ${target.host}` : `host name ${target.host}`;
  if (/not valid for name|NotValidForName|ALTNAME/i.test(text)) {
    return cannotConnect(target, `the server's certificate is not for the ${name}`, {
      hint:
        "Connect by a name that is in the certificate (hostaddr=… gives the address apart), or use sslmode=verify-ca.",
      cause,
    });
  }
  if (/UnknownIssuer|SELF_SIGNED|UNABLE_TO_|BadSignature/i.test(text)) {
    return cannotConnect(target, "the server's certificate is not trusted: its issuer is unknown", {
      hint: target.sslRootCert === "system"
        ? "sslrootcert=system trusts public authorities alone: name the file with its authority's certificate instead."
        : `${target.sslRootCert}, the sslrootcert, must hold the certificate of the authority that issued it.`,
      cause,
    });
  }
  if (/Expired|NotValidYet/i.test(text)) {
    return cannotConnect(target, "the server's certificate has expired or is not yet valid", {
      hint: "Renew it, or set this machine's clock.",
      cause,
    });
  }
  return cannotConnect(target, `TLS failed: ${text.trim()}`, { cause });
}

/**
 * What npm:postgres gets for a socket: the real one, but that what the server sends goes to `onChunk` first, and that
 * the loss of it is told as one error, once, to whatever waits.
 */
export class TappedSocket extends EventEmitter {
  /** Takes each chunk as it comes from the server; what it does not consume it hands on to {@linkcode deliver}. */
  onChunk: (chunk: Uint8Array) => void = (chunk) => this.deliver(chunk);
  /** Called at the loss of the connection, after every waiting query has its error and before the driver sees the end. */
  onLost: (error: Error) => void = () => {};
  /** Where the server is: the driver puts it into its own messages. */
  readonly host: string;
  /** The server's port. */
  readonly port: number;
  readonly #socket: Socket | undefined;
  #lost: Error | undefined;
  #ending = false;

  /** Without a socket, it is one that was lost before: each use of it fails with `lost`. */
  constructor(target: Target, socket: Socket | undefined, explain: (cause: unknown) => Error, lost?: Error) {
    super();
    this.host = target.host;
    this.port = target.port;
    this.#socket = socket;
    if (socket === undefined) {
      // The driver attaches its listeners right after it gets us.
      setImmediate(() => this.fail(lost ?? explain(undefined)));
      return;
    }
    socket.on("data", (chunk: Uint8Array) => this.#lost ?? this.onChunk(chunk));
    socket.on("drain", () => this.emit("drain"));
    socket.on("error", (error) => this.fail(explain(error)));
    socket.on("close", () => this.fail(explain(undefined)));
  }

  /** The error that ended the connection, if one did. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Hands bytes to the driver. */
  deliver(bytes: Uint8Array): void {
    this.emit("data", bytes);
  }

  /** Ends the connection at once: what waits on it fails with `error`. Only the first call counts. */
  fail(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#socket?.destroy();
    // An "error" that nobody listens for would throw.
    if (!this.#ending && this.listenerCount("error") > 0) this.emit("error", error);
    this.onLost(error);
    this.emit("close", true);
  }

  /** net.Socket's, as far as the driver asks: "open", or "closed". */
  get readyState(): string {
    return this.#lost || !this.#socket ? "closed" : "open";
  }

  /** Sends bytes; false means that the driver waits for "drain". */
  write(bytes: Uint8Array, done?: () => void): boolean {
    if (this.#lost || !this.#socket) return false;
    return this.#socket.write(bytes, done);
  }

  /** Sends the last bytes and closes: the end of a session, told to nobody as a loss. */
  end(bytes?: Uint8Array): this {
    this.#ending = true;
    if (bytes && this.#socket) this.#socket.end(bytes);
    else this.#socket?.end();
    return this;
  }

  /** Closes at once. */
  destroy(): this {
    this.#ending = true;
    this.#socket?.destroy();
    return this;
  }

  /**
   * Does nothing. In Deno 2.7 a socket that is paused while idle keeps its read outstanding, and resuming starts a second
   * one beside it, after which chunks come in the wrong order. Nothing here needs it: rows are consumed as they come.
   */
  pause(): this {
    return this;
  }

  /** See {@linkcode TappedSocket.pause}. */
  resume(): this {
    return this;
  }

  /** Does nothing: openSocket() has set it. */
  setKeepAlive(): this {
    return this;
  }
}
