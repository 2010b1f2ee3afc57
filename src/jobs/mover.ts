/**
 * Empties the end of state_groups_state into free space further down, move by move: as many pages at once as keep the lock
 * short, fewer where they do not fit, and again after a pause while others hold the table.
 */
import type { Session } from "../db/session/connect.ts";
import { finishing, pause } from "../db/session/stop.ts";
import { movePages } from "../db/write/move.ts";
import { ConflictError, StoppedError } from "../errors.ts";

/** Who watches the moves, and ends them. */
interface MoverHooks {
  readonly signal: AbortSignal | undefined;
  /** Whether no further move may begin. */
  readonly isOver: () => boolean;
  /** Called after a move with the page at which the file's rows now end. */
  readonly onMoved: (page: number) => void;
  /** Called before a pause, where others hold the table. */
  readonly onBusy: (pauseMs: number) => void;
}

/** Pages of a move: as many as keep its lock short, and at most one part of a round. */
const MOVE = { start: 50, least: 10, most: 800, parts: 20, shortMs: 20, longMs: 80 };
/** Pauses between attempts to get the table's lock: after the last one a round ends. */
const LOCK_PAUSES_MS = [50, 100, 200, 400, 800, 1600, 3200, 3200, 3200, 3200];

/** Moves rows away from the file's end. */
export class TailMover {
  readonly #session: Session;
  readonly #hooks: MoverHooks;
  #pages = MOVE.start;
  /** Rows that were moved. */
  rowsMoved = 0;
  /** The last move's transaction, or undefined before the first. */
  xid: string | undefined;

  constructor(session: Session, hooks: MoverHooks) {
    this.#session = session;
    this.#hooks = hooks;
  }

  /** Empties pages from the end down to the boundary, as far as there is room and time. */
  async empty(boundaryPage: number, pages: number): Promise<{ isOutOfTime: boolean }> {
    this.#pages = Math.min(this.#pages, Math.max(MOVE.least, Math.ceil((pages - boundaryPage) / MOVE.parts)));
    for (let to = pages; to > boundaryPage;) {
      if (this.#hooks.signal?.aborted) throw StoppedError.by(this.#hooks.signal);
      if (this.#hooks.isOver()) return { isOutOfTime: true };
      const from = Math.max(boundaryPage, to - this.#pages);
      const startedAt = performance.now();
      const move = await this.#move(from, to, boundaryPage);
      if (move === undefined) break;
      if (move.outcome === "full") {
        // A smaller run may still fit; what this one had inserted is free again after the next VACUUM.
        if (to - from <= MOVE.least) break;
        this.#pages = Math.max(MOVE.least, this.#pages >> 2);
        continue;
      }
      this.rowsMoved += move.rows;
      this.xid = move.xid ?? this.xid;
      const ms = performance.now() - startedAt;
      if (ms > MOVE.longMs) this.#pages = Math.max(MOVE.least, this.#pages >> 1);
      else if (ms < MOVE.shortMs) this.#pages = Math.min(MOVE.most, this.#pages * 2);
      to = from;
      this.#hooks.onMoved(to);
    }
    return { isOutOfTime: this.#hooks.isOver() };
  }

  /** One move, tried again while others hold the table; undefined where they never let go of it. */
  async #move(fromPage: number, toPage: number, boundaryPage: number) {
    for (const pauseMs of LOCK_PAUSES_MS) {
      try {
        return await finishing(
          this.#session,
          () => movePages(this.#session, { fromPage, toPage, boundaryPage }),
        );
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        this.#hooks.onBusy(pauseMs);
        await pause(pauseMs, this.#hooks.signal);
        if (this.#hooks.isOver()) return undefined;
      }
    }
    return undefined;
  }
}
