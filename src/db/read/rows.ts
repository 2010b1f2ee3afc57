/**
 * The rows of state groups out of a COPY into a builder, straight from the bytes of the socket. No object a row; a key and its
 * event are guessed from the rows before, which saves most look-ups, since snapshots repeat each other.
 */
import { type ForestBuilder, NONE } from "../../core/forest/forest.ts";
import { grown } from "../../core/forest/interner.ts";
import { readInt32, readInt64 } from "../session/copy.ts";

/** How many rows pass between two calls of onProgress. */
const PROGRESS_ROWS = 1 << 13;

/** Reads COPY rows of (state_group, type, state_key, event_id) into a builder. */
export class RowReader {
  readonly #builder: ForestBuilder;
  readonly #onProgress: (rows: number, groupId: number) => void;
  #rows = 0;
  /** nextKey[key]: the key of the row that came after it last; lastEvent[key]: its event then. Snapshots repeat both. */
  #nextKey: Int32Array<ArrayBuffer> = new Int32Array(1 << 10).fill(NONE);
  #lastEvent: Int32Array<ArrayBuffer> = new Int32Array(1 << 10).fill(NONE);
  #lastKey = 0;

  constructor(builder: ForestBuilder, onProgress: (rows: number, groupId: number) => void) {
    this.#builder = builder;
    this.#onProgress = onProgress;
  }

  read(bytes: Uint8Array, at: number): void {
    const { keys, events } = this.#builder;
    const groupId = readInt64(bytes, at + 4);
    const typeLength = readInt32(bytes, at + 12);
    if (typeLength < 0) return this.#builder.addNullRow(groupId, "type");
    const keyStart = at + 16;
    const stateKeyLength = readInt32(bytes, keyStart + typeLength);
    if (stateKeyLength < 0) return this.#builder.addNullRow(groupId, "state_key");
    const keyEnd = keyStart + typeLength + 4 + stateKeyLength;
    const eventLength = readInt32(bytes, keyEnd);
    if (eventLength < 0) return this.#builder.addNullRow(groupId, "event_id");
    const eventStart = keyEnd + 4;
    const eventEnd = eventStart + eventLength;
    // A guess compares bytes once, where a look-up reads them twice: for the hash, then to compare.
    let key = this.#nextKey[this.#lastKey]!;
    if (key === NONE || !keys.equals(key, bytes, keyStart, keyEnd)) {
      key = keys.intern(bytes, keyStart, keyEnd);
      if (key >= this.#nextKey.length) this.#grow(key);
      this.#nextKey[this.#lastKey] = key;
    }
    this.#lastKey = key;
    let event = this.#lastEvent[key]!;
    if (event === NONE || !events.equals(event, bytes, eventStart, eventEnd)) {
      event = events.intern(bytes, eventStart, eventEnd);
      this.#lastEvent[key] = event;
    }
    this.#builder.addRow(groupId, key, event);
    if (++this.#rows % PROGRESS_ROWS === 0) this.#onProgress(this.#rows, groupId);
  }

  #grow(key: number): void {
    const from = this.#nextKey.length;
    this.#nextKey = grown(this.#nextKey, key + 1);
    this.#lastEvent = grown(this.#lastEvent, key + 1);
    this.#nextKey.fill(NONE, from);
    this.#lastEvent.fill(NONE, from);
  }
}
