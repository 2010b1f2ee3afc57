/**
 * Byte strings <-> dense int32 ids. Knows an arena of bytes and an open-addressing table; hides hashing and growth. A row
 * of the COPY stream is interned straight from the stream's bytes: no string, object or Map entry is made, and a distinct
 * string costs its bytes and some 20 more, once. Two strings share an id only if their bytes are equal: a hash is never
 * trusted. O(length) a call.
 */
import { CapacityError } from "../../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Ids stay below 2^31 so that every column of them is an Int32Array. */
const MAX_IDS = 2 ** 31 - 1;
/** Offsets into the arena are Uint32. */
const MAX_ARENA_BYTES = 2 ** 32 - 1;

/** Interns byte strings: equal bytes get equal ids, numbered densely from 0 in the order of first sight. */
export class Interner {
  /** How many distinct strings there are; their ids are 0 to size - 1. */
  size = 0;
  #arena: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 12);
  /** start[id]: where its bytes begin in the arena; start[size] is the arena's end. */
  #start: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 7);
  #hash: Int32Array<ArrayBuffer> = new Int32Array(1 << 7);
  /** slot -> id + 1, or 0 where free. */
  #table: Int32Array<ArrayBuffer> = new Int32Array(1 << 8);
  #mask = (1 << 8) - 1;
  /** State keys are chosen by users: a fixed start value would let them choose collisions, too. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0;

  /**
   * The id of bytes[start, end), given now if they are new.
   *
   * @throws {CapacityError} more than 2^31 - 1 strings, or more than 4 GiB of them
   */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end, this.#seed);
    const slot = this.#find(bytes, start, end, hash);
    const entry = this.#table[slot]!;
    return entry === 0 ? this.#add(bytes, start, end, hash, slot) : entry - 1;
  }

  /** The id of bytes[start, end), or -1 if they were never interned. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#table[this.#find(bytes, start, end, hashBytes(bytes, start, end, this.#seed))]! - 1;
  }

  /** Whether `id` stands for exactly bytes[start, end). Cheaper than intern() where the answer can be guessed. */
  equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#start[id]!;
    const length = end - start;
    if (this.#start[id + 1]! - from !== length) return false;
    const arena = this.#arena;
    for (let i = length - 1; i >= 0; i--) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  /** The id of a text's UTF-8 bytes. For tests and small tables: the hot path uses intern(). */
  internText(text: string): number {
    const bytes = encoder.encode(text);
    return this.intern(bytes, 0, bytes.length);
  }

  /** The bytes of `id`: a view, good until the next intern(). */
  view(id: number): Uint8Array {
    if (id < 0 || id >= this.size) throw new RangeError(`no interned string has id ${id}`);
    return this.#arena.subarray(this.#start[id]!, this.#start[id + 1]!);
  }

  /**
   * The text of `id`.
   *
   * @throws {TypeError} its bytes are not UTF-8
   */
  text(id: number): string {
    return decoder.decode(this.view(id));
  }

  /** The text of `id` for a message: bytes that are not UTF-8 (a server may hold any) become U+FFFD. */
  label(id: number): string {
    return lossyDecoder.decode(this.view(id));
  }

  /** The slot that holds these bytes, or the free one where they belong. */
  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    let slot = hash & this.#mask;
    for (let entry = this.#table[slot]!; entry !== 0; entry = this.#table[slot]!) {
      if (this.#hash[entry - 1] === hash && this.equals(entry - 1, bytes, start, end)) break;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const id = this.size;
    const from = this.#start[id]!;
    const to = from + end - start;
    if (id >= MAX_IDS) throw new CapacityError(`Cannot number more than ${MAX_IDS} distinct values`, TOO_MUCH);
    if (to > MAX_ARENA_BYTES) throw new CapacityError("Cannot hold more than 4 GiB of distinct values", TOO_MUCH);
    if (to > this.#arena.length) this.#arena = grown(this.#arena, to, MAX_ARENA_BYTES);
    if (id + 2 > this.#start.length) {
      this.#start = grown(this.#start, id + 2, MAX_IDS);
      this.#hash = grown(this.#hash, id + 1, MAX_IDS);
    }
    this.#arena.set(bytes.subarray(start, end), from);
    this.#start[id + 1] = to;
    this.#hash[id] = hash;
    this.#table[slot] = id + 1;
    this.size = id + 1;
    if (this.size * 2 > this.#table.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const table = allocated(Int32Array, this.#table.length * 2);
    const mask = table.length - 1;
    for (let id = 0; id < this.size; id++) {
      let slot = this.#hash[id]! & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = id + 1;
    }
    this.#table = table;
    this.#mask = mask;
  }
}

/**
 * Interns (type, state_key) pairs as one byte string each: the type's bytes, the length of state_key as four bytes, big
 * end first, and its bytes. That is how the two fields lie in a binary COPY row, so that a row's key is one slice of it;
 * the length in the middle keeps ("a", "bc") and ("ab", "c") apart.
 */
export class KeyInterner extends Interner {
  /** The event type of a key. */
  type(key: number): string {
    const bytes = this.view(key);
    return decoder.decode(bytes.subarray(0, splitAt(bytes)));
  }

  /** The state key of a key. */
  stateKey(key: number): string {
    const bytes = this.view(key);
    return decoder.decode(bytes.subarray(splitAt(bytes) + 4));
  }

  /** A key for a message: `m.room.member "@user:host"`. */
  override label(key: number): string {
    const bytes = this.view(key);
    const [type, stateKey] = [bytes.subarray(0, splitAt(bytes)), bytes.subarray(splitAt(bytes) + 4)];
    return `${lossyDecoder.decode(type)} ${JSON.stringify(lossyDecoder.decode(stateKey))}`;
  }

  /** The id of a pair given as texts. For tests and small tables. */
  internPair(type: string, stateKey: string): number {
    const typeBytes = encoder.encode(type);
    const keyBytes = encoder.encode(stateKey);
    const bytes = new Uint8Array(typeBytes.length + 4 + keyBytes.length);
    bytes.set(typeBytes);
    new DataView(bytes.buffer).setInt32(typeBytes.length, keyBytes.length);
    bytes.set(keyBytes, typeBytes.length + 4);
    return this.intern(bytes, 0, bytes.length);
  }
}

/**
 * Where the length word of a pair begins. PostgreSQL's text holds no NUL, and a state key is shorter than 2^24 bytes
 * (Matrix: 255; the server: 1 GiB in theory, refused at interning by the arena long before), so the first NUL byte is the
 * length's first byte.
 */
function splitAt(pair: Uint8Array): number {
  return pair.indexOf(0);
}

/** The way out where a room is too big: for a CapacityError. */
export const TOO_MUCH = {
  hint: "Compress the room in parts: --groups N, then --min-group with the last group of that run.",
};

/**
 * `column` copied into one at least twice as long, `atLeast` long and at most `atMost`.
 *
 * @throws {CapacityError} `atLeast` is more than `atMost`, or the machine will not give so much memory
 */
export function grown<T extends Uint8Array | Int32Array | Uint32Array | Float64Array>(
  column: T,
  atLeast: number,
  atMost = MAX_IDS,
): T {
  if (atLeast > atMost) throw new CapacityError(`Cannot hold more than ${atMost} rows of a column`, TOO_MUCH);
  const copy = allocated(
    column.constructor as new (length: number) => T,
    Math.min(atMost, Math.max(atLeast, column.length * 2)),
  );
  copy.set(column);
  return copy;
}

function allocated<T>(Column: new (length: number) => T, length: number): T {
  try {
    return new Column(length);
  } catch (cause) {
    throw new CapacityError(`Cannot get memory for a column of ${length} values`, { ...TOO_MUCH, cause });
  }
}

/** MurmurHash3's mixing over 32-bit words. Spreads well enough for a table; equality is decided by the bytes. */
function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed ^ (end - start);
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash ^= Math.imul(word, 0xcc9e2d51);
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0x6546b64;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** A hash of words[from, to), for a table in which equality is decided by the words. */
export function hashWords(words: Int32Array, from: number, to: number): number {
  let hash = 0;
  for (let i = from; i < to; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return Math.imul(hash, 0x85ebca6b) >>> 1;
}
