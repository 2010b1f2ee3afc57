/**
 * Draws a room: as graph files, or as one page. Only reads: the room is loaded and compressed by the one pipeline, and
 * nothing of it is written to the database. So it needs no lock, and works on a standby.
 */
import type { CompressOptions } from "../core/plan/plan.ts";
import type { Session } from "../db/session/connect.ts";
import type { GroupRange } from "../db/read/load.ts";
import { readRowBytes } from "../db/read/sizes.ts";
import { findRoomInfo } from "../db/read/stats.ts";
import { stoppable } from "../db/session/stop.ts";
import type { PageOptions, RoomAbout } from "../format/page/about.ts";
import type { GraphOptions } from "../format/graph/graphs.ts";
import type { RoomReport } from "./report.ts";
import { compressRoom, fill, type RoomHooks, type TextSink } from "./room.ts";

/** What to draw. */
export interface DrawOptions extends GroupRange, CompressOptions {
  /** The room to draw. */
  readonly roomId: string;
  /** Check that no state would change. @default false for graphs, true for the page, which says what to do next */
  readonly verify?: boolean | undefined;
}

/** Who watches, and may end it. */
export type DrawHooks = Pick<RoomHooks, "onEvent" | "signal">;

/**
 * Writes a room's graph files.
 *
 * @param open gives the place for each of graphNames()
 * @throws {CompressorError} the database or an output fails, or `around` is no group of the room
 */
export function drawRoom(
  session: Session,
  options: DrawOptions & { readonly graph: GraphOptions },
  open: (name: string) => TextSink | Promise<TextSink>,
  hooks: DrawHooks = {},
): Promise<RoomReport> {
  return compressRoom(session, { ...options, verify: options.verify ?? false }, { ...hooks, graphs: open });
}

/**
 * What a room is called, who is in it, and about what its rows take: a small sample of the table, and a look-up.
 *
 * @param events where Synapse's room statistics are; the same session unless `databases:` separate them
 * @throws {CompressorError} a server or a connection failed
 * @throws {StoppedError} the signal was aborted
 */
export async function lookUpRoom(
  session: Session,
  events: Session,
  roomId: string,
  signal?: AbortSignal | undefined,
): Promise<RoomAbout> {
  return await stoppable(session, signal, async () => {
    const info = await findRoomInfo(events, [roomId]);
    const rowBytes = await readRowBytes(session);
    return { ...info.get(roomId), rowBytes: rowBytes === 0 ? undefined : rowBytes };
  });
}

/**
 * Writes a page that explains a room.
 *
 * @throws {CompressorError} the database or the output fails
 */
export function describeRoom(
  session: Session,
  options: DrawOptions & PageOptions,
  page: TextSink,
  hooks: DrawHooks = {},
): Promise<RoomReport> {
  return compressRoom(session, options, {
    ...hooks,
    async onCompression(compression, report) {
      // Loaded when it is needed: no other command pays for the charts.
      const { formatPage } = await import("../format/page/page.ts");
      await fill(page, formatPage(compression, report, options), hooks.signal);
    },
  });
}
