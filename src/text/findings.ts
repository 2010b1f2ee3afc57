/**
 * What can be wrong with the state tables, in words: what it is, what it means for Synapse, and what one
 * can do about it. Knows words only.
 */

import type { FindingKind, Found } from "../db/read/findings.ts";

/** The words for one kind. */
interface Words {
  readonly title: string;
  readonly detail: (found: Found) => string;
  readonly meaning: string;
  readonly remedy: string;
}

const LEFT_OUT = "Compression leaves such groups, and all that build on them, as they are.";
const BACKUP = "Stop Synapse and have a backup before you change anything by hand.";

/** The words for each kind. */
export const WORDS: Readonly<Record<FindingKind, Words>> = {
  "cycle": {
    title: "edges that close a cycle",
    detail: ({ groupId, predecessorId }) =>
      groupId === predecessorId
        ? `state group ${groupId} is its own predecessor`
        : `state group ${groupId} leads back to itself, by predecessor ${predecessorId}`,
    meaning:
      "Synapse's query for such a group's state never ends on its own: requests that need it hang until they time out.",
    remedy:
      `${LEFT_OUT} Synapse never creates one. ${BACKUP} Then restore the room's edges from the backup, or delete the edge: ` +
      "DELETE FROM state_group_edges WHERE state_group = ID AND prev_state_group = PREDECESSOR;",
  },
  "dangling-edge": {
    title: "state groups whose predecessor is missing",
    detail: ({ groupId, predecessorId }) => `state group ${groupId} refers to missing predecessor ${predecessorId}`,
    meaning:
      "Synapse reads only the part of the state that is left: m.room.create and more may be missing, and requests fail. " +
      "The usual cause is a compressor that wrote while Synapse was deleting groups: the Rust tool, or an SQL file applied too late.",
    remedy:
      `${LEFT_OUT} The missing rows are only in a backup: restore the predecessor's state_groups row, rows and edge from one. ` +
      "Without one, delete the room with Synapse's admin API and join it again.",
  },
  "two-predecessors": {
    title: "state groups with more than one predecessor",
    detail: ({ groupId, predecessorIds = [] }) =>
      `state group ${groupId} has more than one predecessor: ${predecessorIds.join(", ")}`,
    meaning: "Synapse follows all of them and takes the row of the highest group for each key: the state is a mixture.",
    remedy:
      `${LEFT_OUT} Likely causes: an SQL file applied twice, or two compressors running at the same time. ${BACKUP} ` +
      "Then keep the edge that the backup has.",
  },
  "null-value": {
    title: "rows, edges or groups with a NULL",
    detail: ({ groupId, predecessorId, column, count }) => {
      const table = column?.split(".")[0];
      const what = `${column} is NULL`;
      if (table === "state_groups") return `the room of state group ${groupId} is not known: ${what}`;
      if (table === "state_groups_state") {
        return groupId === undefined
          ? `${count} rows belong to no state group: ${what}`
          : `state group ${groupId} has ${count} rows in which ${what}`;
      }
      return groupId === undefined
        ? `an edge to state group ${predecessorId} comes from none: ${what}`
        : `state group ${groupId} has an edge to none: ${what}`;
    },
    meaning: "Synapse's own tables forbid a NULL in any column, and its code does not expect one. " +
      "These tables lack those constraints: they were created or restored without Synapse's schema.",
    remedy: `${LEFT_OUT} ${BACKUP} Then restore what is missing, and add the constraint: ` +
      "ALTER TABLE TABLE_NAME ALTER COLUMN_NAME SET NOT NULL;",
  },
  "duplicate-row": {
    title: "state groups with more than one row for one key",
    detail: ({ groupId, count, key, events }) =>
      `state group ${groupId} has ${count} rows for one key${
        key === undefined ? "" : `, ${key}, naming ${events === 1 ? "the same event" : `${events} events`}`
      }`,
    meaning:
      "If the rows name different events, Synapse may read any of them; if they name the same event, they only take up space.",
    remedy:
      `${LEFT_OUT} Look: SELECT type, state_key, count(*), count(DISTINCT event_id) FROM state_groups_state WHERE state_group = ID ` +
      "GROUP BY 1, 2 HAVING count(*) > 1; of equal rows, all but one can be deleted (by ctid).",
  },
  "forward-edge": {
    title: "state groups whose predecessor has a higher id",
    detail: ({ groupId, predecessorId }) =>
      `state group ${groupId} refers to predecessor ${predecessorId}, which has a higher id`,
    meaning:
      "Synapse takes the row of the highest group for each key, so the predecessor's rows hide the group's own: the state is wrong.",
    remedy:
      `${LEFT_OUT} Synapse never creates one. Likely causes: a restore after which ids were assigned again, or changes by hand. ${BACKUP}`,
  },
  "foreign-predecessor": {
    title: "state groups that build on another room's",
    detail: ({ groupId, predecessorId, otherRoomId }) =>
      `state group ${groupId} builds on state group ${predecessorId} of another room${
        otherRoomId ? `, ${otherRoomId}` : ""
      }`,
    meaning: "The room's state includes the other room's, and breaks when that room is deleted.",
    remedy:
      `${LEFT_OUT} The likely cause is a restore after which ids were assigned again: compare with a backup. ${BACKUP}`,
  },
  "duplicate-edge": {
    title: "duplicate edges",
    detail: ({ groupId, predecessorId, count }) =>
      `state group ${groupId} has ${count} equal edges to predecessor ${predecessorId}`,
    meaning:
      "Synapse reads the right state, but follows every copy: a duplicate edge doubles the work below it, and ten of them " +
      "on one chain multiply it by a thousand.",
    remedy:
      "Compression treats the copies as one edge, and writes only one when it rewrites a group. To delete the extra ones: DELETE FROM state_group_edges " +
      "AS a USING state_group_edges AS b WHERE a.state_group = b.state_group AND a.prev_state_group = b.prev_state_group " +
      "AND a.ctid < b.ctid; then create Synapse's index, so that none come back: CREATE UNIQUE INDEX CONCURRENTLY " +
      "state_group_edges_unique_idx ON state_group_edges (state_group, prev_state_group);",
  },
  "id-too-big": {
    title: "ids beyond 2^53",
    detail: ({ groupId, predecessorId }) =>
      predecessorId === undefined
        ? `state group ${groupId} has an id beyond 2^53`
        : `state group ${groupId} refers to predecessor ${predecessorId}, beyond 2^53`,
    meaning:
      "Synapse can use such ids but never assigns them: somebody changed the sequence, or inserted rows by hand.",
    remedy: "This program cannot compress such a room, and leaves it as it is; the other rooms are compressed.",
  },
  "orphan-edge": {
    title: "edges of state groups that do not exist",
    detail: ({ groupId, predecessorId }) => `an edge leads from missing state group ${groupId} to ${predecessorId}`,
    meaning:
      "Synapse neither reads nor deletes them. They keep the predecessor from being found unused; if it is deleted anyway, " +
      "Synapse writes rows for the missing group.",
    remedy: "To delete them while Synapse runs: synapse_compress_state doctor --fix",
  },
  "orphan-row": {
    title: "state groups that do not exist, but have rows",
    detail: ({ groupId, count }) => `missing state group ${groupId} has ${count} rows`,
    meaning:
      "Synapse does not read them, unless an edge still leads to their group, and never deletes them. They were left by a " +
      "compressor that wrote while Synapse was deleting the groups.",
    remedy:
      "To delete them while Synapse runs, unless an edge leads to their group: synapse_compress_state doctor --fix",
  },
  "missing-head": {
    title: "saved auto-compressor levels whose head is not a state group of their room",
    detail: ({ groupId, roomId }) =>
      `the saved levels of ${roomId} name state group ${groupId}, which is not in that room`,
    meaning:
      'Harmless to Synapse and to this program. The Rust synapse_auto_compressor stops at that room with "Missing ID" on ' +
      "every run.",
    remedy: "This program's auto command replaces such a head by itself. For the Rust tool: " +
      "DELETE FROM state_compressor_state WHERE room_id = ROOM;",
  },
  "gone-room": {
    title: "saved auto-compressor progress of rooms that no longer exist",
    detail: ({ roomId }) => `progress or levels are saved for ${roomId}, which has no state groups`,
    meaning: "Synapse deleted the rooms, and does not know the auto compressor's tables.",
    remedy: "The next run of this program's auto command deletes it.",
  },
};
