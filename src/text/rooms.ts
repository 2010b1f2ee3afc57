/**
 * The biggest rooms as a table for people, with what each figure is worth. Knows figures only. Columns come first, since
 * rooms' ids are long and of any length.
 */

import { formatCount, formatFigure, formatMean, formatPercent, formatUnits } from "../format/numbers.ts";
import type { RoomList } from "../jobs/rooms.ts";
import type { TriedRoom } from "../jobs/trial.ts";

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

function formatCells(room: TriedRoom): string[] {
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
