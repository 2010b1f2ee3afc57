/** What a search of the state tables can find, and what a whole search comes to. Knows figures; the words are in text/findings.ts. */
import type { Id } from "./ids.ts";

/** Every kind of finding, the worst first; what only takes up space last. */
export const FINDING_KINDS = [
  "cycle",
  "dangling-edge",
  "two-predecessors",
  "null-value",
  "duplicate-row",
  "forward-edge",
  "foreign-predecessor",
  "duplicate-edge",
  "id-too-big",
  "orphan-edge",
  "orphan-row",
  "missing-head",
  "gone-room",
] as const;

/** What can be found: a defect that keeps groups from being compressed, or something left over. */
export type FindingKind = typeof FINDING_KINDS[number];

/** One thing that was found. */
export interface Found {
  /** The group that it is about; undefined where it is about a room, or where the id itself is NULL. */
  readonly groupId?: Id | undefined;
  /** Its room, where that is known. */
  readonly roomId?: string | undefined;
  /** The predecessor that it is about. */
  readonly predecessorId?: Id | undefined;
  /** All its predecessors, where it has more than one. */
  readonly predecessorIds?: readonly Id[] | undefined;
  /** The predecessor's room, where that is another. */
  readonly otherRoomId?: string | undefined;
  /** How many: rows of a group that does not exist, rows for one key at most, rows with a NULL, edges that are the same. */
  readonly count?: number | undefined;
  /** That key, as `type "state key"`, and how many different events its rows name. */
  readonly key?: string | undefined;
  /** How many different events those rows name. */
  readonly events?: number | undefined;
  /** The column that is NULL: `state_groups_state.event_id`. */
  readonly column?: string | undefined;
}

/** Findings that only take up space; the others make Synapse read a wrong state, fail or get slower, or bar compression. */
const HARMLESS: ReadonlySet<FindingKind> = new Set(["orphan-edge", "orphan-row", "missing-head", "gone-room"]);

/** Whether a finding does more than take up space. */
export function isHarmful(kind: FindingKind): boolean {
  return !HARMLESS.has(kind);
}

/** All findings of a kind. */
export interface Finding {
  /** What it is. */
  readonly kind: FindingKind;
  /** How many there are. */
  readonly count: number;
  /** The first of them. */
  readonly first: readonly Found[];
}

/** Groups that no event uses, and those of them on which no group is built. */
export interface Unused {
  /** Groups that no event uses. */
  readonly groups: number;
  /** Of those, the ones that no other group builds on. */
  readonly unreferenced: number;
}

/** What a search came to. */
export interface Diagnosis {
  /** Undefined: all rooms. */
  readonly roomId: string | undefined;
  /** How many groups were looked at. */
  readonly groups: number;
  /** One for each kind, those with nothing found included. */
  readonly findings: readonly Finding[];
  /** Undefined: not known, since Synapse keeps event_to_state_groups in another database. */
  readonly unused: Unused | undefined;
}

/** Whether nothing does harm. What is left over takes up space and no more, and unused groups are no defect. */
export function isSound(diagnosis: Diagnosis): boolean {
  return countFindings(diagnosis, true) === 0;
}

/** How many findings do harm, or how many do not. */
export function countFindings({ findings }: Diagnosis, harmful: boolean): number {
  return findings.reduce((sum, { kind, count }) => sum + (isHarmful(kind) === harmful ? count : 0), 0);
}
