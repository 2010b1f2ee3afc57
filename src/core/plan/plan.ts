/** A strategy's options and its result: the two ends that the strategies share. */
import type { Level } from "./levels.ts";

/** How groups find their bases: "levels" is the Rust tool's rule, "branches" is ours. */
export type Strategy = "levels" | "branches";

/** What to give up for what: the fewest rows, rows as far as reads stay as fast as they are, or reads that get faster. */
export type Preference = "rows" | "balance" | "reads";

/** All of them, the fewest rows first. */
export const PREFERENCES: readonly Preference[] = ["rows", "balance", "reads"];

/** What is preferred where nothing is said. */
export const DEFAULT_PREFERENCE: Preference = "balance";

/** What counts most by some options: the Rust tool's rule, and levels that are given, know the fewest rows alone. */
export function preferenceOf(
  { strategy, levels, prefer }: Pick<CompressOptions, "strategy" | "levels" | "prefer">,
): Preference {
  return strategy === "levels" || levels !== undefined ? "rows" : prefer ?? DEFAULT_PREFERENCE;
}

/**
 * What computing is at: groups are compared with others to find bases for them, or chains are arranged under the bound on hops.
 * Called every few dozen groups, since a big room takes seconds; `share` is what is done of the step, 0 to 1, or undefined where
 * how often it is gone through depends on what is found.
 */
export type OnStep = (step: "comparing" | "arranging", share: number | undefined) => void;

/** So many groups pass between two calls of OnStep, less one; a power of two less one. */
export const STEP_MASK = 63;

/** Options for compress(). */
export interface CompressOptions {
  /** How bases are chosen. @default "branches" */
  readonly strategy?: Strategy | undefined;
  /** Sizes of the levels, lowest first. With "branches" these very levels are used, instead of the best under `maxHops`. */
  readonly levels?: readonly number[] | undefined;
  /** What counts most; only for "branches", and only where no levels are given: they mean the fewest rows. @default "balance" */
  readonly prefer?: Preference | undefined;
  /**
   * The most hops a chain may have, at least 1; only for "branches". With `prefer` "balance" and "reads" never more than 99, as
   * Synapse keeps it itself.
   * @default 99; with `prefer` "rows" 175, the sum of the default levels
   */
  readonly maxHops?: number | undefined;
  /** Levels to go on from, with group indices as heads; only for "levels". They are changed. */
  readonly savedLevels?: Level[] | undefined;
  /** standing[g]: the level on which context group g stands, 0 the lowest; only for "branches". @default from the hops */
  readonly standing?: Uint8Array | undefined;
  /** heights[g]: hops that groups which are not in the forest need above g; only for "branches". @default 0 */
  readonly heights?: Int32Array | undefined;
  /**
   * The id of the oldest of the room's newest groups, where not all of the room is known: Synapse reads these most. Not for `prefer`
   * "rows". @default 5 % of the groups, at most 1,000
   */
  readonly newestFrom?: number | undefined;
  /** Called as the work goes on. */
  readonly onStep?: OnStep | undefined;
}

/** Each group's place and size after compression. */
export interface Plan {
  /** predecessor[g]: index of g's new predecessor, or NONE. */
  readonly predecessor: Int32Array;
  /** rowCount[g]: g's rows then. */
  readonly rowCount: Int32Array;
  /** Groups for which no base fitted, although one was proposed. With "branches": rewritten groups that end as snapshots. */
  readonly resets: number;
  /** The rows of those. */
  readonly resetRows: number;
  /** Groups whose proposed base was not their predecessor; counted as the Rust tool does. With "branches": the rewritten ones. */
  readonly groupsChanged: number;
  /** The levels, lowest first, that made it. */
  readonly levels: readonly Level[];
  /** level[g]: the level on which g was put, 0 the lowest; only of "branches". */
  readonly level?: Uint8Array | undefined;
}
