/**
 * The whole answer about a server, in seconds however big it is: how much of the disk the state takes, what is live, dead and
 * free in it, which rooms it belongs to, what compressing, pruning and reclaiming would each give, and what is in the way.
 * Reads only: catalogs, a random sample of pages, and some chunks of rooms that are compressed in memory.
 */
import type { CompressOptions } from "../core/plan/plan.ts";
import { type Blockers, findBlockers } from "../db/read/blockers.ts";
import type { Figure } from "../db/read/estimate.ts";
import { findBiggestRooms, type RoomSizes } from "../db/read/rooms.ts";
import { readServerFacts, type ServerFacts } from "../db/read/server.ts";
import { bytesOfRow, readSizes, type TableSizes } from "../db/read/sizes.ts";
import { readSpread, type RoomSpread } from "../db/read/spread.ts";
import { explainNoStats, readRoomInfo, type RoomInfo } from "../db/read/stats.ts";
import { explainUnprunable } from "../db/read/unused.ts";
import type { Session } from "../db/session/connect.ts";
import { breathe, stoppable } from "../db/session/stop.ts";
import { addGains, Extrapolation, type Gain, type Gains } from "./gains.ts";
import type { Saving, TriedRoom } from "./trial.ts";
import { sizeInSample, Trials } from "./trials.ts";

/** Options for surveyServer(). */
export interface SurveyOptions extends CompressOptions {
  /** How many of the biggest rooms are listed. @default 20 */
  readonly limit?: number | undefined;
  /** How long rooms are compressed in memory to see what that would save, in milliseconds. @default 4,000, less where sampling took long */
  readonly savingsMs?: number | undefined;
  /** Connects to where Synapse's events are, if that is another database than the state's. */
  readonly openEvents?: (() => Promise<Session>) | undefined;
}

/** Callbacks and the signal for surveyServer(). */
export interface SurveyHooks {
  /** Called with what is done next. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Looks at the file system that holds the database, or says why that cannot be done. */
  readonly readVolume?: ((facts: ServerFacts) => Promise<Volume | string>) | undefined;
  /** Stops the survey at once. */
  readonly signal?: AbortSignal | undefined;
}

/** The file system on which state_groups_state lies. */
export interface Volume {
  /** The folder. */
  readonly path: string;
  /** Bytes of the file system. */
  readonly bytes: number;
  /** Bytes that are free on it. */
  readonly freeBytes: number;
}

/** A room of the survey. */
export interface SurveyedRoom extends TriedRoom, Partial<RoomInfo> {
  /** About what its rows take in the table and its indexes. */
  readonly bytes: number;
}

/** Rooms that no local user is in: nobody can read them here. */
export interface AbandonedRooms {
  /** Those of them with the most rows, most first. */
  readonly rooms: readonly SurveyedRoom[];
  /** How many rooms of the sample there are; rooms that are too small for it are not counted. */
  readonly count: number;
  /** All of them together. */
  readonly all: Gain;
}

/** What surveyServer() finds. Errors are half the width of a 95 % confidence interval. */
export interface ServerSurvey {
  /** Sizes by the catalogs, and the statistics' age. */
  readonly facts: ServerFacts;
  /** The table and its indexes. */
  readonly sizes: TableSizes;
  /** What the table's file holds. Dead rows are by PostgreSQL's own count; free is what is left. */
  readonly inside: { readonly liveBytes: number; readonly deadBytes: number; readonly freeBytes: number };
  /** What a live row takes in the table and its indexes together, in bytes. */
  readonly rowBytes: number;
  /** The file system, or why it is not known. */
  readonly volume: Volume | string;
  /** All rooms together, and what was read to know it. */
  readonly total: Omit<RoomSizes, "rooms">;
  /** The biggest rooms, biggest first. */
  readonly rooms: readonly SurveyedRoom[];
  /** Rooms that no local user is in; or why that is not known. */
  readonly abandoned: AbandonedRooms | string;
  /** What each step would give. */
  readonly gains: Gains;
  /** Why nothing is said of pruning. */
  readonly noPruning: string | undefined;
  /** What stands in the way of giving space back. */
  readonly blockers: Blockers;
  /** How long the survey took, in seconds. */
  readonly seconds: number;
}

const DEFAULT_SAVINGS_MS = 4000;
/** Less than that where sampling took long: the whole is to end in this time. */
const WHOLE_MS = 8000;
const LEAST_SAVINGS_MS = 1000;
/** A sample of fewer pages than this was cut short by its time limit. */
const SLOW_PAGES = 2000;
const DEFAULT_LIMIT = 20;
/** Smaller chunks than `rooms` tries: more rooms in the time. */
const CHUNK = { rows: 8_000, groups: 8 };
const ABANDONED_LISTED = 10;
/** Figures that take longer come from an eighth of the sample. */
const SAMPLE_TIMEOUT_MS = 5000;

/**
 * Surveys a server.
 *
 * @throws {CompressorError} a server or a connection failed
 * @throws {StoppedError} the signal was aborted
 */
export async function surveyServer(
  session: Session,
  options: SurveyOptions = {},
  hooks: SurveyHooks = {},
): Promise<ServerSurvey> {
  return await stoppable(session, hooks.signal, async () => {
    await using own = await options.openEvents?.();
    return await surveyIn(session, own ?? session, options, hooks);
  });
}

async function surveyIn(
  session: Session,
  events: Session,
  options: SurveyOptions,
  { onStep = () => {}, readVolume, signal }: SurveyHooks,
): Promise<ServerSurvey> {
  const startedAt = performance.now();
  const seed = Math.floor(Math.random() * 2 ** 31);
  onStep("reading sizes");
  const facts = await readServerFacts(session);
  const volume = await readVolume?.(facts) ?? "nobody looked at its file system";
  const blockers = await findBlockers(session);
  onStep("sampling the rooms");
  const { limit = DEFAULT_LIMIT } = options;
  const { rooms: listed, ...total } = await findBiggestRooms(session, { limit, seed, timeoutMs: SAMPLE_TIMEOUT_MS });
  // The same pages again, which are in memory now: fewer where the disk was too slow for all of them.
  const sample = { seed, samplePages: total.pagesRead < SLOW_PAGES ? Math.max(1, total.pagesRead) : undefined };
  const spread = await readSpread(session, sample);
  const sizes = await readSizes(session, sample);
  await breathe(signal);
  const noStats = await explainNoStats(events);
  const info = noStats === undefined
    ? await readRoomInfo(events, [...spread.rooms.keys()])
    : new Map<string, RoomInfo>();
  const noPruning = await explainUnprunable(session, events);

  const trials = new Trials(session, spread, total.rows, {
    how: options,
    end: performance.now() + (options.savingsMs ?? timeLeft(startedAt)),
    signal,
    chunk: CHUNK,
    events: noPruning === undefined ? events : undefined,
  }, onStep);
  const { biggest, drawn, rooms: tried } = await trials.run(listed);

  const rowBytes = bytesOfRow(sizes);
  const known = (room: TriedRoom): SurveyedRoom => ({ ...room, bytes: room.rows * rowBytes, ...info.get(room.roomId) });
  const extrapolation = new Extrapolation(total, biggest, drawn, rowBytes);
  const compress = extrapolation.gainOf((saving) => saving);
  const prune = noPruning === undefined ? extrapolation.gainOf(({ pruned }) => pruned) : undefined;
  // Of one room both are known: not as if they were independent.
  const both = extrapolation.gainOf((saving) => noPruning === undefined ? withPruning(saving) : saving);
  const reclaim = reclaimable(sizes);
  const rooms = tried.map(known);
  return {
    facts,
    sizes,
    inside: lookInside(sizes, facts),
    rowBytes,
    volume,
    total,
    rooms,
    abandoned: noStats ?? explainEmpty(info) ?? findAbandoned(spread, info, total.rows, rooms, rowBytes),
    gains: {
      compress,
      prune,
      reclaim,
      all: addGains([both, reclaim]),
      reads: extrapolation.reads(),
      rowsTried: extrapolation.rowsTried,
    },
    noPruning,
    blockers,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** What compressing and pruning save together. */
function withPruning({ rows, rowsError, share, pruned }: Saving): Pick<Saving, "rows" | "rowsError" | "share"> {
  return {
    rows: rows + (pruned?.rows ?? 0),
    rowsError: rowsError + (pruned?.rowsError ?? 0),
    share: share + (pruned?.share ?? 0),
  };
}

function lookInside({ tableBytes, idealBytes, liveRows }: TableSizes, { deadRows }: ServerFacts) {
  const liveBytes = Math.min(tableBytes, idealBytes);
  const rowBytes = liveRows === 0 ? 0 : idealBytes / liveRows;
  const deadBytes = Math.min(tableBytes - liveBytes, Math.round(deadRows * rowBytes));
  return { liveBytes, deadBytes, freeBytes: tableBytes - liveBytes - deadBytes };
}

/** How long rooms may be tried, so that the whole survey ends in its time. */
function timeLeft(startedAt: number): number {
  const left = WHOLE_MS - (performance.now() - startedAt);
  return Math.min(DEFAULT_SAVINGS_MS, Math.max(LEAST_SAVINGS_MS, left));
}

/** What the files hold besides what they need now. */
function reclaimable({ tableBytes, idealBytes, idealBytesError, indexes }: TableSizes): Gain {
  const bytes = indexes.reduce(
    (sum, { bytes, idealBytes }) => sum + Math.max(0, bytes - (idealBytes ?? bytes)),
    Math.max(0, tableBytes - idealBytes),
  );
  return { rows: 0, rowsError: 0, bytes, bytesError: Math.min(idealBytesError, bytes) };
}

/** Why Synapse's statistics say nothing of these rooms. */
function explainEmpty(info: ReadonlyMap<string, RoomInfo>): string | undefined {
  const isEmpty = [...info.values()].every(({ localUsers }) => localUsers === undefined);
  return isEmpty ? "Synapse's room statistics are empty" : undefined;
}

function findAbandoned(
  spread: RoomSpread,
  info: ReadonlyMap<string, RoomInfo>,
  allRows: number,
  listed: readonly SurveyedRoom[],
  rowBytes: number,
): AbandonedRooms {
  const isAbandoned = (roomId: string) => info.get(roomId)?.localUsers === 0;
  const names = [...spread.rooms].filter(([roomId]) => isAbandoned(roomId)).sort((a, b) => b[1] - a[1]);
  const none: Figure = { value: 0, error: 0 };
  const { value, error } = names.length === 0 ? none : spread.rowsOf(isAbandoned);
  const rooms = names.slice(0, ABANDONED_LISTED).map(([roomId]): SurveyedRoom => {
    const known = listed.find((room) => room.roomId === roomId);
    if (known !== undefined) return known;
    const size = sizeInSample(spread, roomId, allRows, NaN);
    return { ...size, saving: undefined, bytes: size.rows * rowBytes, ...info.get(roomId) };
  });
  const all = { rows: value, rowsError: error, bytes: value * rowBytes, bytesError: error * rowBytes };
  return { rooms, count: names.length, all };
}
