/**
 * What came of a server's chunks, added up. A chunk that is tried again counts once: what was written at every try, the rest at
 * the last. Memory is a name a room.
 */
import { addSkips, noSkips, type SkipCounts } from "../db/write/skips.ts";
import type { ChunkReport } from "./chunk.ts";
import type { ReclaimReport } from "./reclaim.ts";

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
  /** Rows of those groups before. */
  rowsBefore: number;
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

/** Adds up the chunks of a job. */
export class Tally {
  readonly report: ServerReport;
  readonly #startedAt = performance.now();
  readonly #rooms = new Set<string>();
  readonly #broken = new Set<string>();
  /** How often the next chunk of a room was tried, and what came of it, by room; none of it where it was finished. */
  readonly #unfinished = new Map<string, { tries: number; chunk: ChunkReport }>();

  constructor(roomsFound: number) {
    this.report = {
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
      rowsBefore: 0,
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

  /** The report, once no chunk is tried again. */
  finish(): ServerReport {
    const { report } = this;
    for (const { chunk } of this.#unfinished.values()) {
      report.roomsUnfinished.push(chunk.roomId);
      this.#countChunk(chunk);
    }
    this.#unfinished.clear();
    report.seconds = (performance.now() - this.#startedAt) / 1000;
    return report;
  }

  /** Forgets a room's unfinished chunk, whose groups are gone. */
  drop(roomId: string): void {
    this.#unfinished.delete(roomId);
  }

  /** How often the next chunk of a room was tried without being finished. */
  tries(roomId: string): number {
    return this.#unfinished.get(roomId)?.tries ?? 0;
  }

  /** Counts what was written; the groups of a chunk, and those that were skipped, once it is not tried again. */
  count(chunk: ChunkReport): void {
    const { report } = this;
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
      this.#unfinished.set(chunk.roomId, { tries: this.tries(chunk.roomId) + 1, chunk });
    } else {
      this.#unfinished.delete(chunk.roomId);
      this.#countChunk(chunk);
    }
  }

  #countChunk(chunk: ChunkReport): void {
    const { report } = this;
    report.chunks++;
    if (chunk.outcome === "skipped") report.chunksSkipped++;
    report.groups += chunk.groups;
    report.rowsBefore += chunk.ownRows;
    report.groupsSkipped += chunk.groupsSkipped;
    addSkips(report.skippedByKind, chunk.skippedByKind);
    report.groupsLeftOut += chunk.groupsLeftOut;
  }
}
