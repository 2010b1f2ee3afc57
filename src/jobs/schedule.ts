/**
 * Runs on a schedule: takes the rooms with the most uncompressed state, then sleeps until the time between runs has passed
 * since the start of the last run, which the database remembers, so that neither a restart nor a second service runs
 * again. A database that is away is tried again after growing pauses; the run under way then goes on. Knows no files.
 */
import type { Session } from "../db/session/connect.ts";
import { claimRun, createProgressTables, finishRun } from "../db/write/progress.ts";
import { CompressorError, ConnectionError } from "../errors.ts";
import { compressServer, type ServerEvent, type ServerOptions, type ServerReport } from "./auto.ts";

/** What a service goes by; asked for again before each step, so that it can change meanwhile. */
export interface ScheduleOptions extends ServerOptions {
  readonly timeBetweenRunsMs: number;
}

/** What happens, as it happens. */
export type ScheduleEvent =
  | ServerEvent
  | { readonly kind: "run-started"; readonly runId: number }
  | { readonly kind: "run-finished"; readonly runId: number; readonly report: ServerReport }
  | { readonly kind: "run-failed"; readonly runId: number; readonly error: Error }
  | { readonly kind: "database-away"; readonly error: Error; readonly retryMs: number }
  | { readonly kind: "sleeping"; readonly waitMs: number };

/** Who watches a service, ends it, or wakes it. */
export interface ScheduleHooks {
  readonly onEvent?: ((event: ScheduleEvent) => void) | undefined;
  /** Ends the service after the batches under way. */
  readonly signal?: AbortSignal | undefined;
  /** Calls back when the options have changed; answers how to leave off. */
  readonly onChange?: ((wake: () => void) => () => void) | undefined;
  /** The first pause where the database is away; each further one is twice as long, up to 64 times. @default 5,000 */
  readonly retryMs?: number | undefined;
}

const RETRY_MS = 5000;
/** Also a timer's limit is 2^31 ms; and a clock may be set meanwhile. */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * Makes one run now, whenever the last was.
 *
 * @throws {CompressorError} it failed
 */
export async function runOnce(
  open: () => Promise<Session>,
  options: ServerOptions,
  hooks: ScheduleHooks = {},
): Promise<ServerReport> {
  const runId = await claim(open, 0);
  if (typeof runId !== "number") throw new CompressorError("Cannot begin a run: the database says that it is not time");
  return await makeRun(open, options, hooks, runId);
}

/**
 * Serves until the signal.
 *
 * @param options answers what is to be gone by now, or undefined to end
 * @throws {CompressorError} the first run cannot work: no privileges, or the wrong database
 */
export async function serveSchedule(
  open: () => Promise<Session>,
  options: () => ScheduleOptions | undefined,
  hooks: ScheduleHooks = {},
): Promise<void> {
  const emit = hooks.onEvent ?? (() => {});
  const alarm = new Alarm(hooks);
  let runId: number | undefined;
  let hasWorked = false;
  let failures = 0;
  for (let now = options(); now !== undefined && !hooks.signal?.aborted; now = options()) {
    try {
      if (runId === undefined) {
        const claimed = await claim(open, now.timeBetweenRunsMs);
        failures = 0;
        if (typeof claimed !== "number") {
          emit({ kind: "sleeping", waitMs: claimed.waitMs });
          hasWorked = true;
          await alarm.sleep(claimed.waitMs);
          continue;
        }
        runId = claimed;
      }
      await makeRun(open, now, hooks, runId);
      failures = 0;
      hasWorked = true;
      runId = undefined;
    } catch (error) {
      if (hooks.signal?.aborted) return;
      const failure = error instanceof Error ? error : new CompressorError(String(error));
      if (failure instanceof ConnectionError) {
        const retryMs = (hooks.retryMs ?? RETRY_MS) * 2 ** Math.min(6, failures++);
        emit({ kind: "database-away", error: failure, retryMs });
        await alarm.sleep(retryMs);
      } else if (!hasWorked) {
        throw failure;
      } else {
        emit({ kind: "run-failed", runId: runId ?? 0, error: failure });
        const failedRun = runId;
        runId = undefined;
        // Where it is the database that fails, such as a full disk, claiming fails too: not at once again.
        if (failedRun === undefined) await alarm.sleep((hooks.retryMs ?? RETRY_MS) * 2 ** Math.min(6, failures++));
        else await finish(open, failedRun, undefined).catch(() => {});
      }
    }
  }
}

/** Begins a run, or says how long it is until one may begin. */
async function claim(open: () => Promise<Session>, intervalMs: number): Promise<number | { waitMs: number }> {
  await using session = await open();
  await createProgressTables(session, { runs: true });
  const claimed = await claimRun(session, intervalMs);
  return "runId" in claimed ? claimed.runId : claimed;
}

async function makeRun(
  open: () => Promise<Session>,
  options: ServerOptions,
  hooks: ScheduleHooks,
  runId: number,
): Promise<ServerReport> {
  hooks.onEvent?.({ kind: "run-started", runId });
  const report = await compressServer(open, options, hooks);
  await finish(open, runId, report);
  hooks.onEvent?.({ kind: "run-finished", runId, report });
  return report;
}

async function finish(open: () => Promise<Session>, runId: number, report: ServerReport | undefined): Promise<void> {
  await using session = await open();
  const { rowsSaved = 0, chunks = 0 } = report ?? {};
  await finishRun(session, runId, { rowsSaved, chunks, failed: report === undefined || report.failed.length > 0 });
}

/** Sleeps that a signal or a change of the options ends. */
class Alarm {
  readonly #hooks: ScheduleHooks;

  constructor(hooks: ScheduleHooks) {
    this.#hooks = hooks;
  }

  sleep(ms: number): Promise<void> {
    const { signal, onChange } = this.#hooks;
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        leave?.();
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, LONGEST_SLEEP_MS));
      signal?.addEventListener("abort", end);
      const leave = onChange?.(end);
    });
  }
}
