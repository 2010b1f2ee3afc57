/** What a run on one room comes to: the figures of its compression, and what was done with it. */
import { measure, type RoomFigures } from "../core/figures.ts";
import type { Compression } from "../core/plan/compress.ts";
import { noSkips, type SkipCounts, type SkippedGroup } from "../db/write/skips.ts";

/** How a run ended. None of these is an error. */
export type Outcome = "written" | "planned" | "nothing-to-save" | "below-minimum" | "no-groups";

/** What a run on one room came to. */
export interface RoomReport extends RoomFigures {
  /** How the run ended. */
  outcome: Outcome;
  /** Groups that are, or would be, rewritten. */
  groupsRewritten: number;
  /** Groups that were to be rewritten and were left as they are. */
  groupsSkipped: number;
  /** The groups that were left as they are, each with its reason. */
  readonly skipped: SkippedGroup[];
  /** How many of them for which reason. */
  readonly skippedByKind: SkipCounts;
  /** Groups that were already as wanted; like all below, of the database alone. */
  groupsUnchanged: number;
  /** Rewrites that a stop left undone. */
  groupsLeft: number;
  /** Rows that were deleted. */
  rowsDeleted: number;
  /** Rows that were inserted. */
  rowsInserted: number;
  /** About how many bytes of table and index the saved rows took. */
  bytesFreed: number;
  /** Transactions that were tried again, since another one was in the way. */
  retries: number;
  /** Whether the tables were vacuumed. */
  vacuumed: boolean;
  /** How long each step took, in seconds. */
  readonly seconds: { load: number; compress: number; verify: number; write: number };
}

/** The report of a compression of which nothing is written yet. O(rows). */
export function makeReport(compression: Compression): RoomReport {
  const { groupsLeftOut, groupsPending, defects, roomId, ...figures } = measure(compression);
  return {
    roomId,
    // The Rust tool goes on at a ratio of 1, where there is nothing to gain from writing.
    outcome: compression.rowsAfter < compression.rowsBefore ? "planned" : "nothing-to-save",
    ...figures,
    groupsRewritten: 0,
    groupsSkipped: 0,
    skipped: [],
    skippedByKind: noSkips(),
    groupsUnchanged: 0,
    groupsLeft: 0,
    rowsDeleted: 0,
    rowsInserted: 0,
    bytesFreed: 0,
    retries: 0,
    vacuumed: false,
    groupsLeftOut,
    groupsPending,
    defects,
    seconds: { load: 0, compress: 0, verify: 0, write: 0 },
  };
}
