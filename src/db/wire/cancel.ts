/**
 * Asks a server to cancel what one of its sessions is at. That takes a connection of its own, on which nothing is answered.
 * Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { SslMode, Target } from "../target/target.ts";
import { openSocket } from "./socket.ts";

/** What the server gave a session to be cancelled by. */
export interface BackendKey {
  readonly pid: number;
  readonly secret: number;
}

const CANCEL_REQUEST = 80_877_102;

/**
 * Sends a cancel request; resolves once the server has passed it on. Whether there was anything to cancel is not known.
 *
 * @throws whatever kept it from being sent, or the signal's reason
 */
export async function sendCancel(target: Target, mode: SslMode, key: BackendKey, signal: AbortSignal): Promise<void> {
  const { socket } = await openSocket(target, mode, signal);
  try {
    const message = Buffer.alloc(16);
    [16, CANCEL_REQUEST, key.pid, key.secret].forEach((value, i) => message.writeUInt32BE(value, 4 * i));
    socket.resume();
    const closed = once(socket, "close", { signal });
    socket.write(message);
    await closed;
  } finally {
    socket.destroy();
  }
}
