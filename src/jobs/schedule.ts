/**
 * Runs on a schedule: takes the rooms with the most uncompressed state, then waits until the time between runs has passed since
 * the start of the last run. What to do when is said in service.ts; this is how it is done with a database and a clock.
 */
import type { Session } from "../db/session/connect.ts";
import { pause, stoppable } from "../db/session/stop.ts";
import { checkWritable } from "../db/write/access.ts";
import { createProgressTables } from "../db/write/progress.ts";
import { claimRun, createRunsTable, finishRun, lockRun, type PastRuns, runUnderWay } from "../db/write/runs.ts";
import { ConnectionError, StoppedError } from "../errors.ts";
import { compressServer, type ServerEvent, type ServerOptions } from "./auto.ts";
import type { ServerReport } from "./tally.ts";
import {
  type Outcome,
  RETRY_MS,
  type RunEnd,
  serve,
  type ServiceConfig,
  type ServiceState,
  waitBeforeRun,
  type World,
} from "./service.ts";

/** Connects to the database that a configuration names; the signal ends the attempt. */
export type OpenSession = (signal: AbortSignal) => Promise<Session>;

/** What a service goes by; asked for again before each step, so that it can change meanwhile. */
export interface ScheduleConfig extends ServiceConfig {
  /** Connects to the database. */
  readonly open: OpenSession;
  /** How to compress in a run. */
  readonly run: ServerOptions;
}

/** How a service is at some moment. */
export type ScheduleState = ServiceState<ScheduleConfig, ServerReport>;

/** What happens, as it happens. */
export type ScheduleEvent =
  | ServerEvent
  | { readonly kind: "run-started"; readonly runId: number }
  | { readonly kind: "run-finished"; readonly runId: number; readonly report: ServerReport }
  | { readonly kind: "run-failed"; readonly runId: number | undefined; readonly error: Error }
  | { readonly kind: "database-away"; readonly error: Error; readonly retryMs: number }
  | { readonly kind: "sleeping"; readonly waitMs: number };

/** Callbacks and the signal for a service. */
export interface ScheduleHooks {
  /** Called as the service goes on. */
  readonly onEvent?: ((event: ScheduleEvent) => void) | undefined;
  /** Called with each new state: for a health page. */
  readonly onState?: ((state: ScheduleState) => void) | undefined;
  /** Ends the service: what it writes after the batch under way, all else at once. */
  readonly signal?: AbortSignal | undefined;
  /** Calls back when the configuration has changed; returns how to leave off. */
  readonly onChange?: ((wake: () => void) => () => void) | undefined;
  /** The first pause where the database is away; each further one is twice as long, up to 64 times. @default 5,000 */
  readonly retryMs?: number | undefined;
}

/** A timer's limit is 2^31 ms, and a clock may be set meanwhile. */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * Makes one run now, whenever the last was.
 *
 * @throws {ConflictError} another process's run is under way
 * @throws {StoppedError} the signal was aborted; its report is the {@linkcode ServerReport} so far
 * @throws {CompressorError} it failed
 */
export async function runOnce(
  open: OpenSession,
  options: ServerOptions,
  { onEvent, signal = new AbortController().signal }: Pick<ScheduleHooks, "onEvent" | "signal"> = {},
): Promise<ServerReport> {
  // At any time, but not beside another.
  const claimed = await claim(open, ({ isUnderWay }) => isUnderWay ? 1 : 0, signal);
  if (claimed.kind !== "claimed") throw runUnderWay();
  const { runId } = claimed;
  const note = (end: RunEnd<ServerReport>) => finish(open, runId, end, AbortSignal.timeout(1000)).catch(() => {});
  onEvent?.({ kind: "run-started", runId });
  try {
    const report = await makeRun(open, options, { onEvent, signal });
    await finish(open, runId, { kind: "ended", report }, signal);
    onEvent?.({ kind: "run-finished", runId, report });
    return report;
  } catch (error) {
    if (error instanceof StoppedError) await note({ kind: "stopped", error });
    else if (error instanceof Error) await note({ kind: "failed", error });
    throw error;
  }
}

/**
 * Serves until the signal.
 *
 * @param config returns what is to be gone by now, or undefined to end
 * @throws {CompressorError} it cannot even begin: no privileges, or the wrong database
 */
export async function serveSchedule(
  config: () => ScheduleConfig | undefined,
  hooks: ScheduleHooks = {},
): Promise<void> {
  const { onEvent, onState, onChange, signal = new AbortController().signal, retryMs = RETRY_MS } = hooks;
  const world: World<ScheduleConfig, ServerReport> = {
    config,
    onChange: onChange ?? (() => () => {}),
    claim: ({ open, timeBetweenRunsMs }, signal) =>
      claim(open, (past) => waitBeforeRun(past, timeBetweenRunsMs), signal),
    run: async ({ open, run }, _runId, signal, onReached) => {
      const report = await makeRun(open, run, {
        signal,
        onEvent(event) {
          onReached();
          onEvent?.(event);
        },
      });
      const failed = report.failed[0];
      return {
        kind: "ran",
        report,
        problem: failed && `room "${failed.roomId}" failed: ${failed.error.message}`,
      };
    },
    finish: ({ open }, runId, end, signal) => finish(open, runId, end, signal),
    wait: (ms, signal) => pause(Math.min(ms, LONGEST_SLEEP_MS), signal),
    onStep(before, outcome, after) {
      onState?.(after);
      const event = eventOf(before, outcome, after);
      if (event !== undefined) onEvent?.(event);
      if (outcome.kind !== "reached" && after.activity.kind === "run") {
        onEvent?.({ kind: "run-started", runId: after.activity.runId });
      }
    },
  };
  await serve(world, signal, retryMs);
}

/** What a step looks like from outside. */
function eventOf(
  { activity }: ScheduleState,
  outcome: Outcome<ServerReport>,
  after: ScheduleState,
): ScheduleEvent | undefined {
  switch (outcome.kind) {
    case "finished":
      return activity.kind === "finish" && activity.end.kind === "ended"
        ? { kind: "run-finished", runId: activity.runId, report: activity.end.report }
        : undefined;
    case "too-early":
      return { kind: "sleeping", waitMs: outcome.waitMs };
    case "failed": {
      if (after.activity.kind === "end") return undefined;
      if (outcome.error instanceof ConnectionError && after.activity.kind === "wait") {
        return { kind: "database-away", error: outcome.error, retryMs: after.activity.ms };
      }
      const runId = activity.kind === "run" || activity.kind === "finish" ? activity.runId : undefined;
      return { kind: "run-failed", runId, error: outcome.error };
    }
  }
}

/** Begins a run, or says how long it is until one may begin. What would keep a run from working is found first. */
async function claim(
  open: OpenSession,
  waitBefore: (past: PastRuns) => number,
  signal: AbortSignal,
): Promise<Outcome<ServerReport>> {
  await using session = await open(signal);
  return await stoppable(session, signal, async () => {
    await checkWritable(session);
    await createProgressTables(session);
    await createRunsTable(session);
    const claimed = await claimRun(session, waitBefore);
    return "runId" in claimed ? { kind: "claimed", ...claimed } : { kind: "too-early", ...claimed };
  });
}

function makeRun(
  open: OpenSession,
  options: ServerOptions,
  hooks: { readonly onEvent: ((event: ServerEvent) => void) | undefined; readonly signal: AbortSignal },
): Promise<ServerReport> {
  let isFirst = true;
  const openLocked = async () => {
    const session = await open(hooks.signal);
    // The first session is there for as long as the run.
    if (!isFirst) return session;
    isFirst = false;
    try {
      await stoppable(session, hooks.signal, () => lockRun(session));
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  };
  return compressServer(openLocked, options, hooks);
}

async function finish(
  open: OpenSession,
  runId: number,
  end: RunEnd<ServerReport>,
  signal: AbortSignal,
): Promise<void> {
  const report = end.kind === "ended"
    ? end.report
    : end.kind === "stopped"
    ? end.error.report as ServerReport | undefined
    : undefined;
  const { rowsSaved = 0, chunks = 0, failed = [] } = report ?? {};
  const outcome = end.kind === "ended" ? failed.length > 0 ? "failed" : "done" : end.kind;
  await using session = await open(signal);
  await stoppable(session, signal, () => finishRun(session, runId, { rowsSaved, chunks, outcome }));
}
