/**
 * The biggest rooms as a table for people, with what each figure is worth, totals, and what to do next. Knows figures only.
 * Columns come first, since rooms' ids are long and of any length.
 */

import { formatBytes, formatCount, formatFigure, formatMean, formatPercent, formatUnits } from "../format/numbers.ts";
import { commandLine, deleteRoomCall } from "../format/shell.ts";
import type { ListedRoom, RoomList } from "../jobs/rooms.ts";

/** So many calls that delete a room are printed. */
const CALLS = 5;

/** A column: its head, and its cell for a room or for some rooms together. */
interface Column {
  readonly head: string;
  readonly of: (row: Row) => string;
}

/** A line of the table: a room, or some rooms together. */
type Row =
  & Pick<ListedRoom, "rows" | "rowsError" | "share" | "groups" | "groupsError" | "localUsers">
  & { readonly newRows: number | undefined; readonly saving: Saved | undefined };

/** What would be saved, and of how many rows. */
interface Saved {
  readonly rows: number;
  readonly rowsError: number;
  readonly share: number;
}

/** The table, with totals. */
export function formatRooms(list: RoomList): string[] {
  const { rooms, rowBytes } = list;
  const columns: Column[] = [
    { head: "rows", of: (row) => formatFigure(row.rows, row.rowsError) },
    { head: "bytes", of: (row) => formatBytes(row.rows * rowBytes) },
    { head: "share", of: (row) => formatPercent(row.share) },
    { head: "groups", of: (row) => formatFigure(row.groups, row.groupsError) },
    { head: "rows/group", of: (row) => formatMean(row.rows / Math.max(1, row.groups)) },
  ];
  // Measured, unlike how far an auto compressor is: that knows nothing of rooms that were compressed by hand.
  if (list.hasProgress) {
    columns.push({
      head: "new to auto",
      of: ({ newRows, rows }) => newRows === undefined ? "" : formatPercent(newRows, rows),
    });
  }
  if (rooms.some(({ saving }) => saving !== undefined)) {
    columns.push({
      head: "would save",
      of: ({ saving }) => formatSaved(saving),
    });
  }
  if (rooms.some(({ localUsers }) => localUsers !== undefined)) {
    columns.push({
      head: "local users",
      of: ({ localUsers }) => localUsers === undefined ? "" : formatCount(localUsers),
    });
  }
  const rows: [row: Row, name: string][] = [
    ...rooms.map((room): [Row, string] => [
      { ...room, newRows: room.uncompressedRows },
      nameOf(room),
    ]),
    ...totals(list),
  ];
  return tabulateRooms(
    columns.map(({ head }) => head),
    rows.map(([row, name]) => [columns.map(({ of }) => of(row)), name]),
  );
}

/** Lines of a table: the cells under their heads, and last the room, whose name is of any length. */
export function tabulateRooms(
  heads: readonly string[],
  rows: readonly (readonly [cells: readonly string[], room: string])[],
): string[] {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map(([cells]) => cells[i]!.length)));
  const line = (cells: readonly string[], room: string) =>
    `${cells.map((cell, i) => cell.padStart(widths[i]!)).join("  ")}  ${room}`;
  return [line(heads, "room"), ...rows.map(([cells, room]) => line(cells, room))];
}

/** A room's id, with its name and alias where they are known. */
export function nameOf({ roomId, name, alias }: Pick<ListedRoom, "roomId" | "name" | "alias">): string {
  return [roomId, name, alias].filter((text) => text !== undefined).join("  ");
}

/** What compressing a room would save, or a minus. */
export function formatSaved(saving: Saved | undefined): string {
  return saving === undefined ? "-" : `${formatFigure(saving.rows, saving.rowsError)} (${formatPercent(saving.share)})`;
}

/** The listed rooms together, and all rooms. */
function totals(list: RoomList): [Row, string][] {
  const { rooms } = list;
  const sum = (of: (room: ListedRoom) => number, some: readonly ListedRoom[] = rooms) =>
    some.reduce((total, room) => total + of(room), 0);
  const tried = rooms.filter(({ saving }) => saving !== undefined);
  const saved = sum(({ saving }) => saving!.rows, tried);
  const saving: Saved | undefined = tried.length === 0 ? undefined : {
    rows: saved,
    rowsError: Math.ceil(Math.hypot(...tried.map(({ saving }) => saving!.rowsError))),
    share: saved / Math.max(1, sum(({ rows }) => rows, tried)),
  };
  const all: Row = { ...list, share: 1, newRows: undefined, saving: undefined, localUsers: undefined };
  const rows = sum(({ rows }) => rows);
  // With all rooms listed there is nothing to tell apart.
  if (rows >= list.rows) {
    return rooms.length === 0 ? [] : [[{ ...all, saving }, `all ${formatUnits(rooms.length, "room")}`]];
  }
  const listed: Row = {
    ...all,
    rows,
    rowsError: Math.ceil(Math.hypot(...rooms.map(({ rowsError }) => rowsError))),
    groups: sum(({ groups }) => groups),
    groupsError: Math.ceil(Math.hypot(...rooms.map(({ groupsError }) => groupsError))),
    share: rows / Math.max(1, list.rows),
    saving,
  };
  return [[listed, rooms.length === 1 ? "this room" : `these ${formatUnits(rooms.length, "room")}`], [
    all,
    "all rooms",
  ]];
}

/** The lines under the table: how sure the figures are, and what they are of. */
export function formatBasis(list: RoomList): string[] {
  const { pages, pagesRead } = list;
  const lines: string[] = [];
  if (pagesRead < pages) {
    const part = formatPercent(pagesRead, pages);
    lines.push(
      `Estimated from ${formatCount(pagesRead)} of the table's ${
        formatCount(pages)
      } pages (${part}), drawn at random: ` +
        "± is a 95% confidence interval. --exact counts every row.",
    );
  }
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

/** What to do about these rooms: the calls that delete those that no local user is in, then the commands to run next. */
export function formatRoomSteps(list: RoomList, databaseArguments: readonly string[]): string[] {
  const empty = list.rooms.filter(({ localUsers }) => localUsers === 0);
  const rows = empty.reduce((sum, room) => sum + room.rows, 0);
  const saves = list.rooms.some(({ saving }) => saving === undefined || saving.rows > 0);
  return [
    ...(empty.length === 0 ? [] : [
      `No local user is in ${formatCount(empty.length)} of these rooms, with about ${
        formatUnits(Math.round(rows), "row")
      }, ${formatBytes(rows * list.rowBytes)}. Synapse's admin API deletes them, if you agree:`,
      ...empty.slice(0, CALLS).map(({ roomId }) => `    ${deleteRoomCall(roomId)}`),
    ]),
    "Next:",
    `    ${commandLine("report", ...databaseArguments)}`,
    ...(saves && list.rooms.length > 0 ? [`    ${commandLine("auto", ...databaseArguments, "--dry-run")}`] : []),
  ];
}
