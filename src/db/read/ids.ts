/**
 * Ids as they come out of a binary COPY. A bigint may be beyond what a number holds, and an error thrown while rows come in
 * would end the connection, and with it the work on all other rooms: so such an id comes as its digits.
 */
import { grown } from "../../core/forest/interner.ts";
import { CapacityError } from "../../errors.ts";
import { readInt32 } from "../session/copy.ts";

/** A number, or the digits of an id beyond 2^53. */
export type Id = number | string;

/** Reads a big-endian int64. */
export function readId(bytes: Uint8Array, at: number): Id {
  const [high, low] = [readInt32(bytes, at), readInt32(bytes, at + 4) >>> 0];
  const value = high * 0x1_0000_0000 + low;
  return Number.isSafeInteger(value) ? value : String(BigInt(high) * 0x1_0000_0000n + BigInt(low));
}

/**
 * An id from its digits, as the driver returns a `::text`.
 *
 * @throws {CapacityError} it is beyond 2^53
 */
export function parseId(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw idTooBig(text);
  return value;
}

/** What to say of a room with an id that numbers cannot hold. */
function idTooBig(id: string): CapacityError {
  return new CapacityError(`Cannot work with state group ${id}: its id is beyond 2^53`, {
    hint: "Synapse counts state groups up from 1. Was the sequence state_group_id_seq set by hand, or a row inserted?",
  });
}

/** Ids as they come in, 8 bytes each; V8's Set ends at 2^24 of them. */
export class IdColumn {
  /** How many ids there are. */
  size = 0;
  #ids: Float64Array<ArrayBuffer> = new Float64Array(64);

  /** The id that was added last. */
  get last(): number | undefined {
    return this.size === 0 ? undefined : this.#ids[this.size - 1];
  }

  /** Adds an id. */
  add(id: number): void {
    if (this.size === this.#ids.length) this.#ids = grown(this.#ids, this.size + 1);
    this.#ids[this.size++] = id;
  }

  /** All ids, in the order in which they were added; a view. */
  all(): Float64Array<ArrayBuffer> {
    return this.#ids.subarray(0, this.size);
  }
}

/** Reads ids into numbers, and keeps the first that is too big until the COPY is over. */
export class IdReader {
  #tooBig: string | undefined;

  /** Reads an int64; NaN where it is too big. */
  read(bytes: Uint8Array, at: number): number {
    const id = readId(bytes, at);
    if (typeof id === "number") return id;
    this.#tooBig ??= id;
    return NaN;
  }

  /** @throws {CapacityError} an id was beyond 2^53 */
  check(): void {
    if (this.#tooBig !== undefined) throw idTooBig(this.#tooBig);
  }
}
