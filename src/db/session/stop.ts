/**
 * The one way in which work is stopped. A job takes a signal and does its work in {@linkcode stoppable}: an abort cancels the
 * statement under way on the server and ends the connection, so whatever waits on it rejects, and the job throws a
 * StoppedError. A transaction that should rather be finished runs in {@linkcode finishing}, which gives it some seconds. Work
 * between statements waits with {@linkcode pause} and lets signals in with {@linkcode breathe}.
 */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { type CompressorError, ConnectionError, firstError, StoppedError } from "../../errors.ts";
import type { Session } from "./session.ts";

/** How long a stop waits for the work in finishing(). With the next, less than the 5 s in which any command ends. */
const GRACE_MS = 2500;
/** How long a cancel request may take: it needs a connection of its own. */
const CANCEL_MS = 1000;
/** SQLSTATE of a cancelled statement. */
const CANCELLED = "57014";

/** Sessions with stoppable work under way. */
const stops = new WeakMap<Session, Stop>();

/**
 * Does `work` on a session until it is done or the signal is aborted; then the session is over. Such calls may be nested.
 *
 * @param report says what was done by then, for the error
 * @throws {StoppedError} the signal was aborted before the work was done
 */
export async function stoppable<T, Report = unknown>(
  session: Session,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  report: () => Report | undefined = () => undefined,
): Promise<T> {
  if (signal === undefined) return await work();
  if (signal.aborted) throw StoppedError.by(signal);
  const outer = stops.get(session);
  const stop = outer?.signal === signal ? outer : new Stop(session, signal);
  stops.set(session, stop);
  try {
    return await work();
  } catch (error) {
    if (!stop.isCauseOf(error)) throw error;
    const stopped = StoppedError.by(signal, report());
    session.destroy(stopped);
    throw stopped;
  } finally {
    if (stop !== outer) {
      await stop.leave();
      stops.delete(session);
    }
  }
}

/**
 * Does `work`, a transaction of less than a second, and lets a stop wait for its end, up to 2.5 s. Without
 * {@linkcode stoppable} around it this is a plain call.
 */
export async function finishing<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const stop = stops.get(session);
  return stop === undefined ? await work() : await stop.hold(work);
}

/**
 * Lets signals, timers and other work have their turn: to be called every second or so of computing.
 *
 * @throws {StoppedError} the signal is aborted
 */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  if (signal?.aborted) throw StoppedError.by(signal);
}

/**
 * Waits for something that nothing can end, such as a write to a pipe whose reader has stalled, but no longer than until the
 * signal.
 *
 * @throws {StoppedError} the signal is or gets aborted
 */
export async function unlessStopped<T>(work: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(StoppedError.by(signal));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Waits.
 *
 * @throws {StoppedError} the signal is or gets aborted
 */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    throw signal?.aborted ? StoppedError.by(signal) : error;
  }
}

/** What a signal does to a session. */
class Stop {
  readonly signal: AbortSignal;
  readonly #session: Session;
  /** How many finishing() are under way. */
  #held = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended: Promise<void> | undefined;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      return await work();
    } finally {
      this.#held--;
    }
  }

  /** Whether an error is only how the stop shows: a fault of another kind must be seen, stop or not. */
  isCauseOf(thrown: unknown): boolean {
    if (!this.signal.aborted) return false;
    const error = firstError(thrown);
    if (error instanceof StoppedError) return error.report === undefined;
    for (let one = error; one instanceof Error; one = one.cause as Error) {
      if (one instanceof ConnectionError || one === this.#session.lost) return true;
      if ((one as CompressorError).code === CANCELLED) return true;
    }
    return false;
  }

  /** Ends the watch; waits until the server has been told. */
  async leave(): Promise<void> {
    this.signal.removeEventListener("abort", this.#onAbort);
    clearTimeout(this.#timer);
    await this.#ended;
  }

  readonly #onAbort = () => {
    if (this.#held > 0) this.#timer = setTimeout(() => this.#end(), GRACE_MS);
    else this.#end();
  };

  #end(): void {
    // Asked to cancel first: a pooler forgets about a client that has gone, and leaves its statement at work.
    this.#ended ??= this.#session.cancel(AbortSignal.timeout(CANCEL_MS)).catch(() => {}).then(() =>
      this.#session.destroy(StoppedError.by(this.signal))
    );
  }
}
