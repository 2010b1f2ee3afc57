/**
 * What can be wrong with the state tables, in words: what it is, what it means for Synapse, what one can do. And a diagnosis
 * as text. Knows figures and words only.
 */
import type { DefectKind } from "../core/forest/defects.ts";

/** Every kind of finding, the worst first. */
export const FINDING_KINDS = [
  "cycle",
  "dangling-edge",
  "two-predecessors",
  "duplicate-row",
  "forward-edge",
  "foreign-predecessor",
  "orphan-edge",
  "orphan-row",
  "missing-head",
] as const satisfies readonly (DefectKind | "orphan-edge" | "orphan-row" | "missing-head")[];

/** What can be found: a defect that keeps groups from being compressed, or something left over. */
export type FindingKind = typeof FINDING_KINDS[number];

/** One thing that was found. */
export interface Found {
  /** The group that it is about. */
  readonly groupId: number;
  /** Its room, where that is known. */
  readonly roomId?: string | undefined;
  readonly predecessorId?: number;
  /** All its predecessors, where it has more than one. */
  readonly predecessorIds?: readonly number[];
  readonly otherRoomId?: string;
  /** Rows of a group that does not exist; rows for one key, the most. */
  readonly count?: number;
  /** That key, as `type "state key"`, and how many different events its rows name. */
  readonly key?: string;
  readonly events?: number;
}

/** All findings of a kind. */
export interface Finding {
  readonly kind: FindingKind;
  readonly count: number;
  /** The first of them. */
  readonly first: readonly Found[];
}

/** Groups that no event uses, and those of them on which no group is built. */
export interface Unused {
  readonly groups: number;
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

/** How a kind is told. */
interface Words {
  readonly title: string;
  readonly detail: (found: Found) => string;
  readonly meaning: string;
  readonly remedy: string;
}

const LEFT_OUT = "Compression leaves such groups, and all that build on them, as they are.";
const BACKUP = "Stop Synapse and have a backup before changing anything by hand.";

const WORDS: Readonly<Record<FindingKind, Words>> = {
  "cycle": {
    title: "edges that close a cycle",
    detail: ({ groupId, predecessorId }) =>
      groupId === predecessorId
        ? `state group ${groupId} is its own predecessor`
        : `state group ${groupId} leads back to itself, by predecessor ${predecessorId}`,
    meaning:
      "Synapse's query for such a group's state never ends by itself: requests that need it hang until a time-out.",
    remedy:
      `${LEFT_OUT} No Synapse makes one. ${BACKUP} Then restore the room's edges from a backup, or delete the edge: ` +
      "DELETE FROM state_group_edges WHERE state_group = ID AND prev_state_group = PREDECESSOR;",
  },
  "dangling-edge": {
    title: "state groups whose predecessor is missing",
    detail: ({ groupId, predecessorId }) => `state group ${groupId} refers to missing predecessor ${predecessorId}`,
    meaning:
      "Synapse reads only the part of the state that is left: m.room.create and more may be missing, and requests fail. " +
      "It comes of another compressor's writes beside a purge, or of a purge that was cut off.",
    remedy:
      `${LEFT_OUT} The missing rows are only in a backup: restore the predecessor's state_groups row, rows and edge from one. ` +
      "Without one, the room can be deleted with Synapse's admin API and joined anew.",
  },
  "two-predecessors": {
    title: "state groups with more than one predecessor",
    detail: ({ groupId, predecessorIds = [] }) =>
      `state group ${groupId} has more than one predecessor: ${predecessorIds.join(", ")}`,
    meaning:
      "Synapse follows all of them, and takes for each key the row of the highest group: the state is a mixture.",
    remedy:
      `${LEFT_OUT} It comes of writing the same SQL twice or of two compressors at once. ${BACKUP} Then keep the edge that a backup has.`,
  },
  "duplicate-row": {
    title: "state groups with more than one row for one key",
    detail: ({ groupId, count, key, events }) =>
      `state group ${groupId} has ${count} rows for one key${
        key === undefined ? "" : `, ${key}, naming ${events === 1 ? "the same event" : `${events} events`}`
      }`,
    meaning:
      "Where the rows name different events, which one Synapse takes is chance; where they are the same, they only take space.",
    remedy:
      `${LEFT_OUT} Look: SELECT type, state_key, count(*), count(DISTINCT event_id) FROM state_groups_state WHERE state_group = ID ` +
      "GROUP BY 1, 2 HAVING count(*) > 1; of equal rows all but one can be deleted (by ctid).",
  },
  "forward-edge": {
    title: "state groups whose predecessor has a bigger id",
    detail: ({ groupId, predecessorId }) =>
      `state group ${groupId} refers to predecessor ${predecessorId}, which has a bigger id`,
    meaning:
      "Synapse takes for each key the row of the highest group, so the predecessor's rows hide the group's own: the state is wrong.",
    remedy:
      `${LEFT_OUT} No Synapse makes one: it comes of a restore that gave out ids again, or of changes by hand. ${BACKUP}`,
  },
  "foreign-predecessor": {
    title: "state groups that build on another room's",
    detail: ({ groupId, predecessorId, otherRoomId }) =>
      `state group ${groupId} builds on state group ${predecessorId} of another room${
        otherRoomId ? `, ${otherRoomId}` : ""
      }`,
    meaning: "The room's state holds what the other room's does, and breaks when that room is deleted.",
    remedy: `${LEFT_OUT} It comes of a restore that gave out ids again: compare with a backup. ${BACKUP}`,
  },
  "orphan-edge": {
    title: "edges of state groups that do not exist",
    detail: ({ groupId, predecessorId }) => `an edge leads from missing state group ${groupId} to ${predecessorId}`,
    meaning:
      "Synapse does not read them. When it deletes the predecessor, it writes rows for the group that is not there.",
    remedy: "They can be deleted, best while Synapse is stopped: DELETE FROM state_group_edges AS e WHERE NOT EXISTS " +
      "(SELECT FROM state_groups AS g WHERE g.id = e.state_group);",
  },
  "orphan-row": {
    title: "state groups that do not exist, but have rows",
    detail: ({ groupId, count }) => `missing state group ${groupId} has ${count} rows`,
    meaning:
      "Synapse does not read them, unless a group still refers to theirs: they take space. It comes of another compressor's " +
      "writes beside a purge, which bring back what was deleted.",
    remedy: "Where no edge leads to the group, they can be deleted, best while Synapse is stopped: " +
      "DELETE FROM state_groups_state WHERE state_group = ID;",
  },
  "missing-head": {
    title: "saved levels of an auto compressor that name a missing state group",
    detail: ({ groupId, roomId }) =>
      `the saved levels of ${roomId} name state group ${groupId}, which is not in that room`,
    meaning: 'Nothing to Synapse. The Rust synapse_auto_compressor ends with "Missing ID" at that room on every run.',
    remedy:
      "This program's auto replaces such a head by itself. For the Rust tool: DELETE FROM state_compressor_state WHERE room_id = ROOM;",
  },
};

/** Whether nothing was found; groups that no event uses are no defect. */
export function isSound(diagnosis: Diagnosis): boolean {
  return diagnosis.findings.every(({ count }) => count === 0);
}

/** A diagnosis for people: for each kind that was found what, how many, which, what it means, and what one can do. */
export function formatDiagnosis(diagnosis: Diagnosis): string[] {
  const { roomId, groups, findings, unused } = diagnosis;
  const lines = [`Looked at ${groups} state groups${roomId === undefined ? "" : ` of room ${roomId}`}.`];
  for (const { kind, count, first } of findings) {
    if (count === 0) continue;
    const { title, detail, meaning, remedy } = WORDS[kind];
    lines.push("", `${kind}: ${title}: ${count}`);
    for (const found of first) {
      const room = roomId === undefined && kind !== "missing-head" && found.roomId !== undefined
        ? ` (${found.roomId})`
        : "";
      lines.push(`  ${detail(found)}${room}`);
    }
    if (count > first.length) lines.push(`  and ${count - first.length} more`);
    lines.push(`  What it means: ${meaning}`, `  What to do: ${remedy}`);
  }
  lines.push("");
  if (unused === undefined) {
    lines.push("State groups that no event uses: not known, since event_to_state_groups is not in this database.");
  } else {
    lines.push(
      `State groups that no event uses: ${unused.groups}, of which ${unused.unreferenced} carry no other group. ` +
        "That is no defect: Synapse deletes them in its own time.",
    );
  }
  const kinds = findings.filter(({ count }) => count > 0);
  lines.push(
    kinds.length === 0 ? "No defects found." : `Defects found: ${kinds.reduce((sum, { count }) => sum + count, 0)}.`,
  );
  return lines;
}

/** A diagnosis as data: each finding with its words. */
export function explainDiagnosis(diagnosis: Diagnosis): Record<string, unknown> {
  return {
    ...diagnosis,
    roomId: diagnosis.roomId ?? null,
    unused: diagnosis.unused ?? null,
    sound: isSound(diagnosis),
    findings: diagnosis.findings.filter(({ count }) => count > 0).map(({ kind, count, first }) => ({
      kind,
      count,
      title: WORDS[kind].title,
      meaning: WORDS[kind].meaning,
      remedy: WORDS[kind].remedy,
      first: first.map((found) => ({ ...found, detail: WORDS[kind].detail(found) })),
    })),
  };
}
