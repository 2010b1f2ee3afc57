/**
 * The biggest rooms as a table for people, with what each figure is worth. Knows figures only. Columns come first, since
 * rooms' ids are long and of any length.
 */

import { formatCount, formatFigure, formatMean, formatPercent, formatUnits } from "./numbers.ts";

/** A room's size. Errors are half the width of a 95 % confidence interval; 0 where it was counted. */
export interface RoomSize {
  /** The room. */
  readonly roomId: string;
  /** Its rows. */
  readonly rows: number;
  /** Half the width of the 95 % confidence interval; 0 where rows were counted. */
  readonly rowsError: number;
  /** The part of all rows of all rooms, from 0 to 1. */
  readonly share: number;
  /** Rows above what an auto compressor has done; all of them where none has. */
  readonly uncompressedRows: number;
  /** The same of the uncompressed rows. */
  readonly uncompressedRowsError: number;
  /** State groups. */
  readonly groups: number;
  /** Half the width of the 95 % confidence interval; 0 where groups were counted. */
  readonly groupsError: number;
}

/** Sizes, and what they were found from. */
export interface RoomSizes {
  /** The biggest rooms, biggest first. A sample finds no room that has no row in it: small ones are missing. */
  readonly rooms: readonly RoomSize[];
  /** Of all rooms together. */
  readonly rows: number;
  /** Half the width of the 95 % confidence interval; 0 where rows were counted. */
  readonly rowsError: number;
  /** State groups. */
  readonly groups: number;
  /** Half the width of the 95 % confidence interval; 0 where groups were counted. */
  readonly groupsError: number;
  /** Pages of state_groups_state that were read, and how many there are; equal where the rows were counted. */
  readonly pagesRead: number;
  /** Pages of the table. */
  readonly pages: number;
  /** Whether an auto compressor has left its progress here. */
  readonly hasProgress: boolean;
}

/** Rows of a room that would be saved. */
export interface SavedRows {
  /** How many. */
  readonly rows: number;
  /** Half the width of a 95 % confidence interval; 0 where the whole room was compressed. */
  readonly rowsError: number;
  /** The part of the room's rows, from 0 to 1. */
  readonly share: number;
}

/** What compression would save in a room. */
export interface Saving extends SavedRows {
  /** What was compressed to find it. */
  readonly groupsTried: number;
  /** Rows of the groups that were compressed for it. */
  readonly rowsTried: number;
  /** What reading the full state of one of these groups costs on average, in microseconds by the model of core/plan/cost.ts. */
  readonly readUsBefore: number;
  /** The same once they are compressed. */
  readonly readUsAfter: number;
  /** What pruning would save on top, where that was asked for. */
  readonly pruned?: SavedRows | undefined;
}

/** A room's size, and what would be saved. */
export interface ListedRoom extends RoomSize {
  /** Undefined where time was up, savings were not asked for, or the room cannot be compressed. */
  readonly saving: Saving | undefined;
  /** Why the room cannot be compressed. */
  readonly failure?: string | undefined;
}

/** What findRooms() found. */
export interface RoomList extends RoomSizes {
  /** The rooms, in the order that was asked for. */
  readonly rooms: readonly ListedRoom[];
}

/** The heads of the columns. */
const HEADS = ["rows", "share", "groups", "rows/group", "uncompressed", "would save"];

/** The table, and what it was made from. */
export function formatRooms(list: RoomList): string[] {
  const withSavings = list.rooms.some((room) => room.saving !== undefined);
  const heads = withSavings ? HEADS : HEADS.slice(0, -1);
  const cells = list.rooms.map((room) => formatCells(room).slice(0, heads.length));
  const widths = heads.map((head, i) => Math.max(head.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[], room: string) =>
    `${row.map((cell, i) => cell.padStart(widths[i]!)).join("  ")}  ${room}`;
  return [line(heads, "room"), ...cells.map((row, i) => line(row, list.rooms[i]!.roomId))];
}

/** The lines under the table: all rooms together, how sure the figures are, and what they are of. */
export function formatBasis(list: RoomList): string[] {
  const { pages, pagesRead, hasProgress } = list;
  const lines = [
    `All rooms: ${formatFigure(list.rows, list.rowsError)} rows of ${
      formatFigure(list.groups, list.groupsError)
    } state groups.`,
  ];
  if (pagesRead < pages) {
    const part = formatPercent(pagesRead, pages);
    lines.push(
      `Estimated from ${formatCount(pagesRead)} of the table's ${
        formatCount(pages)
      } pages (${part}), drawn at random: ` +
        "± is a 95% confidence interval. --exact counts every row.",
    );
  }
  if (!hasProgress) lines.push("No auto compressor has left its progress here: all rows count as uncompressed.");
  if (list.rooms.length === 0 && pagesRead < pages) {
    lines.push("No sampled page held a row: most of the table is free space, which `reclaim` can give back.");
  }
  const tried = list.rooms.filter((room) => room.saving !== undefined);
  if (tried.some(({ saving }) => saving!.rowsError > 0)) {
    const rows = tried.reduce((sum, { saving }) => sum + saving!.rowsTried, 0);
    lines.push(`Savings were estimated by compressing ${formatUnits(rows, "row")} of these rooms in memory.`);
  }
  const failed = list.rooms.filter((room) => room.failure !== undefined);
  for (const { roomId, failure } of failed) lines.push(`Room ${roomId} cannot be compressed. ${failure}.`);
  const late = list.rooms.length - tried.length - failed.length;
  if (tried.length > 0 && late > 0) {
    lines.push(
      `Time limit reached: the savings of ${formatCount(late)} of these rooms were not estimated (--savings-time).`,
    );
  }
  return lines;
}

function formatCells(room: ListedRoom): string[] {
  const { saving } = room;
  return [
    formatFigure(room.rows, room.rowsError),
    formatPercent(room.share),
    formatFigure(room.groups, room.groupsError),
    formatMean(room.rows / Math.max(1, room.groups)),
    formatPercent(room.uncompressedRows, room.rows),
    saving === undefined ? "-" : `${formatFigure(saving.rows, saving.rowsError)} (${formatPercent(saving.share)})`,
  ];
}
