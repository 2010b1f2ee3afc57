/** `auto --dry-run` in words: what would be done, room by room, and in all. */

import {
  describeServerEvent,
  formatBytes,
  formatCount,
  formatUnits,
  type ServerEvent,
  type ServerReport,
} from "../mod.ts";
import { tabulateRooms } from "../text/rooms.ts";

/** What would be done in a room. */
export interface RehearsedRoom {
  /** The room. */
  readonly roomId: string;
  /** State groups that are not done yet. */
  groups: number;
  /** Chunks of them. */
  chunks: number;
  /** State groups that would be rewritten. */
  groupsRewritten: number;
  /** Rows that would be fewer. */
  rowsSaved: number;
  /** About how many bytes of table and index they take. */
  bytesFreed: number;
}

/** Adds up a rehearsal, room by room. */
export class RehearsedRooms {
  readonly #rooms = new Map<string, RehearsedRoom>();

  /** Counts a chunk. */
  count(event: ServerEvent): void {
    if (event.kind !== "chunk") return;
    const { roomId, groups, groupsRewritten, rowsSaved, bytesFreed } = event.report;
    const room = this.#rooms.get(roomId) ??
      { roomId, groups: 0, chunks: 0, groupsRewritten: 0, rowsSaved: 0, bytesFreed: 0 };
    room.groups += groups;
    room.chunks++;
    room.groupsRewritten += groupsRewritten;
    room.rowsSaved += rowsSaved;
    room.bytesFreed += bytesFreed;
    this.#rooms.set(roomId, room);
  }

  /** The rooms, those that save most first. */
  list(): RehearsedRoom[] {
    return [...this.#rooms.values()].sort((a, b) => b.rowsSaved - a.rowsSaved);
  }

  /** A table of the rooms in which something would be done. */
  format(): string[] {
    const rooms = this.list().filter(({ groupsRewritten }) => groupsRewritten > 0);
    if (rooms.length === 0) return [];
    const lines = rooms.map((room): [string[], string] => [[
      formatCount(room.rowsSaved),
      formatBytes(room.bytesFreed),
      formatCount(room.groupsRewritten),
      formatCount(room.groups),
      formatCount(room.chunks),
    ], room.roomId]);
    return tabulateRooms(["rows saved", "about", "rewritten", "of groups", "chunks"], lines);
  }
}

/** An event of a rehearsal as a line; the chunks are in the table. */
export function describeRehearsed(event: ServerEvent): string | undefined {
  switch (event.kind) {
    case "gone":
      return `Would delete the saved progress of rooms that no longer exist: ${formatCount(event.rooms)}`;
    case "found":
      return describeServerEvent(event);
    case "failed":
      return `room "${event.roomId}": would be skipped: ${event.error.message}`;
    default:
      return undefined;
  }
}

/** What a rehearsal comes to. */
export function describeRehearsal(report: ServerReport): string[] {
  const lines = [
    `Dry run: nothing was written. A run would save ${formatUnits(report.rowsSaved, "row")}, about ${
      formatBytes(report.bytesFreed)
    } of table and index, and rewrite ${formatUnits(report.groupsRewritten, "state group")} of ${
      formatCount(report.groups)
    } in ${formatUnits(report.rooms, "room")}.`,
  ];
  if (report.chunksSkipped > 0) {
    lines.push(`Chunks without savings, which it would leave as they are: ${formatCount(report.chunksSkipped)}`);
  }
  if (report.roomsWithDefects.length > 0) {
    lines.push(
      `Rooms with broken data, which it would compress around: ${formatCount(report.roomsWithDefects.length)}`,
    );
  }
  if (report.outcome !== "done") lines.push("Not all rooms were looked at: -n or --max-time ended it.");
  return lines;
}
