/**
 * A socket under TLS of which the server's hello is read as it passes by: the one message that says in the clear which version of
 * TLS it chose. Source: RFC 8446, sections 4.1.3, 4.2.1 and 5.1.
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const SUPPORTED_VERSIONS = 43;
const VERSIONS: Readonly<Record<number, string>> = { 0x0303: "TLSv1.2", 0x0304: "TLSv1.3" };

/** Passes everything on in both directions. */
export class HelloReader extends Duplex {
  /** What the server chose, once it has said so. */
  version: string | undefined;
  readonly #socket: Socket;
  #start: Buffer | undefined = Buffer.alloc(0);

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      if (this.destroyed) return;
      this.#read(chunk);
      this.push(chunk);
    });
    socket.on("end", () => this.destroyed || this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#start = undefined;
    this.#socket.destroy();
    done(error);
  }

  #read(chunk: Uint8Array): void {
    if (this.#start === undefined) return;
    const start = this.#start = Buffer.concat([this.#start, chunk]);
    if (start.length < 5 || start.length < 5 + start.readUInt16BE(3)) return;
    this.#start = undefined;
    this.version = readVersion(start);
  }
}

/** The version in a record that holds a server's hello. */
export function readVersion(record: Uint8Array): string | undefined {
  const bytes = Buffer.from(record);
  try {
    if (bytes[0] !== HANDSHAKE || bytes[5] !== SERVER_HELLO) return undefined;
    let at = 9;
    let version = bytes.readUInt16BE(at);
    at += 2 + 32;
    at += 1 + bytes.readUInt8(at) + 2 + 1; // The session's id, the cipher, the compression.
    const end = Math.min(5 + bytes.readUInt16BE(3), at + 2 + (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0));
    for (at += 2; at + 4 <= end; at += 4 + bytes.readUInt16BE(at + 2)) {
      if (bytes.readUInt16BE(at) === SUPPORTED_VERSIONS) version = bytes.readUInt16BE(at + 4);
    }
    return VERSIONS[version];
  } catch (error) {
    // It ends too early to be one.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
