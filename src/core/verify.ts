/**
 * Checks rewrites before anything is written: every group's full state after must be the one before. It reads the rewrites
 * as they will be written, not the compressor's memory of them, and rebuilds each rewritten group from them; a group that
 * keeps its rows on a base that was found equal is equal by that. Exact; O(new rows × height of a state).
 */
import { MismatchError } from "../errors.ts";
import type { Rewrites } from "./plan/compress.ts";
import { type DeltaForest, isRewritable, mayBeBase, NONE } from "./forest/forest.ts";
import { STEP_MASK } from "./plan/plan.ts";
import { EMPTY_STATE } from "./forest/states.ts";

/**
 * Verifies rewrites against the forest that they are for.
 *
 * @param onProgress called every few dozen rewrites with the number of those that are verified
 * @throws {MismatchError} a group would end with another full state, on a base that must not carry it, or must not be touched
 */
export function verify(forest: DeltaForest, rewrites: Rewrites, onProgress?: (done: number) => void): void {
  let last = NONE;
  let lastEnd = 0;
  for (let i = 0; i < rewrites.count; i++) {
    if ((i & STEP_MASK) === 0) onProgress?.(i);
    const g = rewrites.group[i]!;
    const base = rewrites.predecessor[i]!;
    const refuse = (why: string) => {
      const groupId = forest.groupId[g] ?? NaN;
      return new MismatchError(`Verification failed: state group ${groupId} ${why}`, { groupId, hint: HINT });
    };
    if (!(g > last && g < forest.size)) throw refuse("is out of order among the rewrites");
    last = g;
    if (!isRewritable(forest, g)) throw refuse("must not be rewritten, but would be");
    if (!(base >= NONE && base < g)) throw refuse("would be put on a base that is not before it");
    if (base !== NONE && base !== forest.predecessor[g] && !mayBeBase(forest, base)) {
      throw refuse(`would be put on state group ${forest.groupId[base]}, which must not carry it`);
    }
    const [start, end] = [rewrites.rowStart[i]!, rewrites.rowStart[i + 1]!];
    if (!(start === lastEnd && end >= start && end <= rewrites.key.length && end <= rewrites.event.length)) {
      throw refuse("would not have a run of rows of its own");
    }
    lastEnd = end;
    for (let row = start, lastKey = -1; row < end; row++) {
      const [key, event] = [rewrites.key[row]!, rewrites.event[row]!];
      // Two rows for one key would pass as one state here, but not in the database.
      if (key <= lastKey) throw refuse("would have its rows out of order, or two for one key");
      if (key >= forest.keys.size || event < 0 || event >= forest.events.size) {
        throw refuse("would have a row whose values were never read");
      }
      lastKey = key;
    }
    // All groups before g are found equal by now, so the base's new full state is its old one.
    const from = base === NONE ? EMPTY_STATE : forest.state[base]!;
    const after = forest.states.apply(from, rewrites.key, rewrites.event, start, end);
    if (after !== forest.state[g]) throw mismatch(forest, g, after);
  }
}

const HINT = "Nothing was written. This is a bug of this program: please report it with the room's state groups.";

function mismatch(forest: DeltaForest, g: number, after: number): MismatchError {
  const { states, keys, events } = forest;
  const groupId = forest.groupId[g]!;
  const key = states.firstDifference(forest.state[g]!, after);
  const show = (state: number) => {
    const event = states.get(state, key);
    return event === NONE ? undefined : events.label(event);
  };
  const [before, now] = [show(forest.state[g]!), show(after)];
  const name = keys.label(key);
  return new MismatchError(
    `Verification failed: the full state of state group ${groupId} would change: ${name} was ${before ?? "absent"}, ` +
      `would be ${now ?? "absent"}`,
    {
      groupId,
      key: name,
      before,
      after: now,
      hint: HINT,
    },
  );
}
