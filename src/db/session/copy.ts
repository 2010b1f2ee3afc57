/**
 * Reads the rows of a binary COPY straight from the socket's chunks. npm:postgres makes a Buffer and a stream event of
 * each row, which costs twice what the server needs to send it; this reads the protocol's frames in place, keeps every
 * row for itself and hands all other frames on in order, so that the driver still runs the connection. No object and no
 * allocation a row: O(bytes), and one buffer for a message that is split over chunks.
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html, https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
 */

import { Buffer } from "node:buffer";
import { CapacityError, ConnectionError } from "../../errors.ts";

/**
 * Takes one row: `offset` is where the first field's 4-byte length lies; the lengths are already checked to fit.
 * The bytes are valid during the call only.
 */
export type OnRow = (bytes: Uint8Array, offset: number) => void;

/** The fields of an ErrorResponse by their one-letter codes: `S` severity, `C` SQLSTATE, `M` message, `H` hint … */
export type ErrorFields = Readonly<Record<string, string>>;

const COPY_DATA = 0x64; // d
const COPY_DONE = 0x63; // c
const COPY_OUT_RESPONSE = 0x48; // H
const ERROR_RESPONSE = 0x45; // E
const READY_FOR_QUERY = 0x5a; // Z

/** The file header's first 11 bytes. */
const SIGNATURE = "PGCOPY\n\xff\r\n\0";
const HEADER_LENGTH = SIGNATURE.length + 8;
const TRAILER = 0xffff;
const FRAME_HEADER = 5;

/** Reads a big-endian int32. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/**
 * Reads a big-endian int64 as a number.
 *
 * @throws {CapacityError} if it is beyond 2^53, where numbers are no longer exact.
 */
export function readInt64(bytes: Uint8Array, at: number): number {
  const value = readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0);
  if (!Number.isSafeInteger(value)) {
    const exact = BigInt(readInt32(bytes, at)) * 0x1_0000_0000n + BigInt(readInt32(bytes, at + 4) >>> 0);
    throw new CapacityError(`Cannot work with the 64-bit number ${exact}: it is beyond 2^53`);
  }
  return value;
}

/** One COPY under way. */
interface Copy {
  readonly onRow: OnRow;
  readonly resolve: (rows: number) => void;
  readonly reject: (error: unknown) => void;
  /** Whether CopyOutResponse was seen, and with it the number of columns. */
  hasStarted: boolean;
  columns: number;
  hasHeader: boolean;
  hasTrailer: boolean;
  isDone: boolean;
  rows: number;
  error: ErrorFields | undefined;
}

/** What a {@linkcode FrameReader} tells. */
interface FrameListener {
  /** Takes whole frames, in order: all but the CopyData of a COPY that is being read here. */
  forward(frames: Uint8Array): void;
  /** Reading cannot go on: the bytes are not the protocol's, or a row's reader threw. Nothing more is forwarded. */
  fault(error: unknown): void;
  /** Makes the error of an ErrorResponse that came during a COPY. */
  serverError(fields: ErrorFields): Error;
}

/** Splits what a server sends into frames, and reads the rows of a COPY out of them. */
export class FrameReader {
  readonly #listener: FrameListener;
  /** The beginning of a frame whose end is in a later chunk. */
  #carry = Buffer.allocUnsafe(1 << 12);
  #carried = 0;
  #copy: Copy | undefined;
  #isFaulty = false;
  /** The last FATAL or PANIC of the server: why it is about to close the connection. */
  fatal: ErrorFields | undefined;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** Whether the server has begun to send the rows of the COPY that was asked for. */
  get isCopying(): boolean {
    return this.#copy?.hasStarted ?? false;
  }

  /**
   * Reads the rows of the next COPY: to be called just before the statement is sent. Resolves to the number of rows when
   * the server is ready for another query; rejects with the server's error, or with what `onRow` threw.
   */
  read(onRow: OnRow): Promise<number> {
    if (this.#copy) throw new TypeError("A COPY is under way on this connection: wait for it");
    return new Promise((resolve, reject) => {
      this.#copy = {
        onRow,
        resolve,
        reject,
        hasStarted: false,
        columns: -1,
        hasHeader: false,
        hasTrailer: false,
        isDone: false,
        rows: 0,
        error: undefined,
      };
    });
  }

  /** Gives up a COPY whose statement failed before any row, or whose connection is lost. */
  cancel(error: unknown): void {
    const copy = this.#copy;
    this.#copy = undefined;
    copy?.reject(error);
  }

  /** Takes what came from the server. */
  push(chunk: Uint8Array): void {
    if (this.#isFaulty) return;
    try {
      let at = 0;
      if (this.#carried > 0) {
        at = this.#complete(chunk);
        if (at < 0) return;
      }
      at = this.#frames(chunk, at, chunk.length);
      if (at < chunk.length) this.#append(chunk, at, chunk.length);
    } catch (error) {
      this.#isFaulty = true;
      this.cancel(error);
      this.#listener.fault(error);
    }
  }

  /** Fills up the carried frame; returns how much of the chunk it took, or -1 if the frame is still not whole. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    if (this.#carried < FRAME_HEADER) {
      at = Math.min(FRAME_HEADER - this.#carried, chunk.length);
      this.#append(chunk, 0, at);
      if (this.#carried < FRAME_HEADER) return -1;
    }
    const total = 1 + frameLength(this.#carry, 0);
    const end = Math.min(at + total - this.#carried, chunk.length);
    this.#append(chunk, at, end);
    if (this.#carried < total) return -1;
    this.#carried = 0;
    // The driver may keep what it is given, so only rows are read from the buffer that will be used again.
    const isRow = this.#carry[0] === COPY_DATA && this.isCopying;
    this.#frames(isRow ? this.#carry : Buffer.from(this.#carry.subarray(0, total)), 0, total);
    return end;
  }

  #append(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#carried + to - from;
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#carry.length));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), this.#carried);
    this.#carried = needed;
  }

  /** Reads the whole frames from `at` on; returns where the first that is not whole begins. */
  #frames(bytes: Uint8Array, at: number, end: number): number {
    let pending = at; // Frames from here to `at` are still to be forwarded.
    while (end - at >= FRAME_HEADER) {
      if (bytes[at] === COPY_DATA && this.isCopying) {
        if (pending < at) this.#listener.forward(bytes.subarray(pending, at));
        pending = this.#rows(bytes, at, end, this.#copy!);
        if (pending === at) break;
        at = pending;
        continue;
      }
      const next = at + 1 + frameLength(bytes, at);
      if (next > end) break;
      this.#note(bytes, at, next);
      at = next;
    }
    if (pending < at) this.#listener.forward(bytes.subarray(pending, at));
    return at;
  }

  /** The hot loop: reads whole CopyData frames, one row each; returns where it stopped. */
  #rows(bytes: Uint8Array, at: number, end: number, copy: Copy): number {
    const { onRow, columns } = copy;
    let rows = 0;
    while (end - at >= FRAME_HEADER && bytes[at] === COPY_DATA) {
      const length = readInt32(bytes, at + 1);
      const next = at + 1 + length;
      if (length < 4) throw notTheProtocol("a message has an impossible length");
      if (next > end) break;
      let row = at + FRAME_HEADER;
      at = next;
      if (!copy.hasHeader) {
        row = readHeader(bytes, row, next);
        copy.hasHeader = true;
        if (row === next) continue;
      }
      const count = next - row >= 2 ? (bytes[row]! << 8) | bytes[row + 1]! : -1;
      row += 2;
      if (count !== columns || copy.hasTrailer) {
        if (count !== TRAILER || row !== next || copy.hasTrailer) throw notTheProtocol("a row is malformed");
        copy.hasTrailer = true;
        continue;
      }
      // One row a message is what servers send, though the protocol would allow other cuts; lengths must agree exactly.
      let field = row;
      for (let i = 0; i < count; i++) {
        const fieldLength = next - field >= 4 ? readInt32(bytes, field) : -2;
        if (fieldLength < -1) throw notTheProtocol("a field is malformed");
        field += 4 + (fieldLength < 0 ? 0 : fieldLength);
      }
      if (field !== next) throw notTheProtocol("a message is not exactly one row");
      onRow(bytes, row);
      rows++;
    }
    copy.rows += rows;
    return at;
  }

  /** Keeps track of what the driver is about to be told. */
  #note(bytes: Uint8Array, at: number, next: number): void {
    const type = bytes[at];
    const body = at + FRAME_HEADER;
    const copy = this.#copy;
    if (type === COPY_OUT_RESPONSE && copy) {
      if (bytes[body] !== 1) throw new TypeError("copyOut() reads binary rows: the statement must say (FORMAT binary)");
      copy.hasStarted = true;
      copy.columns = (bytes[body + 1]! << 8) | bytes[body + 2]!;
    } else if (type === COPY_DONE && copy) {
      copy.isDone = true;
    } else if (type === ERROR_RESPONSE) {
      const fields = readErrorFields(bytes, body, next);
      if (copy?.hasStarted) copy.error = fields;
      if (/^(FATAL|PANIC)$/.test(fields["V"] ?? fields["S"] ?? "")) this.fatal = fields;
    } else if (type === READY_FOR_QUERY && copy?.hasStarted) {
      if (!copy.error && !(copy.isDone && copy.hasTrailer)) throw notTheProtocol("the rows end without their trailer");
      this.#copy = undefined;
      if (copy.error) copy.reject(this.#listener.serverError(copy.error));
      else copy.resolve(copy.rows);
    }
  }
}

function notTheProtocol(why: string): ConnectionError {
  return new ConnectionError(`Cannot understand what the server sent: ${why}`);
}

/** A frame's length, which counts itself but not the type before it. */
function frameLength(bytes: Uint8Array, at: number): number {
  const length = readInt32(bytes, at + 1);
  if (length < 4) throw notTheProtocol("a message has an impossible length");
  return length;
}

/** Checks the header that stands before the first row; returns where that row begins. */
function readHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER_LENGTH) throw notTheProtocol("the header of its COPY is too short");
  for (let i = 0; i < SIGNATURE.length; i++) {
    if (bytes[at + i] !== SIGNATURE.charCodeAt(i)) throw notTheProtocol("its COPY does not begin with PGCOPY");
  }
  // Bits 16 to 31 are critical: who does not know them must not go on. Bit 16 was object ids, gone since PostgreSQL 12.
  const flags = readInt32(bytes, at + SIGNATURE.length);
  if (flags >>> 16 !== 0) throw notTheProtocol(`its COPY has unknown flags (${(flags >>> 0).toString(16)})`);
  const extension = readInt32(bytes, at + SIGNATURE.length + 4);
  const row = at + HEADER_LENGTH + extension;
  if (extension < 0 || row > end) throw notTheProtocol("the header of its COPY has an impossible length");
  return row;
}

/** The fields of an ErrorResponse, whose body is from `at` to `end`. */
export function readErrorFields(bytes: Uint8Array, at: number, end: number): ErrorFields {
  const fields: Record<string, string> = {};
  while (at < end && bytes[at] !== 0) {
    const zero = bytes.indexOf(0, at + 1);
    if (zero < 0 || zero >= end) break;
    fields[String.fromCharCode(bytes[at]!)] = new TextDecoder().decode(bytes.subarray(at + 1, zero));
    at = zero + 1;
  }
  return fields;
}
