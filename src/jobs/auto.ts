/**
 * The whole server, chunk after chunk: which room is next, many workers at once, and what came of it. Rooms are shared
 * with any other process by advisory locks, so none is ever worked on twice at a time. One room's failure never ends the
 * job. Memory is a chunk's for each worker.
 */
import { preferenceOf } from "../core/plan/plan.ts";
import { findNewest } from "../db/read/newest.ts";
import { checkWritable, lockRoom } from "../db/write/access.ts";
import type { Session } from "../db/session/connect.ts";
import { createProgressTables, findNextGroup, hasProgressTables, removeGoneRooms } from "../db/write/progress.ts";
import { listWork, type RoomWork, type WorkOptions } from "../db/write/work.ts";
import { pause, stoppable } from "../db/session/stop.ts";
import {
  CapacityError,
  CompressorError,
  ConflictError,
  ConnectionError,
  MismatchError,
  StoppedError,
} from "../errors.ts";
import { type ChunkOptions, type ChunkReport, compressChunk } from "./chunk.ts";
import type { WorkEvent } from "./prepare.ts";
import type { PruneReport } from "./prune.ts";
import { Queue } from "./queue.ts";
import { NO_PROGRESS, Rehearsal } from "./rehearsal.ts";
import { type ServerReport, Tally } from "./tally.ts";
import { checkTidy, pruneFinished, reclaimIfWorth, type TidyEvent, type TidyOptions } from "./tidy.ts";

/** Options for compressServer(). */
export interface ServerOptions
  extends
    Omit<ChunkOptions, "chunkSize" | "newestFrom" | "onWork" | "rehearsal">,
    Pick<WorkOptions, "order" | "exact">,
    TidyOptions {
  /** Groups of a chunk. @default DEFAULT_CHUNK_SIZE */
  readonly chunkSize?: number | undefined;
  /** Stop after this many chunks. @default none */
  readonly chunks?: number | undefined;
  /** Only this many rooms, the first in the order. @default all */
  readonly rooms?: number | undefined;
  /**
   * Write nothing, not even tables: each chunk is rehearsed on top of what the ones before would have written. Goes without
   * `prune` and `reclaim`. @default false
   */
  readonly dryRun?: boolean | undefined;
  /** Sessions that work at once. @default 1 */
  readonly workers?: number | undefined;
  /** Start no new chunk after this time, in milliseconds. @default none */
  readonly maxTimeMs?: number | undefined;
  /**
   * How long to wait, in milliseconds, before a chunk is tried again that others held, where only such chunks are left; twice
   * that before its third and last try. @default 1,000
   */
  readonly tryAgainMs?: number | undefined;
}

/** What happens, as it happens. */
export type ServerEvent =
  | TidyEvent
  /** The progress of `rooms` rooms was deleted, since Synapse has deleted the rooms. */
  | { readonly kind: "gone"; readonly rooms: number }
  /** Rooms with something to do, their state groups that are not done, and about how many rows these have. */
  | { readonly kind: "found"; readonly rooms: number; readonly groups: number; readonly rows: number }
  /** A room is begun, or gone on with: its groups that are not done, and about how many rows these have. */
  | { readonly kind: "room"; readonly roomId: string; readonly groups: number; readonly rows: number }
  | { readonly kind: "working"; readonly roomId: string; readonly event: WorkEvent }
  /** The work on a room is over, for now or for good: done, failed, busy, or put off. */
  | { readonly kind: "left"; readonly roomId: string; readonly isPutOff: boolean }
  | { readonly kind: "chunk"; readonly report: ChunkReport; readonly seconds: number }
  | { readonly kind: "failed"; readonly roomId: string; readonly error: Error }
  | { readonly kind: "busy"; readonly roomId: string };

/** What a job is about to work on. */
export interface ServerPlan {
  /** The rooms with something to do. */
  readonly rooms: number;
  /** Their state groups that are not done. */
  readonly groups: number;
  /** About how many rows these have. */
  readonly rows: number;
}

/** Who watches a job, and may end it. */
export interface ServerHooks {
  /** Called as the job goes on. */
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
  /** Sees what is to be done, before anything of it is; what it throws ends the job. */
  readonly onPlan?: ((plan: ServerPlan, session: Session) => Promise<void>) | undefined;
  /** Stops the job: a read at once, writing after the batch under way. */
  readonly signal?: AbortSignal | undefined;
}

/** The default of `chunkSize`: most rooms whole. A state that is stored once takes little, however many groups have it. */
export const DEFAULT_CHUNK_SIZE = 10_000;
/** How often a chunk is tried in one run. */
const TRIES = 3;
const DEFAULT_TRY_AGAIN_MS = 1000;
/** Once this many rooms in a row have failed, the cause is not the rooms. */
const PATIENCE = 5;

/**
 * Compresses the rooms of a server.
 *
 * @param open makes a session, once for each worker
 * @throws {ConnectionError} the database is gone; the progress up to then is saved
 * @throws {CompressorError} nothing can be done: no privileges, or room after room fails
 * @throws {StoppedError} the signal was aborted; its report is the {@linkcode ServerReport} so far
 */
export async function compressServer(
  open: () => Promise<Session>,
  options: ServerOptions = {},
  hooks: ServerHooks = {},
): Promise<ServerReport> {
  const { signal } = hooks;
  await using session = await open();
  let hasProgress = true;
  const all = await stoppable(session, signal, async () => {
    if (options.dryRun !== true) {
      await checkWritable(session);
      await using events = await options.openEvents?.();
      await checkTidy(session, events ?? session, options);
      await createProgressTables(session);
    }
    hasProgress = options.dryRun !== true || await hasProgressTables(session);
    const gone = await removeGoneRooms(session, options);
    if (gone > 0) hooks.onEvent?.({ kind: "gone", rooms: gone });
    return await listWork(session, options);
  });
  const work = options.rooms === undefined ? all : all.slice(0, options.rooms);
  const sum = (of: (room: RoomWork) => number) => all.reduce((total, room) => total + of(room), 0);
  const plan: ServerPlan = { rooms: all.length, groups: sum(({ groups }) => groups), rows: sum(({ rows }) => rows) };
  hooks.onEvent?.({ kind: "found", ...plan });
  if (work.length > 0) await stoppable(session, signal, async () => await hooks.onPlan?.(plan, session));
  const job = new Job(work, all.length, { ...options, hasProgress }, hooks);
  const workers = Math.max(1, Math.min(options.workers ?? 1, work.length));
  const results = await Promise.allSettled(
    Array.from({ length: workers }, async (_, i) => {
      try {
        if (i === 0) return await stoppable(session, signal, () => job.work(session));
        await using own = await open();
        await stoppable(own, signal, () => job.work(own));
      } catch (error) {
        job.end();
        throw error;
      }
    }),
  );
  const failures = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  const failure = failures.find((error) => !(error instanceof StoppedError));
  if (failure !== undefined) throw failure;
  const report = job.finish();
  if (failures.length > 0) throw StoppedError.by(signal!, report);
  if (options.reclaim === true && options.dryRun !== true && report.outcome !== "out-of-time") {
    const emit = (event: TidyEvent) => hooks.onEvent?.(event);
    report.reclaimed = await stoppable(
      session,
      signal,
      () => reclaimIfWorth(session, options, emit, signal),
      () => report,
    );
  }
  return report;
}

/** Options of the job, and whether its progress tables are there. */
interface JobOptions extends ServerOptions {
  readonly hasProgress: boolean;
}

class Job {
  readonly #queue: Queue;
  readonly #options: JobOptions & ChunkOptions;
  readonly #hooks: ServerHooks;
  readonly #tally: Tally;
  readonly #startedAt = performance.now();
  readonly #rehearsals = new Map<string, Rehearsal>();
  /** Rooms whose groups that the last run spared were gone over again. */
  readonly #revisited = new Set<string>();
  #chunksBegun = 0;
  #failedInARow = 0;
  #isEnded = false;

  constructor(work: readonly RoomWork[], roomsFound: number, options: JobOptions, hooks: ServerHooks) {
    this.#queue = new Queue(work);
    this.#options = { ...options, chunkSize: options.chunkSize ?? DEFAULT_CHUNK_SIZE };
    this.#hooks = hooks;
    this.#tally = new Tally(roomsFound);
  }

  /** Makes the other workers end after what they are at. */
  end(): void {
    this.#isEnded = true;
  }

  finish(): ServerReport {
    return this.#tally.finish();
  }

  /** Takes room after room; those with an unfinished chunk again once no other is left. */
  async work(session: Session): Promise<void> {
    for (let room; !this.#isOver() && (room = this.#queue.take()) !== undefined;) {
      try {
        const tries = this.#tally.tries(room.roomId);
        const { tryAgainMs = DEFAULT_TRY_AGAIN_MS } = this.#options;
        if (tries > 0) await pause(tryAgainMs * tries, this.#hooks.signal);
        this.#hooks.onEvent?.({ kind: "room", roomId: room.roomId, groups: room.groups, rows: room.rows });
        const next = await this.#workOn(session, room);
        this.#failedInARow = 0;
        this.#hooks.onEvent?.({ kind: "left", roomId: room.roomId, isPutOff: next !== undefined });
        if (next === "again") this.#queue.putLast(room);
        else if (next !== undefined) this.#queue.put({ ...room, nextGroup: next });
      } catch (error) {
        this.#fail(session, room.roomId, error);
        this.#hooks.onEvent?.({ kind: "left", roomId: room.roomId, isPutOff: false });
      }
    }
  }

  /** Works on a room: to its end, or, where the oldest group is next, one chunk. Returns its next group, if it has one. */
  async #workOn(session: Session, { roomId, groups }: RoomWork): Promise<number | "again" | undefined> {
    const rehearsal = this.#rehearse(roomId);
    await using lock = rehearsal !== undefined ? undefined : await lockRoom(session, roomId).catch((error) => {
      if (error instanceof ConflictError) return undefined;
      throw error;
    });
    if (rehearsal === undefined && lock === undefined) {
      this.#tally.report.roomsBusy.push(roomId);
      this.#hooks.onEvent?.({ kind: "busy", roomId });
      return undefined;
    }
    // Once for all chunks, where there are several: what Synapse adds meanwhile is newer.
    const isAsked = groups >= this.#options.chunkSize && preferenceOf(this.#options) !== "rows";
    const newestFrom = isAsked ? (await findNewest(session, roomId))?.from : undefined;
    while (!this.#isOver()) {
      const startedAt = performance.now();
      this.#chunksBegun++;
      const { signal } = this.#hooks;
      const options = {
        ...this.#options,
        rehearsal,
        mayTryAgain: this.#tally.tries(roomId) + 1 < TRIES,
        revisit: !this.#revisited.has(roomId),
        newestFrom,
        onWork: this.#onWork(roomId),
      };
      const chunk = await compressChunk(session, roomId, options, signal).catch((error) => {
        if (error instanceof StoppedError && error.report !== undefined) this.#tally.count(error.report as ChunkReport);
        throw error;
      });
      if (chunk === undefined) {
        this.#chunksBegun--;
        // What could not be finished is gone.
        this.#tally.drop(roomId);
        return undefined;
      }
      this.#tally.count(chunk);
      this.#hooks.onEvent?.({ kind: "chunk", report: chunk, seconds: (performance.now() - startedAt) / 1000 });
      if (chunk.outcome === "unfinished") return this.#tally.tries(roomId) < TRIES ? "again" : undefined;
      this.#revisited.add(roomId);
      if (chunk.isLast) {
        if (this.#options.prune === true && rehearsal === undefined) await this.#prune(session, roomId);
        return undefined;
      }
      if (this.#options.order === "oldest") return await findNextGroup(session, roomId, chunk.lastGroup);
    }
    return undefined;
  }

  #onWork(roomId: string): (event: WorkEvent) => void {
    return (event) => this.#hooks.onEvent?.({ kind: "working", roomId, event });
  }

  /** What was rehearsed of a room, where nothing is to be written: of rooms that are worked on by turns all of it is kept. */
  #rehearse(roomId: string): Rehearsal | undefined {
    if (this.#options.dryRun !== true) return undefined;
    const rehearsal = this.#rehearsals.get(roomId) ??
      new Rehearsal(this.#options.hasProgress ? undefined : NO_PROGRESS);
    if (this.#options.order === "oldest") this.#rehearsals.set(roomId, rehearsal);
    return rehearsal;
  }

  /** Has Synapse delete what no event uses in a room that is compressed now. */
  async #prune(session: Session, roomId: string): Promise<void> {
    await using events = await this.#options.openEvents?.();
    const options = { ...this.#options, batch: undefined };
    const pruned: PruneReport = await pruneFinished(session, events ?? session, roomId, options, {
      signal: this.#hooks.signal,
      onWork: this.#onWork(roomId),
    });
    this.#tally.report.groupsMarked += pruned.marked;
    if (pruned.outcome === "written") this.#tally.report.rowsPruned += pruned.rowsBefore - pruned.rowsAfter;
    this.#hooks.onEvent?.({ kind: "pruned", report: pruned });
  }

  /** Notes a room's failure; throws where it is not the room's. */
  #fail(session: Session, roomId: string, error: unknown): void {
    if (session.lost !== undefined || error instanceof ConnectionError || error instanceof StoppedError) throw error;
    const failure = error instanceof Error ? error : new CompressorError(String(error));
    this.#tally.report.failed.push({ roomId, error: failure });
    this.#hooks.onEvent?.({ kind: "failed", roomId, error: failure });
    const isRoomsOwn = error instanceof MismatchError || error instanceof CapacityError;
    if (!isRoomsOwn && ++this.#failedInARow >= PATIENCE) throw error;
  }

  #isOver(): boolean {
    if (this.#isEnded) return true;
    const { chunks = Infinity, maxTimeMs = Infinity } = this.#options;
    const { report } = this.#tally;
    const { signal } = this.#hooks;
    if (signal?.aborted) throw StoppedError.by(signal);
    if (this.#chunksBegun >= chunks) report.outcome = "enough-chunks";
    else if (performance.now() - this.#startedAt >= maxTimeMs) report.outcome = "out-of-time";
    else return false;
    return true;
  }
}
