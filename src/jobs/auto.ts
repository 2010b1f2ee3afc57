/**
 * The whole server, chunk after chunk: which room is next, many workers at once, and what came of it. Rooms are shared
 * with any other process by advisory locks, so none is ever worked on twice at a time. One room's failure never ends the
 * job. Memory is a chunk's for each worker.
 */
import { checkWritable, lockRoom } from "../db/write/access.ts";
import type { Session } from "../db/session/connect.ts";
import { createProgressTables, findNextGroup, removeGoneRooms } from "../db/write/progress.ts";
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
import { addSkips, noSkips, type SkipCounts } from "../format/skipped.ts";
import { type ChunkOptions, type ChunkReport, compressChunk } from "./chunk.ts";
import type { PruneReport } from "./prune.ts";
import { Queue } from "./queue.ts";
import type { ReclaimReport } from "./reclaim.ts";
import { checkTidy, pruneFinished, reclaimIfWorth, type TidyEvent, type TidyOptions } from "./tidy.ts";

/** What compressServer() is asked for. */
export interface ServerOptions
  extends Omit<ChunkOptions, "chunkSize">, Pick<WorkOptions, "order" | "exact">, TidyOptions {
  /** Groups of a chunk. @default DEFAULT_CHUNK_SIZE */
  readonly chunkSize?: number | undefined;
  /** End after so many chunks. @default none */
  readonly chunks?: number | undefined;
  /** Only the first so many rooms of the order. @default all */
  readonly rooms?: number | undefined;
  /** Sessions that work at once. @default 1 */
  readonly workers?: number | undefined;
  /** Begin no chunk later than this, in milliseconds. @default none */
  readonly maxTimeMs?: number | undefined;
}

/** A room that could not be compressed, and why. */
export interface FailedRoom {
  /** The room. */
  readonly roomId: string;
  /** Why it could not be compressed. */
  readonly error: Error;
}

/** What came of a job. */
export interface ServerReport {
  /** Rooms that had something to do, and those that were worked on. */
  readonly roomsFound: number;
  /** Rooms that were worked on. */
  rooms: number;
  /** Chunks that were worked on, skipped ones included. */
  chunks: number;
  /** Chunks that would have saved nothing. */
  chunksSkipped: number;
  /** State groups of those chunks. */
  groups: number;
  /** State groups that were rewritten. */
  groupsRewritten: number;
  /** Groups that were to be rewritten and were left as they are: how many, and how many for which reason. */
  groupsSkipped: number;
  /** The same by reason. */
  readonly skippedByKind: SkipCounts;
  /** Transactions that were repeated because another one was in the way. */
  retries: number;
  /** Groups left out because of defects. */
  groupsLeftOut: number;
  /** Rows deleted less rows inserted. */
  rowsSaved: number;
  /** About how many bytes of table and index the saved rows took. */
  bytesFreed: number;
  /** Unused groups that were marked for deletion, and the rows that will be fewer once Synapse has deleted them. */
  groupsMarked: number;
  /** Rows that will be fewer once Synapse has deleted what was marked. */
  rowsPruned: number;
  /** What reclaiming came to, where it was asked for and was worth it. */
  reclaimed: ReclaimReport | undefined;
  /** Rooms with broken data; what the data touches was left as it is. */
  readonly roomsWithDefects: string[];
  /** Rooms that failed; the others were compressed. */
  readonly failed: FailedRoom[];
  /**
   * Rooms with groups that could not be rewritten, at every try, because of other transactions: their progress ends before
   * those groups, and the next run begins with them.
   */
  readonly roomsUnfinished: string[];
  /** Rooms that another process was working on. */
  readonly roomsBusy: string[];
  /** Why it ended. */
  outcome: "done" | "enough-chunks" | "out-of-time";
  /** How long it took, in seconds. */
  seconds: number;
}

/** What happens, as it happens. */
export type ServerEvent =
  | TidyEvent
  /** The progress of so many rooms was deleted: Synapse has deleted the rooms. */
  | { readonly kind: "gone"; readonly rooms: number }
  | { readonly kind: "found"; readonly rooms: number; readonly groups: number }
  | { readonly kind: "chunk"; readonly report: ChunkReport; readonly seconds: number }
  | { readonly kind: "failed"; readonly roomId: string; readonly error: Error }
  | { readonly kind: "busy"; readonly roomId: string };

/** Who watches a job, and may end it. */
export interface ServerHooks {
  /** Called as the job goes on. */
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
  /** Stops the job: a read at once, writing after the batch under way. */
  readonly signal?: AbortSignal | undefined;
}

/** The default of `chunkSize`: most rooms whole. A state that is stored once takes little, however many groups have it. */
export const DEFAULT_CHUNK_SIZE = 10_000;
/** How often a chunk is tried in one run, and how long to wait, times the tries so far, where only such chunks are left. */
const TRIES = 3;
const TRY_AGAIN_MS = 1000;
/** After so many rooms failed one after the other it is not the rooms. */
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
  const all = await stoppable(session, signal, async () => {
    await checkWritable(session);
    await using events = await options.openEvents?.();
    await checkTidy(session, events ?? session, options);
    await createProgressTables(session);
    const gone = await removeGoneRooms(session);
    if (gone > 0) hooks.onEvent?.({ kind: "gone", rooms: gone });
    return await listWork(session, options);
  });
  const work = options.rooms === undefined ? all : all.slice(0, options.rooms);
  hooks.onEvent?.({ kind: "found", rooms: all.length, groups: all.reduce((sum, { groups }) => sum + groups, 0) });
  const job = new Job(work, all.length, options, hooks);
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
  if (options.reclaim === true && report.outcome !== "out-of-time") {
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

class Job {
  readonly #queue: Queue;
  readonly #options: ServerOptions & ChunkOptions;
  readonly #hooks: ServerHooks;
  readonly #report: ServerReport;
  readonly #startedAt = performance.now();
  readonly #rooms = new Set<string>();
  readonly #broken = new Set<string>();
  /** How often the next chunk of a room was tried, and what came of it, by room; none of it where it was finished. */
  readonly #unfinished = new Map<string, { tries: number; chunk: ChunkReport }>();
  #chunksBegun = 0;
  #failedInARow = 0;
  #isEnded = false;

  constructor(work: readonly RoomWork[], roomsFound: number, options: ServerOptions, hooks: ServerHooks) {
    this.#queue = new Queue(work, options.order ?? "biggest");
    this.#options = { ...options, chunkSize: options.chunkSize ?? DEFAULT_CHUNK_SIZE };
    this.#hooks = hooks;
    this.#report = {
      roomsFound,
      rooms: 0,
      chunks: 0,
      chunksSkipped: 0,
      groups: 0,
      groupsRewritten: 0,
      groupsSkipped: 0,
      skippedByKind: noSkips(),
      retries: 0,
      groupsLeftOut: 0,
      rowsSaved: 0,
      bytesFreed: 0,
      groupsMarked: 0,
      rowsPruned: 0,
      reclaimed: undefined,
      roomsWithDefects: [],
      failed: [],
      roomsUnfinished: [],
      roomsBusy: [],
      outcome: "done",
      seconds: 0,
    };
  }

  /** Makes the other workers end after what they are at. */
  end(): void {
    this.#isEnded = true;
  }

  finish(): ServerReport {
    const report = this.#report;
    for (const { chunk } of this.#unfinished.values()) {
      report.roomsUnfinished.push(chunk.roomId);
      this.#countChunk(chunk);
    }
    this.#unfinished.clear();
    report.seconds = (performance.now() - this.#startedAt) / 1000;
    return report;
  }

  /** Takes room after room; those with an unfinished chunk again once no other is left. */
  async work(session: Session): Promise<void> {
    for (let room; !this.#isOver() && (room = this.#queue.take()) !== undefined;) {
      try {
        const tries = this.#tries(room.roomId);
        if (tries > 0) await pause(TRY_AGAIN_MS * tries, this.#hooks.signal);
        const next = await this.#workOn(session, room.roomId);
        this.#failedInARow = 0;
        if (next === "again") this.#queue.putLast(room);
        else if (next !== undefined) this.#queue.put({ ...room, nextGroup: next });
      } catch (error) {
        this.#fail(session, room.roomId, error);
      }
    }
  }

  /** Works on a room: to its end, or, where the oldest group is next, one chunk. Returns its next group, if it has one. */
  async #workOn(session: Session, roomId: string): Promise<number | "again" | undefined> {
    await using lock = await lockRoom(session, roomId).catch((error) => {
      if (error instanceof ConflictError) return undefined;
      throw error;
    });
    if (lock === undefined) {
      this.#report.roomsBusy.push(roomId);
      this.#hooks.onEvent?.({ kind: "busy", roomId });
      return undefined;
    }
    while (!this.#isOver()) {
      const startedAt = performance.now();
      this.#chunksBegun++;
      const { signal } = this.#hooks;
      const options = { ...this.#options, mayTryAgain: this.#tries(roomId) + 1 < TRIES };
      const chunk = await compressChunk(session, roomId, options, signal).catch((error) => {
        if (error instanceof StoppedError && error.report !== undefined) this.#count(error.report as ChunkReport);
        throw error;
      });
      if (chunk === undefined) {
        this.#chunksBegun--;
        // What could not be finished is gone.
        this.#unfinished.delete(roomId);
        return undefined;
      }
      this.#count(chunk);
      this.#hooks.onEvent?.({ kind: "chunk", report: chunk, seconds: (performance.now() - startedAt) / 1000 });
      if (chunk.outcome === "unfinished") return this.#tries(roomId) < TRIES ? "again" : undefined;
      if (chunk.isLast) {
        if (this.#options.prune === true) await this.#prune(session, roomId);
        return undefined;
      }
      if (this.#options.order === "oldest") return await findNextGroup(session, roomId, chunk.lastGroup);
    }
    return undefined;
  }

  /** Has Synapse delete what no event uses in a room that is compressed now. */
  async #prune(session: Session, roomId: string): Promise<void> {
    await using events = await this.#options.openEvents?.();
    const options = { ...this.#options, batch: undefined };
    const pruned: PruneReport = await pruneFinished(session, events ?? session, roomId, options, this.#hooks.signal);
    this.#report.groupsMarked += pruned.marked;
    if (pruned.outcome === "written") this.#report.rowsPruned += pruned.rowsBefore - pruned.rowsAfter;
    this.#hooks.onEvent?.({ kind: "pruned", report: pruned });
  }

  /** How often the next chunk of a room was tried without being finished. */
  #tries(roomId: string): number {
    return this.#unfinished.get(roomId)?.tries ?? 0;
  }

  /** Counts what was written; the groups of a chunk, and those that were skipped, once it is not tried again. */
  #count(chunk: ChunkReport): void {
    const report = this.#report;
    this.#rooms.add(chunk.roomId);
    report.rooms = this.#rooms.size;
    report.groupsRewritten += chunk.groupsRewritten;
    report.rowsSaved += chunk.rowsSaved;
    report.bytesFreed += chunk.bytesFreed;
    report.retries += chunk.retries;
    if (chunk.defects.length > 0 && !this.#broken.has(chunk.roomId)) {
      this.#broken.add(chunk.roomId);
      report.roomsWithDefects.push(chunk.roomId);
    }
    if (chunk.outcome === "unfinished") {
      this.#unfinished.set(chunk.roomId, { tries: this.#tries(chunk.roomId) + 1, chunk });
    } else {
      this.#unfinished.delete(chunk.roomId);
      this.#countChunk(chunk);
    }
  }

  #countChunk(chunk: ChunkReport): void {
    const report = this.#report;
    report.chunks++;
    if (chunk.outcome === "skipped") report.chunksSkipped++;
    report.groups += chunk.groups;
    report.groupsSkipped += chunk.groupsSkipped;
    addSkips(report.skippedByKind, chunk.skippedByKind);
    report.groupsLeftOut += chunk.groupsLeftOut;
  }

  /** Notes a room's failure; throws where it is not the room's. */
  #fail(session: Session, roomId: string, error: unknown): void {
    if (session.lost !== undefined || error instanceof ConnectionError || error instanceof StoppedError) throw error;
    const failure = error instanceof Error ? error : new CompressorError(String(error));
    this.#report.failed.push({ roomId, error: failure });
    this.#hooks.onEvent?.({ kind: "failed", roomId, error: failure });
    const isRoomsOwn = error instanceof MismatchError || error instanceof CapacityError;
    if (!isRoomsOwn && ++this.#failedInARow >= PATIENCE) throw error;
  }

  #isOver(): boolean {
    if (this.#isEnded) return true;
    const { chunks = Infinity, maxTimeMs = Infinity } = this.#options;
    const report = this.#report;
    const { signal } = this.#hooks;
    if (signal?.aborted) throw StoppedError.by(signal);
    if (this.#chunksBegun >= chunks) report.outcome = "enough-chunks";
    else if (performance.now() - this.#startedAt >= maxTimeMs) report.outcome = "out-of-time";
    else return false;
    return true;
  }
}
