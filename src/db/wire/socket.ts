/**
 * Opens the socket to a server, over TCP or a Unix socket, with TLS as libpq's `sslmode` means it. Hides the SSLRequest
 * negotiation; knows nothing of what follows.
 * Source: https://www.postgresql.org/docs/current/libpq-ssl.html, https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
 */

import { connect as connectPlain, type Socket } from "node:net";
import type { SslMode, Target } from "../target/target.ts";
import { cannotConnect, silenceError } from "./refusal.ts";
import { readTlsOptions, type SecureSocket, upgrade } from "./tls.ts";
import { event } from "./wait.ts";

/** Length 8, then the number 80877103: asks for TLS before the first real message. */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A socket to a server, ready for the start-up message. */
export interface ServerSocket {
  readonly socket: Socket;
  /** What TLS came to, or undefined where there is none. */
  readonly secure: SecureSocket | undefined;
  /** Our port, or null for a Unix socket. */
  readonly localPort: number | null;
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
): Promise<ServerSocket> {
  const isLocal = target.host.startsWith("/");
  // As libpq: a Unix socket never has TLS, whatever sslmode says.
  const wantsTls = !isLocal && sslMode !== "disable" && sslMode !== "allow";
  // Read first: a missing certificate file is a mistake to hear of before anything is sent.
  const tls = wantsTls ? readTlsOptions(target, sslMode) : undefined;
  if (tls !== undefined && target.sslNegotiation === "direct") {
    const secure = await upgrade(undefined, target, tls, signal);
    tune(secure.socket, target);
    return { socket: secure.socket, secure, localPort: secure.socket.localPort ?? null };
  }
  const path = isLocal
    ? { path: `${target.host}/.s.PGSQL.${target.port}` }
    : { host: target.hostAddress ?? target.host, port: target.port };
  const socket = connectPlain(path as { host: string; port: number });
  // Whoever waits listens for itself; an "error" with nobody waiting would throw.
  socket.on("error", () => {});
  let silence: ReturnType<typeof setTimeout> | undefined;
  try {
    await event(socket, "connect", signal);
    if (!isLocal) tune(socket, target);
    const localPort = socket.localPort ?? null;
    if (!tls) return { socket, secure: undefined, localPort };
    if (answerTimeoutMs > 0) {
      silence = setTimeout(() => socket.destroy(silenceError(target, answerTimeoutMs)), answerTimeoutMs);
    }
    const answer = event(socket, "data", signal);
    socket.write(SSL_REQUEST);
    // In one step, with nothing between the answer and the upgrade: what comes after it is no longer ours to read.
    const [bytes] = await answer as [Uint8Array];
    clearTimeout(silence);
    // More than the one byte would be text that anyone on the way could have put before the encryption (CVE-2021-23222).
    if (bytes.length === 1 && bytes[0] === 0x4e) {
      if (sslMode === "prefer") return { socket, secure: undefined, localPort };
      throw cannotConnect(target, `the server does not offer TLS, and sslmode=${sslMode} demands it`, {
        hint: "Set ssl = on in the server's postgresql.conf, or, on a network that you trust, use sslmode=prefer.",
      });
    }
    if (bytes.length !== 1 || bytes[0] !== 0x53) {
      throw cannotConnect(target, "whatever listens there does not speak PostgreSQL's protocol, or is overloaded", {
        hint: "Check host and port, and the server's log.",
      });
    }
    try {
      const secure = await upgrade(socket, target, tls, signal);
      return { socket: secure.socket, secure, localPort };
    } catch (error) {
      // As libpq: who only prefers TLS goes on without it.
      if (sslMode !== "prefer" || signal.aborted) throw error;
      socket.destroy();
      return await openSocket(target, "disable", signal, answerTimeoutMs).catch(() => {
        throw error;
      });
    }
  } catch (error) {
    // Deno 2.7 leaves a socket open that is destroyed while it connects.
    if (socket.connecting) socket.once("connect", () => socket.destroy()).unref();
    else socket.destroy();
    throw error;
  } finally {
    clearTimeout(silence);
  }
}

function tune(socket: Socket, { keepAliveMs }: Target): void {
  // One round trip a statement: waiting to fill a packet only delays it.
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAliveMs > 0, keepAliveMs);
}
