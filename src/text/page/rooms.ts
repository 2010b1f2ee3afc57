/** The sections of the server's page that are about rooms: bars, biggest first, and those that no local user is in. */
import { codeBlock, details } from "../../format/page/charts.ts";
import { type Html, markup } from "../../format/page/html.ts";
import { formatBytes, formatFigure, formatPercent, formatUnits } from "../../format/numbers.ts";
import { deleteRoomCall } from "../../format/shell.ts";
import type { AbandonedRooms, ServerSurvey, SurveyedRoom } from "../../jobs/server.ts";
import { formatGain } from "../steps.ts";

/** The biggest rooms as bars, each with the command that looks closer. */
export function roomsSection({ rooms, total }: ServerSurvey, command: (roomId: string) => string): Html {
  const most = Math.max(1, ...rooms.map((room) => room.rows));
  const listed = rooms.reduce((sum, { rows }) => sum + rows, 0);
  return markup`<h2 id="rooms-title">The biggest rooms</h2>
<p>${formatUnits(rooms.length, "room")} with ${
    formatPercent(Math.min(listed, total.rows), total.rows)
  } of all rows. Bars are rows: what would stay, and what compressing would take away.</p>
<ul class="key"><li><i class="stays"></i>would stay</li><li><i class="compress"></i>would go</li><li><i class="unknown"></i>not tried</li></ul>
<ol class="rooms">${
    rooms.map((room) => barOf(room, most, details("Look closer", codeBlock(command(room.roomId)))))
  }</ol>`;
}

/** Rooms that no local user is in, each with the call that deletes it. */
export function abandonedSection(abandoned: AbandonedRooms | string): Html {
  const title = markup`<h2 id="abandoned-title">Rooms that no local user is in</h2>`;
  if (typeof abandoned === "string") {
    return markup`${title}
<p>Not known: ${abandoned}. Where Synapse keeps its events in another database, name it with --events-postgres.</p>`;
  }
  const { rooms, count, all } = abandoned;
  if (count === 0) {
    return markup`${title}
<p>None was found, by Synapse’s room statistics.</p>`;
  }
  const most = Math.max(1, ...rooms.map((room) => room.rows));
  return markup`${title}
<p>${formatUnits(count, "room")} with ${formatFigure(all.rows, all.rowsError)} rows, about ${
    formatGain(all)
  }, by Synapse’s room statistics. Nobody on this server can read them; deleting one frees all that the
server has of it, events too. This program never deletes a room: Synapse’s admin API does, with the token of an administrator.</p>
<ol class="rooms">${
    rooms.map((room) => barOf(room, most, details("The call that deletes it", codeBlock(deleteRoomCall(room.roomId)))))
  }</ol>
${
    rooms.length < count &&
    markup`<p>${formatUnits(count - rooms.length, "more room")} with fewer rows are not listed.</p>`
  }`;
}

function barOf(room: SurveyedRoom, most: number, more: Html): Html {
  const { saving, name, alias, roomId, localUsers } = room;
  const width = (rows: number) => `width:${(Math.max(0, rows) / most * 100).toFixed(2)}%`;
  const goes = Math.min(room.rows, saving?.rows ?? 0);
  const notes = [
    `${formatBytes(room.bytes)}`,
    `${formatFigure(room.rows, room.rowsError)} rows, ${formatPercent(room.share)} of all`,
    saving !== undefined &&
    `compressing saves ${formatFigure(saving.rows, saving.rowsError)} (${formatPercent(saving.share)})`,
    room.failure !== undefined && room.failure,
    localUsers !== undefined && (localUsers === 0 ? "no local user" : formatUnits(localUsers, "local user")),
  ].filter((note) => note !== false);
  const names = [
    name !== undefined && markup`<strong><bdi>${name}</bdi></strong>`,
    alias !== undefined && markup`<bdi>${alias}</bdi>`,
    markup`<code><bdi>${roomId}</bdi></code>`,
  ].filter((part) => part !== false);
  return markup`<li><p class="room">${names.map((part, i) => [i > 0 && " ", part])}</p>
<div class="bar" aria-hidden="true">${
    saving === undefined
      ? markup`<span class="unknown" style="${width(room.rows)}"></span>`
      : markup`<span class="after" style="${width(room.rows - goes)}"></span><span class="before" style="${
        width(goes)
      }"></span>`
  }</div>
<p class="notes">${notes.join(" · ")}</p>
${more}</li>
`;
}
