/**
 * The groups that were to be rewritten and were not: which, why, and how many of each kind. Knows which reasons are normal
 * beside a running Synapse and which call for another run.
 */
import { SKIP_KINDS, type SkipKind } from "../../format/sql/skips.ts";

/** A group that was to be rewritten and was left as it is. */
export interface SkippedGroup {
  /** The group's id. */
  readonly groupId: number;
  /** Why it was left as it is. */
  readonly kind: SkipKind;
  /** A clause about the group, such as "it is gone". */
  readonly reason: string;
}

/** How many groups were skipped, by kind; every kind is there. */
export type SkipCounts = Record<SkipKind, number>;

/** Counts of nothing. */
export function noSkips(): SkipCounts {
  return Object.fromEntries(SKIP_KINDS.map((kind) => [kind, 0])) as SkipCounts;
}

/** Counts groups by kind. */
export function countSkips(groups: readonly SkippedGroup[]): SkipCounts {
  const counts = noSkips();
  for (const { kind } of groups) counts[kind]++;
  return counts;
}

/** Adds `more` to `counts`. */
export function addSkips(counts: SkipCounts, more: Readonly<SkipCounts>): void {
  for (const kind of SKIP_KINDS) counts[kind] += more[kind];
}

/** All of them. */
export function totalSkips(counts: Readonly<SkipCounts>): number {
  return SKIP_KINDS.reduce((sum, kind) => sum + counts[kind], 0);
}

/** Whether groups are left that a further run can write, once nothing is in the way. */
export function isUnfinished(counts: Readonly<SkipCounts>): boolean {
  return counts.contention > 0 || counts.bound > 0;
}

/** Whether a fresh look may find another base, or other rows, for some: all but those that are gone or about to be. */
export function isWorthAnotherLook(counts: Readonly<SkipCounts>): boolean {
  return totalSkips(counts) > counts.gone + counts.marked;
}
