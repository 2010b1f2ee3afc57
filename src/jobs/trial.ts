/**
 * About what compressing a room would save, and what it would make of reads, found by really compressing some chunks of it in
 * memory; and what pruning would save on top. Reads only, and ends by its deadline.
 */
import { compressAround } from "../core/plan/around.ts";
import type { Compression } from "../core/plan/compress.ts";
import { type Chains, measureReads } from "../core/plan/cost.ts";
import type { CompressOptions } from "../core/plan/plan.ts";
import type { DeltaForest } from "../core/forest/forest.ts";
import { heightsAbove } from "../core/forest/outside.ts";
import { parseId } from "../db/read/ids.ts";
import { newestCount } from "../db/read/newest.ts";
import { type GroupRange, limitStatements } from "../db/read/load.ts";
import type { RoomSize } from "../db/read/rooms.ts";
import { findUnused } from "../db/read/unused.ts";
import type { Session } from "../db/session/connect.ts";
import { CapacityError, CompressorError } from "../errors.ts";
import { prepare } from "./prepare.ts";

/** Options of tryRoom(). */
export interface TrialOptions {
  /** How to compress. */
  readonly how: CompressOptions;
  /** By when to be done, as performance.now() tells time. */
  readonly end: number;
  /** Stops it at once. */
  readonly signal?: AbortSignal | undefined;
  /** Where the events are, to find out what pruning would save on top. @default that is not asked */
  readonly events?: Session | undefined;
  /** About how many rows a chunk is to have, and how many groups at least. @default 50,000 and 50 */
  readonly chunk?: { readonly rows: number; readonly groups: number } | undefined;
}

/** A room of no more than this many chunks' rows, and groups, is compressed whole. */
const WHOLE = { chunks: 2, groups: 10_000 };
/** Of a bigger room this many chunks are compressed. */
const CHUNKS = 4;
const DEFAULT_CHUNK = { rows: 50_000, groups: 50 };
const MOST_GROUPS = 500;
/** Groups before a chunk that are loaded for it to build on. */
const HEADS = 8;
/** Student's t for 95 % with CHUNKS - 1 degrees of freedom. */
const T = 3.182;

/** Rows of a chunk's own groups, and what reading them costs on average, in microseconds. */
interface Trial {
  readonly groups: number;
  readonly before: number;
  readonly after: number;
  /** Rows once what no event uses is pruned, too. */
  readonly pruned: number;
  readonly usBefore: number;
  readonly usAfter: number;
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
export interface TriedRoom extends RoomSize {
  /** Undefined where time was up, savings were not asked for, or the room cannot be compressed. */
  readonly saving: Saving | undefined;
  /** Why the room cannot be compressed. */
  readonly failure?: string | undefined;
}

/**
 * Estimates a room's saving; a room that was compressed whole is known exactly then.
 *
 * @throws {CompressorError} the server or the connection failed
 * @throws {StoppedError} the signal was aborted
 */
export async function tryRoom(session: Session, room: RoomSize, options: TrialOptions): Promise<TriedRoom> {
  try {
    const saving = await estimateSaving(session, room, options);
    return { ...(saving?.rowsError === 0 ? counted(room, saving) : room), saving };
  } catch (error) {
    // That room alone is beyond us.
    if (!(error instanceof CapacityError)) throw error;
    return { ...room, saving: undefined, failure: error.message };
  }
}

/** The size of a room that was loaded whole: known now, where it was estimated. */
function counted(room: RoomSize, { rowsTried, groupsTried }: Saving): RoomSize {
  if (room.rowsError === 0) return room;
  const scale = rowsTried / Math.max(1, room.rows);
  const known = { rows: rowsTried, rowsError: 0, share: room.share * scale, groups: groupsTried, groupsError: 0 };
  const uncompressedRows = Math.min(rowsTried, Math.round(room.uncompressedRows * scale));
  const isWhole = room.uncompressedRows === 0 || room.uncompressedRows === room.rows;
  return { ...room, ...known, uncompressedRows, uncompressedRowsError: isWhole ? 0 : room.uncompressedRowsError };
}

/** Undefined where the time was up. */
async function estimateSaving(
  session: Session,
  room: RoomSize,
  options: TrialOptions,
): Promise<Saving | undefined> {
  const { end } = options;
  try {
    const ranges = await drawChunks(session, room, options);
    const trials: Trial[] = [];
    for (const range of ranges ?? [{}]) {
      if (performance.now() >= end) return undefined;
      trials.push(await tryChunk(session, room.roomId, range, options));
    }
    return sumUp(room, trials, ranges === undefined, options.events !== undefined);
  } catch (error) {
    // The server gave up a statement since the time was over.
    if (error instanceof CompressorError && error.code === "57014" && performance.now() >= end) return undefined;
    throw error;
  }
}

function sumUp(room: RoomSize, trials: readonly Trial[], isWhole: boolean, withPruning: boolean): Saving {
  const sum = (of: (trial: Trial) => number) => trials.reduce((total, trial) => total + of(trial), 0);
  const before = sum((trial) => trial.before);
  const groups = sum((trial) => trial.groups);
  const mean = (of: (trial: Trial) => number) => groups === 0 ? 0 : sum((trial) => of(trial) * trial.groups) / groups;
  /** The room's part of what `of` is in the chunks: the variance of a ratio of two sums (Cochran, section 6.4). */
  const figure = (of: (trial: Trial) => number) => {
    const share = before === 0 ? 0 : sum(of) / before;
    if (isWhole) return { rows: sum(of), rowsError: 0, share };
    const residuals = sum((trial) => (of(trial) - share * trial.before) ** 2);
    // Where none of n groups saves anything, 3 of n would at most, at 95 % (the rule of three): no sample knows that none does.
    const shareError = share === 0
      ? Math.min(1, 3 / Math.max(1, groups))
      : T * Math.sqrt(residuals * trials.length / (trials.length - 1)) / before;
    const error = Math.hypot(shareError * room.rows, share * room.rowsError);
    return { rows: Math.round(share * room.rows), rowsError: Math.max(1, Math.ceil(error)), share };
  };
  return {
    ...figure((trial) => trial.before - trial.after),
    groupsTried: groups,
    rowsTried: before,
    readUsBefore: mean((trial) => trial.usBefore),
    readUsAfter: mean((trial) => trial.usAfter),
    ...(withPruning ? { pruned: figure((trial) => trial.after - trial.pruned) } : {}),
  };
}

/** Consecutive groups of a room, and some before them, to build on. */
interface TrialRange extends GroupRange {
  readonly heads?: readonly number[] | undefined;
  /** The id of the oldest of the room's newest groups. */
  readonly newestFrom?: number | undefined;
}

/** Chunks of consecutive groups, one in each quarter of the room; undefined where the whole room is little enough. */
async function drawChunks(
  session: Session,
  { roomId, rows, groups }: RoomSize,
  { end, chunk = DEFAULT_CHUNK }: TrialOptions,
): Promise<TrialRange[] | undefined> {
  if (rows <= WHOLE.chunks * chunk.rows && groups <= WHOLE.groups) return undefined;
  const size = Math.round(Math.min(MOST_GROUPS, Math.max(chunk.groups, chunk.rows * groups / Math.max(1, rows))));
  const dice = Array.from({ length: CHUNKS }, () => Math.random());
  const edges = await session.transaction("READ ONLY", async () => {
    await limitStatements(session, end);
    return await session.sql.unsafe(
      `SELECT r.ids[p]::text AS first, r.ids[p + ${size} - 1]::text AS last, array_to_string(r.ids[greatest(1, p - ${HEADS}):p - 1], ',') AS heads,
      r.ids[cardinality(r.ids) + 1 - ${newestCount("cardinality(r.ids)")}]::text AS newest
    FROM (SELECT array_agg(id ORDER BY id) AS ids, count(*) / ${CHUNKS} AS quarter FROM state_groups WHERE room_id = $1) AS r,
      (VALUES ${dice.map((part, n) => `(${n}, ${part}::float8)`)}) AS d (n, part),
      LATERAL (SELECT (d.n * r.quarter + 1 + floor(d.part * (r.quarter - ${size})))::int AS p) AS place
    WHERE r.quarter > ${size} ORDER BY d.n`,
      [roomId],
    );
  });
  if (edges.length === 0) return undefined;
  return edges.map(({ first, last, heads, newest }) => ({
    minGroup: parseId(first) - 1,
    maxGroup: parseId(last),
    heads: String(heads ?? "").split(",").filter(Boolean).map(parseId),
    newestFrom: parseId(newest),
  }));
}

/** Compresses a chunk in memory. The groups under it are there to build on, and do not count. */
async function tryChunk(
  session: Session,
  roomId: string,
  range: TrialRange,
  { how, end, signal, events }: TrialOptions,
): Promise<Trial> {
  const { forest, compression } = await prepare(
    session,
    roomId,
    { ...range, how: { newestFrom: range.newestFrom, ...how }, deadline: end, isWanted: () => false },
    { signal },
  );
  const own = forest.isContext.map((flag) => 1 - flag);
  const before = countRows(own, forest);
  // A job that finds nothing to save writes nothing.
  const isWorthIt = countRows(own, compression) < before;
  const planned: Chains = isWorthIt ? compression : forest;
  const after = countRows(own, planned);
  return {
    groups: own.reduce((sum, flag) => sum + flag, 0),
    before,
    after,
    pruned: events === undefined
      ? after
      : Math.min(after, await tryPruning(session, events, own, forest, compression, how)),
    usBefore: measureOwn(own, forest),
    usAfter: measureOwn(own, planned),
  };
}

/** The rows of a chunk's own groups once it is compressed around what no event uses, and that is gone. */
async function tryPruning(
  session: Session,
  events: Session,
  own: Uint8Array,
  forest: DeltaForest,
  compression: Compression,
  how: CompressOptions,
): Promise<number> {
  const { mayGo } = await findUnused(session, events, forest.groupId);
  if (!mayGo.includes(1)) return countRows(own, compression);
  const heights = heightsAbove(forest.outside, forest.size);
  const { goes, rowCount } = compressAround(forest, mayGo, { ...how, heights });
  return rowCount.reduce((sum, rows, g) => sum + (own[g] === 0 || goes[g] === 1 ? 0 : rows), 0);
}

function countRows(own: Uint8Array, { rowCount }: Pick<Chains, "rowCount">): number {
  return rowCount.reduce((sum, rows, g) => sum + (own[g] === 1 ? rows : 0), 0);
}

/** What reading a chunk's own groups costs on average. */
function measureOwn(own: Uint8Array, columns: Chains): number {
  return measureReads(columns, { all: Float64Array.from(own), newest: new Float64Array(own.length) }).meanUs;
}
