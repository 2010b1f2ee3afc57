/**
 * The levels of the Rust tool: bounded runs of deltas, lowest first, and the rule for which group a level offers as a base. The
 * sum of the levels bounds the hops. Same rule and same saved form as matrix-org's tools (compressor.rs, state_saving.rs).
 */

/** A bounded run of deltas. */
export interface Level {
  /** How many deltas the run may hold, at least 1. */
  readonly maxLength: number;
  /** How many it holds. */
  length: number;
  /** The last group put on it: an index or a database id, as its keeper says; NONE where there is none. */
  head: number;
}

/** The Rust tool's default. Its sum, 175, is the default hop bound. */
export const DEFAULT_LEVELS: readonly number[] = [100, 50, 25];

/**
 * Reads "100,50,25": the lowest level first.
 *
 * @throws {SyntaxError} not a comma-separated list of whole numbers from 1 to 2^31 - 1
 */
export function parseLevels(text: string): number[] {
  return text.split(",").map((part) => {
    const size = Number(part.trim());
    if (!/^\s*\d+\s*$/.test(part) || size < 1 || size > 2 ** 31 - 1) {
      throw new SyntaxError(
        `levels are whole numbers from 1 on, separated by commas, such as "100,50,25"; got ${JSON.stringify(text)}`,
      );
    }
    return size;
  });
}

/**
 * Refuses a size that no level can have.
 *
 * @throws {RangeError} not a whole number from 1 to 2^31 - 1
 */
export function checkLevel(size: number): void {
  if (!Number.isInteger(size) || size < 1 || size > 2 ** 31 - 1) {
    throw new RangeError(`a level is a whole number from 1 on, got ${size}`);
  }
}

/**
 * Fresh levels of these sizes.
 *
 * @throws {RangeError} a size is none
 */
export function makeLevels(sizes: readonly number[]): Level[] {
  sizes.forEach(checkLevel);
  return sizes.map((maxLength) => ({ maxLength, length: 0, head: -1 }));
}

/** Puts `group` on the levels; returns the base that they propose for it, or NONE for a snapshot. */
export function pushLevels(levels: readonly Level[], group: number): number {
  for (const level of levels) {
    const head = level.head;
    level.head = group;
    if (level.length < level.maxLength) {
      level.length++;
      return head;
    }
    level.length = 1;
  }
  return -1;
}
