/**
 * Draws a room: as graph files, or as one page. Only reads: the room is loaded and compressed by the one pipeline, and
 * nothing of it is written to the database. So it needs no lock, and works on a standby.
 */
import type { CompressOptions } from "../core/plan/plan.ts";
import type { Session } from "../db/session/connect.ts";
import type { GroupRange } from "../db/read/load.ts";
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

/** What the page needs to know besides the room itself. */
export interface PageOptions {
  /** The program's arguments that name the database and the range, without a password, for the commands to run next. */
  readonly commandArguments?: readonly string[] | undefined;
  /** When it was made, as it is to be printed. */
  readonly madeAt?: string | undefined;
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
