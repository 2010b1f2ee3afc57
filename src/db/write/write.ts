/**
 * Writes rewrites beside a running Synapse: cuts them into batches, tries again what conflicts, then group by group, skips
 * what cannot be written, and stops between batches. Since each rewrite keeps its group's full state, any subset of them may
 * be written, in any order; the order is the one that keeps chains short (see core/plan/order.ts). Why one batch is safe is
 * said in batch.ts. Cost: the rows that are deleted and inserted, and a look at each rewritten group.
 */
import type { Rewrites } from "../../core/plan/compress.ts";
import { CompressorError, ConflictError, StoppedError } from "../../errors.ts";
import type { SkipKind } from "../../format/sql/skips.ts";
import { noSkips, type SkipCounts, type SkippedGroup } from "./skips.ts";
import { type BatchResult, BatchWriter } from "./batch.ts";
import { makeTask, type ReadForest, type Task } from "./rows.ts";
import { BATCH_TIMEOUT_MS } from "./statements.ts";
import type { Session } from "../session/connect.ts";
import { finishing, pause, stoppable } from "../session/stop.ts";

/** What came of writing: groupsWritten, groupsUnchanged, skipped and groupsLeft add up to the rewrites. */
export interface WriteReport {
  /** Groups that were rewritten. */
  groupsWritten: number;
  /** Groups that were as wanted already. */
  groupsUnchanged: number;
  /** stands[i]: 1 where rewrite i stands in the database now: written, or as wanted already. */
  readonly stands: Uint8Array;
  /** Groups that were left as they are, each with its reason. */
  readonly skipped: SkippedGroup[];
  /** How many of them for which reason. */
  readonly skippedByKind: SkipCounts;
  /** Groups that were not dealt with when the signal came; 0 except in the report of a StoppedError. */
  groupsLeft: number;
  /** Rows deleted. */
  rowsDeleted: number;
  /** Rows inserted. */
  rowsInserted: number;
  /** About how many bytes of table and index the deleted rows took, less those of the inserted ones. */
  bytesFreed: number;
  /** Transactions that were committed. */
  batches: number;
  /** Transactions that were undone because another one was in the way, and tried again. */
  retries: number;
}

/** Options for writeRewrites(). */
export interface WriteOptions {
  /** The most groups of one transaction; a batch also ends at some 20,000 rows. @default 50 */
  readonly batch?: number | undefined;
  /**
   * For how long, in milliseconds, every transaction in a row may conflict: Synapse may be deleting the whole room. After
   * that the groups that are left are skipped untried. @default 60,000
   */
  readonly patienceMs?: number | undefined;
  /**
   * The pauses, in milliseconds, before a transaction of one group is tried again; one of more groups is tried again once, then
   * split. @default 100, 300, 900
   */
  readonly pausesMs?: readonly number[] | undefined;
  /** Ends every wait at once, and the writing after the batch under way. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch with the number of rewrites that are dealt with. */
  readonly onProgress?: ((done: number) => void) | undefined;
  /** Called for each group that is left as it is. */
  readonly onSkipped?: ((group: SkippedGroup) => void) | undefined;
}

const DEFAULT_BATCH = 50;
/** So that a batch of big groups does not hold its locks for seconds. */
const BATCH_ROWS = 20_000;
const DEFAULT_PAUSES_MS = [100, 300, 900];
const DEFAULT_PATIENCE_MS = 60_000;

/** What to say of a SQLSTATE that says that another transaction is in the way. */
const IN_THE_WAY: Readonly<Record<string, string>> = {
  "40001": "another transaction changed it at the same time",
  "40P01": "it would have been a deadlock with another transaction",
  "55P03": "another transaction held a lock on it for too long",
};
const UNTRIED = "other transactions were in the way for so long that it was not tried";

/**
 * Writes the rewrites of a forest that was read from this database.
 *
 * @throws {CompressorError} the connection or the server failed; what was committed before is whole and stays
 * @throws {StoppedError} the signal was aborted before all was dealt with; its report is the {@linkcode WriteReport} so far
 */
export async function writeRewrites(
  session: Session,
  forest: ReadForest,
  rewrites: Rewrites,
  options: WriteOptions = {},
): Promise<WriteReport> {
  const { batch = DEFAULT_BATCH } = options;
  if (!Number.isSafeInteger(batch) || batch < 1) throw new RangeError(`batch must be from 1 on, got ${batch}`);
  const writer = new Writer(session, forest, rewrites, options);
  return await stoppable(session, options.signal, () => writer.run(batch), () => writer.report);
}

class Writer {
  readonly #session: Session;
  readonly #forest: ReadForest;
  readonly #rewrites: Rewrites;
  readonly #options: WriteOptions;
  readonly #batch: BatchWriter;
  readonly report: WriteReport;
  /** Since when every transaction conflicted, or undefined if the last one did not. */
  #stuckSince: number | undefined;

  constructor(session: Session, forest: ReadForest, rewrites: Rewrites, options: WriteOptions) {
    this.#session = session;
    this.#forest = forest;
    this.#rewrites = rewrites;
    this.#options = options;
    this.#batch = new BatchWriter(session, forest, rewrites);
    this.report = {
      groupsWritten: 0,
      groupsUnchanged: 0,
      stands: new Uint8Array(rewrites.count),
      skipped: [],
      skippedByKind: noSkips(),
      groupsLeft: rewrites.count,
      rowsDeleted: 0,
      rowsInserted: 0,
      bytesFreed: 0,
      batches: 0,
      retries: 0,
    };
  }

  async run(batch: number): Promise<WriteReport> {
    for (const tasks of this.#batches(batch)) {
      await this.#deal(tasks);
      this.#options.onProgress?.(this.#rewrites.count - this.report.groupsLeft);
    }
    return this.report;
  }

  *#batches(size: number): Generator<Task[]> {
    let tasks: Task[] = [];
    let rows = 0;
    for (const index of this.#batch.order) {
      const task = makeTask(this.#forest, this.#rewrites, index);
      const cost = task.readRows + task.newRows;
      if (tasks.length === size || tasks.length > 0 && rows + cost > BATCH_ROWS) {
        yield tasks;
        tasks = [];
        rows = 0;
      }
      rows += cost;
      tasks.push(task);
    }
    if (tasks.length > 0) yield tasks;
  }

  /** Writes a batch, or, where it conflicts again and again, its groups one by one. */
  async #deal(tasks: Task[]): Promise<void> {
    const conflict = await this.#try(tasks);
    if (conflict === undefined) return;
    if (tasks.length === 1) this.#skip(tasks[0]!, "contention", conflict);
    else for (const task of tasks) await this.#deal([task]);
  }

  /** Tries a transaction a bounded number of times; returns why it could not be, or undefined if it was committed. */
  async #try(tasks: readonly Task[]): Promise<string | undefined> {
    const { patienceMs = DEFAULT_PATIENCE_MS, pausesMs = DEFAULT_PAUSES_MS, signal } = this.#options;
    if (this.#stuckSince !== undefined && performance.now() - this.#stuckSince > patienceMs) return UNTRIED;
    for (let attempt = 0;; attempt++) {
      await this.#batch.giveWay(signal);
      if (signal?.aborted) throw StoppedError.by(signal);
      const startedAt = performance.now();
      try {
        this.#count(await finishing(this.#session, () => this.#batch.write(tasks)));
        this.#stuckSince = undefined;
        return undefined;
      } catch (error) {
        const reason = conflictReason(error, performance.now() - startedAt);
        if (reason === undefined) throw error;
        if (signal?.aborted) throw StoppedError.by(signal);
        this.#stuckSince ??= startedAt;
        const pauseMs = pausesMs[attempt];
        if (pauseMs === undefined || attempt > 0 && tasks.length > 1) return reason;
        this.report.retries++;
        // Spread, so that two that collided do not meet again.
        await pause(pauseMs * (0.5 + Math.random()), signal);
      }
    }
  }

  /** Counts what a committed transaction came to. */
  #count({ written, unchanged, skip, rowsDeleted, rowsInserted, bytesFreed }: BatchResult): void {
    const { report } = this;
    report.batches++;
    report.groupsWritten += written.length;
    report.groupsUnchanged += unchanged.length;
    for (const tasks of [written, unchanged]) for (const { index } of tasks) report.stands[index] = 1;
    report.groupsLeft -= written.length + unchanged.length;
    report.rowsDeleted += rowsDeleted;
    report.rowsInserted += rowsInserted;
    report.bytesFreed += bytesFreed;
    for (const { task, kind, reason } of skip) this.#skip(task, kind, reason);
  }

  #skip({ groupId }: Task, kind: SkipKind, reason: string): void {
    const group = { groupId, kind, reason };
    this.report.skipped.push(group);
    this.report.skippedByKind[kind]++;
    this.report.groupsLeft--;
    this.#options.onSkipped?.(group);
  }
}

/** Why a transaction is worth another try, or undefined where it is not. */
function conflictReason(error: unknown, ms: number): string | undefined {
  if (!(error instanceof CompressorError)) return undefined;
  if (error.code === "57014") {
    // The server's words may be in any language, so the time tells, too.
    const isTimeout = /statement timeout/.test(error.message) || ms >= BATCH_TIMEOUT_MS;
    return isTimeout ? "the server took longer than the time limit of a batch" : "somebody cancelled the statement";
  }
  // The server's own conflicts have a code, and a message that is too long for a reason.
  const reason = error.code === undefined ? undefined : IN_THE_WAY[error.code];
  return reason ?? (error instanceof ConflictError ? error.message : undefined);
}
