/**
 * Gives the disk space of deleted rows back to the system while Synapse runs: VACUUM, fresh indexes, then rounds that empty
 * the end of the table into free space further down and let VACUUM cut the file, until at most a tenth more than needed is
 * left. Whatever ends it, and whenever, no row is lost: each move is a transaction of its own, and the next run goes on.
 */
import { checkWritable } from "../db/write/access.ts";
import { findBlockers, findHolders, type SnapshotHolder } from "../db/read/blockers.ts";
import { countIndexBytes, countPages, readSizes } from "../db/read/sizes.ts";
import type { Session } from "../db/session/connect.ts";
import { pause, stoppable } from "../db/session/stop.ts";
import {
  analyzeTable,
  canReindex,
  dropLeftBehind,
  lockTable,
  reindex,
  vacuumFull,
  vacuumTable,
} from "../db/write/maintain.ts";
import { checkVacuum } from "../db/write/vacuum.ts";
import { ConflictError } from "../errors.ts";
import { findStillThere, waitForBuilders, waitForHolders } from "./holders.ts";
import { TailMover } from "./mover.ts";
import { checkCut, isBloated, isWorthMoving } from "./worth.ts";

/** Options of reclaim(). */
export interface ReclaimOptions {
  /** `move` works beside Synapse; `full` is VACUUM FULL, during which nobody reads or writes the table. @default "move" */
  readonly method?: "move" | "full" | undefined;
  /** Begin no move after this time, in milliseconds. @default none */
  readonly maxTimeMs?: number | undefined;
  /** How long to wait for an old snapshot to end before giving up, in milliseconds. @default 60,000 */
  readonly holderPatienceMs?: number | undefined;
}

/** What happens, as it happens. */
export type ReclaimEvent =
  | { readonly kind: "standbys"; readonly names: readonly string[] }
  | { readonly kind: "dropped-index"; readonly index: string }
  | { readonly kind: "invalid-index"; readonly index: string }
  | { readonly kind: "building-index"; readonly pids: readonly number[] }
  | { readonly kind: "vacuuming" }
  | { readonly kind: "reindexing"; readonly index: string }
  /** Rows moved so far; `share` is how much of the file's needless end is empty, 0 to 1. */
  | { readonly kind: "moving"; readonly rows: number; readonly share: number }
  | { readonly kind: "lock-busy"; readonly pauseMs: number }
  | { readonly kind: "waiting"; readonly holders: readonly SnapshotHolder[] }
  | { readonly kind: "round"; readonly round: number; readonly tableBytes: number; readonly freedBytes: number }
  | { readonly kind: "analyzing" };

/** Receivers of what happens, and a way to end it. */
export interface ReclaimHooks {
  /** Called as the job goes on. */
  readonly onEvent?: ((event: ReclaimEvent) => void) | undefined;
  /** Ends the job: a move after its transaction, anything else at once. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. Bytes are those of files. */
export interface ReclaimReport {
  /**
   * `done`: at most a tenth more than needed is left; `no-gain`: a round freed nothing; `blocked`: somebody still needs the
   * old rows; `out-of-time`: the next run goes on.
   */
  outcome: "done" | "no-gain" | "blocked" | "out-of-time";
  /** Bytes of the table before. */
  readonly tableBytesBefore: number;
  /** Bytes of its indexes before. */
  readonly indexBytesBefore: number;
  /** Bytes of the table after; 0 where the job was stopped. */
  tableBytesAfter: number;
  /** Bytes of its indexes after, likewise. */
  indexBytesAfter: number;
  /** What a table written anew would take. */
  idealBytes: number;
  /** How often the end of the file was emptied and cut. */
  rounds: number;
  /** Rows that were moved. */
  rowsMoved: number;
  /** Moves that had to wait for somebody else's lock and were tried again. */
  retries: number;
  /** Who kept rows that VACUUM was to remove, where that ended the job. */
  holders: readonly SnapshotHolder[];
  /** How long it took, in seconds. */
  seconds: number;
}

/**
 * A round empties a fifth of the table: enough for VACUUM to cut it (from 1,000 pages or a sixteenth on), and so little that
 * most of the free space, which the server hands out as it likes, lies below the boundary.
 */
const ROUND_SHARE = 0.2;
/** Left free below the boundary, so that the moved rows surely fit. */
const HEADROOM = 0.02;
const DEFAULT_HOLDER_PATIENCE_MS = 60_000;
const LEAST_LOCK_TIMEOUT_MS = 1000;
const POLL_MS = 1000;
/** VACUUM gives up the cut where somebody waits for the table, or needs a dead row for a moment: so often it is tried. */
const CUT_ATTEMPTS = 5;

/**
 * Gives disk space of state_groups_state back to the system.
 *
 * @throws {CompressorError} a privilege is missing, the table forbids the cut, or the server failed; no row is lost
 * @throws {StoppedError} the signal stopped it; the report has no sizes after
 */
export async function reclaim(
  session: Session,
  options: ReclaimOptions = {},
  hooks: ReclaimHooks = {},
): Promise<ReclaimReport> {
  const job = new Reclaim(session, options, hooks);
  return await stoppable(session, hooks.signal, async () => {
    await checkWritable(session);
    await checkVacuum(session);
    await using _lock = await lockTable(session);
    return await job.run();
  }, () => job.report);
}

class Reclaim {
  readonly #session: Session;
  readonly #options: ReclaimOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #emit: (event: ReclaimEvent) => void;
  readonly #startedAt = performance.now();
  /** What was done so far; undefined until something was. */
  report!: ReclaimReport;
  /** The file's pages before the first round, and those that it needs. */
  #goal = { start: 0, end: 0 };
  readonly #mover: TailMover;

  constructor(session: Session, options: ReclaimOptions, hooks: ReclaimHooks) {
    this.#session = session;
    this.#options = options;
    this.#signal = hooks.signal;
    this.#emit = hooks.onEvent ?? (() => {});
    this.#mover = new TailMover(session, {
      signal: this.#signal,
      isOver: () => this.#isOver(),
      onMoved: (page) => {
        this.report.rowsMoved = this.#mover.rowsMoved;
        this.#emit({ kind: "moving", rows: this.report.rowsMoved, share: this.#emptied(page) });
      },
      onBusy: (pauseMs) => {
        this.report.retries++;
        this.#emit({ kind: "lock-busy", pauseMs });
      },
    });
  }

  async run(): Promise<ReclaimReport> {
    await this.#prepare();
    const before = await readSizes(this.#session);
    const report = this.report = {
      outcome: "done",
      tableBytesBefore: before.tableBytes,
      indexBytesBefore: before.indexes.reduce((sum, { bytes }) => sum + bytes, 0),
      tableBytesAfter: 0,
      indexBytesAfter: 0,
      idealBytes: before.idealBytes,
      rounds: 0,
      rowsMoved: 0,
      retries: 0,
      holders: [],
      seconds: 0,
    };
    if (this.#options.method === "full") {
      this.#emit({ kind: "vacuuming" });
      await vacuumFull(this.#session);
    } else {
      await this.#vacuum();
      await this.#reindex();
      await this.#rounds();
      if (report.rowsMoved > 0 && !this.#isOver()) await this.#reindex();
    }
    this.#emit({ kind: "analyzing" });
    await analyzeTable(this.#session);
    report.tableBytesAfter = await countPages(this.#session) * before.pageBytes;
    report.indexBytesAfter = await countIndexBytes(this.#session);
    report.seconds = (performance.now() - this.#startedAt) / 1000;
    return report;
  }

  /** Refuses what would be in vain, and clears what an earlier run left. */
  async #prepare(): Promise<void> {
    const blockers = await findBlockers(this.#session);
    if (this.#options.method !== "full") checkCut(blockers);
    if (blockers.standbys.length > 0) this.#emit({ kind: "standbys", names: blockers.standbys });
    if (blockers.building.length > 0) this.#emit({ kind: "building-index", pids: blockers.building });
    for (const index of await waitForBuilders(this.#session, blockers, this.#signal)) {
      const isDropped = await dropLeftBehind(this.#session, index, this.#lockTimeoutMs);
      this.#emit({ kind: isDropped ? "dropped-index" : "invalid-index", index });
    }
  }

  async #rounds(): Promise<void> {
    const report = this.report;
    for (;;) {
      if (this.#isOver()) return void (report.outcome = "out-of-time");
      const { pages, idealPages, idealBytes, pageBytes } = await readSizes(this.#session);
      report.idealBytes = idealBytes;
      this.#goal = { start: Math.max(this.#goal.start, pages), end: idealPages };
      if (!isWorthMoving({ pages, idealPages })) return void (report.outcome = "done");
      const step = Math.ceil(pages * ROUND_SHARE);
      const boundaryPage = Math.max(pages - step, Math.ceil(idealPages * (1 + HEADROOM)) + 1);
      if (boundaryPage >= pages) return void (report.outcome = "done");
      const holders = await findHolders(this.#session);
      const moved = await this.#mover.empty(boundaryPage, pages);
      const { xid } = this.#mover;
      if (xid !== undefined && !await this.#waitForHolders(xid)) return void (report.outcome = "blocked");
      const left = await this.#cut(boundaryPage, holders);
      report.rounds++;
      this.#emit({
        kind: "round",
        round: report.rounds,
        tableBytes: left * pageBytes,
        freedBytes: (pages - left) * pageBytes,
      });
      if (left < pages) continue;
      // Whoever was there before and after the round may have kept dead rows, and with them the free space, all the while.
      const still = await findStillThere(this.#session, holders);
      if (still.length > 0) report.holders = still;
      return void (report.outcome = moved.isOutOfTime ? "out-of-time" : still.length > 0 ? "blocked" : "no-gain");
    }
  }

  /** How much of the file's needless end is empty once it ends at a page. */
  #emptied(page: number): number {
    const { start, end } = this.#goal;
    return Math.max(0, Math.min(1, (start - page) / Math.max(1, start - end)));
  }

  /** Waits for whoever needs rows that are dead by now, or by transaction `xid`; returns whether they ended in time. */
  async #waitForHolders(xid: string | undefined): Promise<boolean> {
    const holders = this.report.holders = await waitForHolders(this.#session, xid, {
      patienceMs: this.#patienceMs,
      signal: this.#signal,
      onWaiting: (holders) => this.#emit({ kind: "waiting", holders }),
    });
    return holders.length === 0;
  }

  /**
   * VACUUM until the file ends at the boundary or below, or will not be cut further; returns its pages. Attempts end early
   * where one of `holders`, who were there before, outlasts our patience.
   */
  async #cut(boundaryPage: number, holders: readonly SnapshotHolder[]): Promise<number> {
    let pages = Infinity;
    const startedAt = performance.now();
    for (let attempt = 0; attempt < CUT_ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(POLL_MS * 2 ** (attempt - 1), this.#signal);
      await this.#vacuum();
      pages = await countPages(this.#session);
      if (pages <= boundaryPage || this.#isOver()) break;
      const isImpatient = performance.now() - startedAt >= this.#patienceMs;
      if (isImpatient && (await findStillThere(this.#session, holders)).length > 0) break;
    }
    return pages;
  }

  async #vacuum(): Promise<void> {
    if (this.report.rowsMoved === 0) this.#emit({ kind: "vacuuming" });
    await vacuumTable(this.#session);
  }

  /** Builds anew what is bloated, unless a transaction that it would have to wait for does not end. */
  async #reindex(): Promise<void> {
    if (!canReindex(this.#session)) return;
    for (const index of (await readSizes(this.#session)).indexes.filter(isBloated)) {
      if (this.#isOver() || !await this.#waitForHolders(undefined)) return;
      this.#emit({ kind: "reindexing", index: index.name });
      try {
        await reindex(this.#session, index.name, this.#lockTimeoutMs);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        this.report.holders = await findHolders(this.#session);
        return;
      }
    }
  }

  get #patienceMs(): number {
    return Math.min(this.#options.holderPatienceMs ?? DEFAULT_HOLDER_PATIENCE_MS, this.#msLeft);
  }

  /** For statements that wait for others' transactions to end; 0 would mean for ever. */
  get #lockTimeoutMs(): number {
    return Math.ceil(Math.max(LEAST_LOCK_TIMEOUT_MS, this.#patienceMs));
  }

  get #msLeft(): number {
    return Math.max(0, (this.#options.maxTimeMs ?? Infinity) - (performance.now() - this.#startedAt));
  }

  #isOver(): boolean {
    return this.#msLeft === 0;
  }
}
