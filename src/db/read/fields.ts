/** The fields of a binary COPY row, read one after the other. For queries that find few rows: each field is a value of its own. */
import { readInt32 } from "../session/copy.ts";
import { type Id, readId } from "./ids.ts";

const decoder = new TextDecoder();

/** Reads a COPY row's fields in their order; a NULL is undefined. */
export class Fields {
  readonly #bytes: Uint8Array;
  #at: number;

  /** @param at where the first field's length lies */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** A bigint. */
  id(): Id | undefined {
    const start = this.#next();
    return start === undefined ? undefined : readId(this.#bytes, start);
  }

  /** A bigint that counts something: never NULL, and far below 2^53. */
  count(): number {
    return Number(this.id());
  }

  /** A text; bytes that are not UTF-8 become U+FFFD. */
  text(): string | undefined {
    const start = this.#next();
    return start === undefined ? undefined : decoder.decode(this.#bytes.subarray(start, this.#at));
  }

  /** Goes to the next field; returns where this one's bytes begin. */
  #next(): number | undefined {
    const length = readInt32(this.#bytes, this.#at);
    const start = this.#at + 4;
    this.#at = start + Math.max(0, length);
    return length < 0 ? undefined : start;
  }
}
