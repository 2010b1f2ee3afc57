/** Waits for what a socket does. */

import type { Socket } from "node:net";

/** The server closed the connection without a word. */
export class ClosedError extends Error {
  constructor() {
    super("the server closed the connection");
  }
}

/** Waits for an event of a socket, or for the end of it. */
export function event(socket: Socket, name: string, signal: AbortSignal): Promise<unknown[]> {
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
