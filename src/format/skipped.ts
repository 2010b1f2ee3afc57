/**
 * Why a state group was not rewritten, as a type that code can branch on and as words. Knows which reasons are normal beside a
 * running Synapse and which call for another run.
 */
import { formatCount } from "./numbers.ts";

/**
 * - `gone`: deleted since it was read
 * - `changed`: its predecessor or its rows are not those that were read
 * - `marked`: Synapse is about to delete it
 * - `base-gone`, `base-changed`, `base-marked`: the same of its new predecessor
 * - `bound`: on its new predecessor, as that stands by now, a chain would have more hops than allowed
 * - `contention`: other transactions were in the way, at every attempt
 */
export type SkipKind =
  | "gone"
  | "changed"
  | "marked"
  | "base-gone"
  | "base-changed"
  | "base-marked"
  | "bound"
  | "contention";

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

/** What each kind says after "State groups left as they are". */
export const SKIP_WORDS: Readonly<Record<SkipKind, string>> = {
  gone: "deleted by Synapse meanwhile",
  changed: "changed by Synapse meanwhile",
  marked: "marked for deletion by Synapse",
  "base-gone": "whose new predecessor was deleted meanwhile",
  "base-changed": "whose new predecessor changed meanwhile",
  "base-marked": "whose new predecessor is marked for deletion",
  bound: "that would have had too many hops after all",
  contention: "that other transactions locked or changed at every attempt",
};

/** All kinds, in the order in which they are told. */
export const SKIP_KINDS = Object.keys(SKIP_WORDS) as readonly SkipKind[];

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

/** Such as "3 deleted by Synapse meanwhile, 1 marked for deletion by Synapse". */
export function describeSkips(counts: Readonly<SkipCounts>): string {
  return SKIP_KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${formatCount(counts[kind])} ${SKIP_WORDS[kind]}`)
    .join(", ");
}
