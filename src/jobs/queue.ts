/** The rooms that a job has yet to work on, in their order: the biggest, or those with the oldest group, first. */
import type { RoomWork } from "../db/write/work.ts";

/** The rooms in their order. */
export class Queue {
  /** The next room is the last. */
  readonly #rooms: RoomWork[];
  /** Those that come after all of these, the next one first. */
  readonly #last: RoomWork[] = [];

  constructor(work: readonly RoomWork[]) {
    this.#rooms = work.toReversed();
  }

  take(): RoomWork | undefined {
    return this.#rooms.pop() ?? this.#last.shift();
  }

  /** Puts a room behind all others. */
  putLast(room: RoomWork): void {
    this.#last.push(room);
  }

  /** Puts a room back by its next group, into rooms that are in that order. */
  put(room: RoomWork): void {
    let [low, high] = [0, this.#rooms.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#rooms[middle]!.nextGroup > room.nextGroup) low = middle + 1;
      else high = middle;
    }
    this.#rooms.splice(low, 0, room);
  }
}
