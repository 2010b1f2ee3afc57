/**
 * Which rooms to compress: the biggest, and about what compression would save in each, found by really compressing some
 * chunks of them in memory. Reads only; ends within its time however big the rooms are: what is not reached stays unknown.
 */
import type { CompressOptions } from "../core/plan/plan.ts";
import type { Session } from "../db/session/connect.ts";
import { type BiggestRoomsOptions, findBiggestRooms, type RoomSize, type RoomSizes } from "../db/read/rooms.ts";
import { readRowBytes } from "../db/read/sizes.ts";
import { findRoomInfo, type RoomInfo } from "../db/read/stats.ts";
import { breathe, stoppable } from "../db/session/stop.ts";
import { type TriedRoom, tryRoom } from "./trial.ts";

/** Options for findRooms(). */
export interface RoomListOptions extends BiggestRoomsOptions, CompressOptions {
  /** Estimate what compression would save. @default true */
  readonly savings?: boolean | undefined;
  /** How long to go on with that, in milliseconds; what is not reached by then stays unknown. @default 10,000 */
  readonly savingsMs?: number | undefined;
  /** Connects to where Synapse's events are, if that is another database than the state's. */
  readonly openEvents?: (() => Promise<Session>) | undefined;
}

/** A room of the list, with what Synapse's room statistics say of it where they can be read. */
export type ListedRoom = TriedRoom & Partial<RoomInfo>;

/** What findRooms() found. */
export interface RoomList extends RoomSizes {
  /** The rooms, in the order that was asked for. */
  readonly rooms: readonly ListedRoom[];
  /** About what a row takes in the table and its indexes, in bytes. */
  readonly rowBytes: number;
}

/** Callbacks and the signal for findRooms(). */
export interface RoomListHooks {
  /** Called before each room whose saving is estimated. */
  readonly onRoom?: ((room: RoomSize, index: number, count: number) => void) | undefined;
  /** Stops the search at once. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_SAVINGS_MS = 10_000;

/**
 * Finds the biggest rooms and what compression would save.
 *
 * @throws {CompressorError} the server or the connection failed
 * @throws {StoppedError} the signal was aborted
 */
export function findRooms(
  session: Session,
  options: RoomListOptions = {},
  hooks: RoomListHooks = {},
): Promise<RoomList> {
  return stoppable(session, hooks.signal, () => findIn(session, options, hooks));
}

async function findIn(session: Session, options: RoomListOptions, hooks: RoomListHooks): Promise<RoomList> {
  const { onRoom, signal } = hooks;
  const sizes = await findBiggestRooms(session, options);
  const rowBytes = await readRowBytes(session);
  const info = await readInfo(session, options, sizes.rooms);
  const rooms: TriedRoom[] = [];
  const end = performance.now() + (options.savingsMs ?? DEFAULT_SAVINGS_MS);
  for (const [index, room] of sizes.rooms.entries()) {
    await breathe(signal);
    if ((options.savings ?? true) && performance.now() < end) {
      onRoom?.(room, index, sizes.rooms.length);
      rooms.push(await tryRoom(session, room, { how: options, end, signal }));
    } else {
      rooms.push({ ...room, saving: undefined });
    }
  }
  return { ...sizes, rowBytes, rooms: rooms.map((room) => ({ ...room, ...info.get(room.roomId) })) };
}

/** What Synapse's room statistics say of some rooms, where they can be read. */
async function readInfo(
  session: Session,
  { openEvents }: RoomListOptions,
  rooms: readonly RoomSize[],
): Promise<ReadonlyMap<string, RoomInfo>> {
  await using own = await openEvents?.();
  return await findRoomInfo(own ?? session, rooms.map(({ roomId }) => roomId));
}
