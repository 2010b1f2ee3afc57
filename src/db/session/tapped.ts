/**
 * What npm:postgres gets for a socket: the real one, but that every byte from the server passes by us first, and that the loss
 * of it is told as one error, once. Knows what the driver asks of a socket; nothing of the protocol but that a start-up message
 * comes first.
 */

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Target } from "../target/target.ts";

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
  #greeting: Uint8Array | undefined;

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

  /**
   * Gives the driver a session that is logged in: its start-up message is not sent, and what the server said to ours is what it
   * hears.
   */
  greet(greeting: Uint8Array): void {
    this.#greeting = greeting;
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
    if (this.#greeting !== undefined) {
      const greeting = this.#greeting;
      this.#greeting = undefined;
      // Later: the driver does not reckon with an answer while it still writes.
      setImmediate(() => this.#lost ?? this.onChunk(greeting));
      return true;
    }
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
