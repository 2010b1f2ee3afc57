/**
 * Which rooms to compress: the biggest, and about what compression would save in each, found by really compressing some
 * chunks of them in memory. Reads only; ends within its time however big the rooms are: what is not reached stays unknown.
 */
import type { CompressOptions } from "../core/plan/plan.ts";
import type { Session } from "../db/session/connect.ts";
import { parseId } from "../db/read/ids.ts";
import { type GroupRange, limitStatements } from "../db/read/load.ts";
import { type BiggestRoomsOptions, findBiggestRooms } from "../db/read/rooms.ts";
import { breathe, stoppable } from "../db/session/stop.ts";
import { CapacityError, CompressorError } from "../errors.ts";
import type { ListedRoom, RoomList, RoomSize, Saving } from "../format/rooms.ts";
import { prepare } from "./prepare.ts";

/** Options for findRooms(). */
export interface RoomListOptions extends BiggestRoomsOptions, CompressOptions {
  /** Estimate what compression would save. @default true */
  readonly savings?: boolean | undefined;
  /** How long to go on with that, in milliseconds; what is not reached by then stays unknown. @default 10,000 */
  readonly savingsMs?: number | undefined;
}

/** Callbacks and the signal for findRooms(). */
export interface RoomListHooks {
  /** Called before each room whose saving is estimated. */
  readonly onRoom?: ((room: RoomSize, index: number, count: number) => void) | undefined;
  /** Stops the search at once. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_SAVINGS_MS = 10_000;
/** A room of no more than this is compressed whole. */
const WHOLE = { rows: 100_000, groups: 10_000 };
/** Of a bigger room this many chunks are compressed, each of about CHUNK_ROWS rows. */
const CHUNKS = 4;
const CHUNK_ROWS = 50_000;
const CHUNK_GROUPS = { least: 50, most: 500 };
/** Student's t for 95 % with CHUNKS - 1 degrees of freedom. */
const T = 3.182;

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
  const rooms: ListedRoom[] = [];
  const end = performance.now() + (options.savingsMs ?? DEFAULT_SAVINGS_MS);
  for (const [index, room] of sizes.rooms.entries()) {
    await breathe(signal);
    let saving: Saving | undefined;
    let failure: string | undefined;
    if ((options.savings ?? true) && performance.now() < end) {
      onRoom?.(room, index, sizes.rooms.length);
      try {
        saving = await unlessLate(end, () => estimateSaving(session, room, { ...options, end, signal }));
      } catch (error) {
        // That room alone is beyond us.
        if (!(error instanceof CapacityError)) throw error;
        failure = error.message;
      }
    }
    const size = saving?.rowsError === 0 ? counted(room, saving) : room;
    rooms.push({ ...size, saving, failure });
  }
  return { ...sizes, rooms };
}

/** The size of a room that was loaded whole: known now, where it was estimated. */
function counted(room: RoomSize, { rowsTried, groupsTried }: Saving): RoomSize {
  if (room.rowsError === 0) return room;
  const known = { rows: rowsTried, rowsError: 0, groups: groupsTried, groupsError: 0 };
  const scale = rowsTried / Math.max(1, room.rows);
  const uncompressedRows = Math.min(rowsTried, Math.round(room.uncompressedRows * scale));
  const isWhole = room.uncompressedRows === 0 || room.uncompressedRows === room.rows;
  return { ...room, ...known, uncompressedRows, uncompressedRowsError: isWhole ? 0 : room.uncompressedRowsError };
}

/** Rows before and after, of a chunk's own groups. */
interface Trial {
  readonly groups: number;
  readonly before: number;
  readonly after: number;
}

/** Options for an estimate: how to compress, by when to be done, as performance.now() tells time, and what ends it. */
interface EstimateOptions extends CompressOptions {
  readonly end: number;
  readonly signal: AbortSignal | undefined;
}

/** Undefined where the server gave up a statement since the time was over. */
async function unlessLate<T>(end: number, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CompressorError && error.code === "57014" && performance.now() >= end) return undefined;
    throw error;
  }
}

async function estimateSaving(
  session: Session,
  room: RoomSize,
  options: EstimateOptions,
): Promise<Saving | undefined> {
  const ranges = await drawChunks(session, room, options.end);
  const trials: Trial[] = [];
  for (const range of ranges ?? [{}]) {
    if (performance.now() >= options.end) return undefined;
    trials.push(await tryChunk(session, room.roomId, range, options));
  }
  const sum = (of: (trial: Trial) => number) => trials.reduce((total, trial) => total + of(trial), 0);
  const before = sum((trial) => trial.before);
  const share = before === 0 ? 0 : 1 - sum((trial) => trial.after) / before;
  const tried = { share, groupsTried: sum((trial) => trial.groups), rowsTried: before };
  if (ranges === undefined) return { rows: before - sum((trial) => trial.after), rowsError: 0, ...tried };
  // The variance of a ratio of two sums over the chunks (Cochran, section 6.4), and that of the room's own size.
  const residuals = sum(({ before, after }) => (before - after - share * before) ** 2);
  const shareError = before === 0 ? 0 : T * Math.sqrt(residuals * trials.length / (trials.length - 1)) / before;
  const error = Math.hypot(shareError * room.rows, share * room.rowsError);
  return { rows: Math.round(share * room.rows), rowsError: Math.ceil(error), ...tried };
}

/** Chunks of consecutive groups, one in each quarter of the room; undefined where the whole room is little enough. */
async function drawChunks(
  session: Session,
  { roomId, rows, groups }: RoomSize,
  end: number,
): Promise<GroupRange[] | undefined> {
  if (rows <= WHOLE.rows && groups <= WHOLE.groups) return undefined;
  const size = chunkGroups(rows / Math.max(1, groups));
  const dice = Array.from({ length: CHUNKS }, () => Math.random());
  const edges = await session.transaction("READ ONLY", async () => {
    await limitStatements(session, end);
    return await session.sql.unsafe(
      `SELECT r.ids[p]::text AS first, r.ids[p + ${size} - 1]::text AS last
    FROM (SELECT array_agg(id ORDER BY id) AS ids, count(*) / ${CHUNKS} AS quarter FROM state_groups WHERE room_id = $1) AS r,
      (VALUES ${dice.map((part, n) => `(${n}, ${part}::float8)`)}) AS d (n, part),
      LATERAL (SELECT (d.n * r.quarter + 1 + floor(d.part * (r.quarter - ${size})))::int AS p) AS place
    WHERE r.quarter > ${size} ORDER BY d.n`,
      [roomId],
    );
  });
  if (edges.length === 0) return undefined;
  return edges.map(({ first, last }) => ({ minGroup: parseId(first) - 1, maxGroup: parseId(last) }));
}

/** How many groups of a room make a chunk of fair size. */
function chunkGroups(rowsPerGroup: number): number {
  return Math.round(Math.min(CHUNK_GROUPS.most, Math.max(CHUNK_GROUPS.least, CHUNK_ROWS / rowsPerGroup)));
}

/** Compresses a chunk in memory. The groups under it are there to build on, and do not count. */
async function tryChunk(
  session: Session,
  roomId: string,
  range: GroupRange,
  { end, signal, ...how }: EstimateOptions,
): Promise<Trial> {
  const preparation = await prepare(session, roomId, { ...range, how, deadline: end, isWanted: () => false }, {
    signal,
  });
  const { forest, compression: { rowCount } } = preparation;
  const trial = { groups: 0, before: 0, after: 0 };
  for (let g = 0; g < forest.size; g++) {
    if (forest.isContext[g] === 1) continue;
    trial.groups++;
    trial.before += forest.rowCount[g]!;
    trial.after += rowCount[g]!;
  }
  // A job that finds nothing to save writes nothing.
  return { ...trial, after: Math.min(trial.before, trial.after) };
}
