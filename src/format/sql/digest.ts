/**
 * One digest of a group's rows, made in two places: here from the rows as they were read, in PostgreSQL from the rows as
 * they stand. Equal digests mean equal rows. The text that is digested: the rows ordered by type, state_key, event_id as
 * bytes; of each row these three fields, each as `<length in bytes>:<bytes>`, so that no two sets of rows share a text;
 * SHA-256 of it in hex. Both sides must agree to the byte: change neither alone.
 * Cost: O(rows log rows) of one group; some 100 bytes for each distinct key of the room, once.
 */

import { createHash } from "node:crypto";
import type { Interner, KeyInterner } from "../../core/forest/interner.ts";

/** Visits rows as (key id, event id). */
export type RowVisitor = (visit: (key: number, event: number) => void) => void;

/**
 * The SQL expression for the digest of the rows that `from` yields, which must have columns type, state_key, event_id.
 *
 * @example
 * ```ts
 * import { digestSql } from "./digest.ts";
 * const query = `SELECT ${digestSql("FROM state_groups_state WHERE state_group = $1")}`;
 * ```
 */
export function digestSql(from: string): string {
  const field = (name: string) => `octet_length(${name}) || ':' || ${name}`;
  const order = ["type", "state_key", "event_id"].map((name) => `${name} COLLATE "C"`).join(", ");
  return `(SELECT encode(sha256(convert_to(coalesce(string_agg(${field("type")} || ${field("state_key")} || ${
    field("event_id")
  }, '' ORDER BY ${order}), ''), 'UTF8')), 'hex') ${from})`;
}

/** Digests the rows of any group of one room, as {@linkcode digestSql} does in the server. */
export class RowsDigest {
  readonly #keys: KeyInterner;
  readonly #events: Interner;
  /** #rank[key]: the key's place in byte order of (type, state_key). Made at first use. */
  #rank = new Int32Array(0);
  /** #keyAt[rank]: the inverse. */
  #keyAt = new Int32Array(0);
  /** #prefix[rank]: type and state_key as they are digested. */
  #prefix: Uint8Array[] = [];
  /** #eventAt[rank]: scratch: the event of the row in hand. */
  #eventAt = new Int32Array(0);
  #ranks = new Int32Array(256);
  readonly #buffer = new Uint8Array(262_144);

  constructor(keys: KeyInterner, events: Interner) {
    this.#keys = keys;
    this.#events = events;
  }

  /** The digest of one group's rows in hex. No two of the rows may share a key: such a group is a defect. */
  of(rows: RowVisitor): string {
    if (this.#rank.length < this.#keys.size) this.#rankKeys();
    let count = 0;
    rows((key, event) => {
      if (count === this.#ranks.length) {
        const larger = new Int32Array(count * 2);
        larger.set(this.#ranks);
        this.#ranks = larger;
      }
      const rank = this.#rank[key]!;
      this.#ranks[count++] = rank;
      this.#eventAt[rank] = event;
    });
    const ranks = this.#ranks.subarray(0, count).sort();
    const hash = createHash("sha256");
    const buffer = this.#buffer;
    let end = 0;
    for (let i = 0; i < count; i++) {
      const rank = ranks[i]!;
      const prefix = this.#prefix[rank] ??= this.#formatPrefix(rank);
      const event = this.#events.view(this.#eventAt[rank]!);
      if (end + prefix.length + event.length + 12 > buffer.length) {
        hash.update(buffer.subarray(0, end));
        end = 0;
        if (prefix.length + event.length + 12 > buffer.length) {
          hash.update(prefix).update(`${event.length}:`).update(event);
          continue;
        }
      }
      // Byte loops: these pieces are some 50 bytes, where set() costs more than it copies.
      for (let at = 0; at < prefix.length; at++) buffer[end++] = prefix[at]!;
      end = writeLength(buffer, end, event.length);
      for (let at = 0; at < event.length; at++) buffer[end++] = event[at]!;
    }
    return hash.update(buffer.subarray(0, end)).digest("hex");
  }

  #rankKeys(): void {
    const size = this.#keys.size;
    // A string with a char for each byte compares as the bytes do, and a NUL, which PostgreSQL has not, ends the type.
    const texts = new Array<string>(size);
    for (let key = 0; key < size; key++) {
      texts[key] = byteString(`${this.#keys.type(key)}\0${this.#keys.stateKey(key)}`);
    }
    this.#keyAt = Int32Array.from(texts.keys()).sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
    this.#rank = new Int32Array(size);
    for (let rank = 0; rank < size; rank++) this.#rank[this.#keyAt[rank]!] = rank;
    this.#prefix = new Array<Uint8Array>(size);
    this.#eventAt = new Int32Array(size);
  }

  #formatPrefix(rank: number): Uint8Array {
    const key = this.#keyAt[rank]!;
    const type = this.#keys.type(key);
    const stateKey = this.#keys.stateKey(key);
    return encoder.encode(`${encoder.encode(type).length}:${type}${encoder.encode(stateKey).length}:${stateKey}`);
  }
}

const encoder = new TextEncoder();

function byteString(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text;
  let bytes = "";
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

function writeLength(buffer: Uint8Array, at: number, length: number): number {
  for (const digit of String(length)) buffer[at++] = digit.charCodeAt(0);
  buffer[at++] = 0x3a;
  return at;
}
