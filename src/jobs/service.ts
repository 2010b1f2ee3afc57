/**
 * A service as a state machine: what it is at, what comes of that, and what it is at next. One activity at a time, so there are
 * never two runs at once; a state keeps the configuration that it goes by, so a run never ends on another database than it
 * began on. Knows no database, no clock and no files: those are the {@linkcode World}.
 */
import { ConflictError, ConnectionError, StoppedError } from "../errors.ts";
import type { PastRuns } from "../db/write/runs.ts";

/** What a service goes by. */
export interface ServiceConfig {
  /** Names the database. Where that changes, a run under way is stopped. */
  readonly database: string;
  /** From the start of a run to that of the next; above 0. */
  readonly timeBetweenRunsMs: number;
}

/** How a run ended, to be noted in the database. */
export type RunEnd<Report> =
  | { readonly kind: "ended"; readonly report: Report }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "stopped"; readonly error: StoppedError };

/** The one thing that a service is at. */
export type Activity<Report> =
  /** Asks the database whether a run may begin. */
  | { readonly kind: "claim" }
  | { readonly kind: "run"; readonly runId: number }
  /** Notes how a run ended. */
  | { readonly kind: "finish"; readonly runId: number; readonly end: RunEnd<Report> }
  | { readonly kind: "wait"; readonly ms: number; readonly next: Activity<Report> }
  /** It is over: well, or with an error. */
  | { readonly kind: "end"; readonly error?: Error | undefined };

/** What a service knows. */
export interface ServiceState<Config extends ServiceConfig = ServiceConfig, Report = unknown> {
  /** What it is doing. */
  readonly activity: Activity<Report>;
  /** What the activity goes by. */
  readonly config: Config | undefined;
  /** Why a human should look: how the last run failed, say. */
  readonly problem: string | undefined;
  /** Whether the database could not be reached when it was last tried. */
  readonly isAway: boolean;
  /** How often in a row something failed that is tried again soon. */
  readonly setbacks: number;
  /** When the last run that was done ended, in milliseconds since 1970, or undefined where none is known. */
  readonly lastSuccess: number | undefined;
  /** Whether the database was usable once: what cannot even begin ends instead, for a human to see. */
  readonly hasBegun: boolean;
}

/** What came of an activity. */
export type Outcome<Report> =
  | { readonly kind: "claimed"; readonly runId: number; readonly past: PastRuns }
  | { readonly kind: "too-early"; readonly waitMs: number; readonly past: PastRuns }
  /** During a run: the database can be reached again. */
  | { readonly kind: "reached" }
  | { readonly kind: "ran"; readonly report: Report; readonly problem: string | undefined }
  | { readonly kind: "finished" }
  | { readonly kind: "waited" }
  | { readonly kind: "failed"; readonly error: Error }
  /** The configuration changed in a way that ends the activity. */
  | { readonly kind: "changed" }
  | { readonly kind: "stopped" };

/** What a service needs around it. Each call ends by its signal, with a StoppedError. */
export interface World<Config extends ServiceConfig, Report> {
  /** The configuration as it is now; undefined where the service is to end. */
  config(): Config | undefined;
  /** Calls back at every change of the configuration; returns how to leave off. */
  onChange(listener: () => void): () => void;
  claim(config: Config, signal: AbortSignal): Promise<Outcome<Report>>;
  run(config: Config, runId: number, signal: AbortSignal, onReached: () => void): Promise<Outcome<Report>>;
  finish(config: Config, runId: number, end: RunEnd<Report>, signal: AbortSignal): Promise<void>;
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Sees every step: what came of what, and what is next. */
  onStep?(before: ServiceState<Config, Report>, outcome: Outcome<Report>, after: ServiceState<Config, Report>): void;
}

/** The first pause before something is tried again; each further one is twice as long, up to 64 times. */
export const RETRY_MS = 5000;
/** A failed run is tried again after this long, then twice as long, and so on, but never later than the next run. */
const RETRY_RUN_MS = 3_600_000;
/** How often to look whether another process's run is over. */
const OTHER_RUN_MS = 600_000;
/** How long a stopped run has to be noted as such. */
const NOTE_MS = 1000;

/** How long it is until a run may begin. */
export function waitBeforeRun({ now, isUnderWay, last, failures }: PastRuns, intervalMs: number): number {
  if (isUnderWay) return Math.min(intervalMs, OTHER_RUN_MS);
  // A start that lies in the future is of a clock that was wrong. What was stopped goes on.
  if (last === undefined || last.startedAt > now || last.outcome === "stopped") return 0;
  const at = last.outcome === "done"
    ? last.startedAt + intervalMs
    : (last.endedAt ?? last.startedAt) + Math.min(intervalMs, RETRY_RUN_MS * 2 ** Math.min(10, failures - 1));
  return Math.min(intervalMs, Math.max(0, at - now));
}

/** Where a service begins. */
export function begin<Config extends ServiceConfig, Report>(config: Config | undefined): ServiceState<Config, Report> {
  return {
    activity: config === undefined ? { kind: "end" } : { kind: "claim" },
    config,
    problem: undefined,
    isAway: false,
    setbacks: 0,
    lastSuccess: undefined,
    hasBegun: false,
  };
}

/** Whether what a service is at is for a database that is no longer configured. To note how a run ended is not. */
function isMoved<Report>(
  { activity, config }: ServiceState<ServiceConfig, Report>,
  now: ServiceConfig | undefined,
): boolean {
  return activity.kind !== "finish" && activity.kind !== "end" && now?.database !== config?.database;
}

/** The step from one state to the next. */
function next<Config extends ServiceConfig, Report>(
  state: ServiceState<Config, Report>,
  outcome: Outcome<Report>,
  config: Config | undefined,
  retryMs = RETRY_MS,
): ServiceState<Config, Report> {
  const { activity } = state;
  if (outcome.kind === "stopped" || config === undefined) return { ...state, config, activity: { kind: "end" } };
  if (outcome.kind === "reached") return { ...state, isAway: false, setbacks: 0 };
  if (config.database !== state.config?.database) return { ...begin<Config, Report>(config), hasBegun: state.hasBegun };
  const calm = { ...state, config, isAway: false, setbacks: 0 };
  switch (outcome.kind) {
    case "claimed":
    case "too-early": {
      const { past } = outcome;
      const known = { ...calm, hasBegun: true, lastSuccess: past.lastSuccess, problem: problemOf(past, state.problem) };
      return outcome.kind === "claimed"
        ? { ...known, activity: { kind: "run", runId: outcome.runId } }
        : { ...known, activity: { kind: "wait", ms: outcome.waitMs, next: { kind: "claim" } } };
    }
    case "ran": {
      if (activity.kind !== "run") throw new TypeError("there was no run");
      const end = { kind: "ended", report: outcome.report } as const;
      return { ...calm, problem: outcome.problem, activity: { kind: "finish", runId: activity.runId, end } };
    }
    case "finished":
      return { ...calm, activity: { kind: "claim" } };
    case "waited":
      return { ...state, config, activity: activity.kind === "wait" ? activity.next : activity };
    case "changed":
      return { ...state, config, activity: activity.kind === "wait" ? activity.next : { kind: "claim" } };
    case "failed":
      return afterFailure({ ...state, config }, outcome.error, retryMs);
  }
}

function afterFailure<Config extends ServiceConfig, Report>(
  state: ServiceState<Config, Report>,
  error: Error,
  retryMs: number,
): ServiceState<Config, Report> {
  const { activity } = state;
  const again = (
    next: Activity<Report>,
    more: Partial<ServiceState<Config, Report>>,
  ): ServiceState<Config, Report> => ({
    ...state,
    ...more,
    setbacks: state.setbacks + 1,
    activity: { kind: "wait", ms: retryMs * 2 ** Math.min(6, state.setbacks), next },
  });
  if (error instanceof ConnectionError) return again(activity, { isAway: true });
  const reached = { isAway: false, problem: error.message };
  // What cannot be noted now, on a full disk say, will be found cut short.
  if (activity.kind === "finish") return again({ kind: "claim" }, reached);
  if (activity.kind === "run") {
    // Another process has it, or an old connection of ours that its server has not missed yet.
    if (error instanceof ConflictError) return again({ kind: "claim" }, { isAway: false });
    const end = { kind: "failed", error } as const;
    return { ...state, ...reached, activity: { kind: "finish", runId: activity.runId, end } };
  }
  return state.hasBegun
    ? again({ kind: "claim" }, reached)
    : { ...state, ...reached, activity: { kind: "end", error } };
}

/** What the database knows of the last run, or what we know better. */
function problemOf({ last, failures, isUnderWay }: PastRuns, known: string | undefined): string | undefined {
  if (failures === 0 || isUnderWay) return undefined;
  const times = failures === 1 ? "" : ` (${failures} in a row)`;
  return known ??
    (last?.outcome === "cut-short"
      ? `the last run did not finish${times}: its process or the server died`
      : `the last run failed${times}`);
}

/** The state of a service in one word, and whether all is well. */
export interface Health {
  /** What the service is doing, or what is wrong with it. */
  readonly status: "working" | "waiting" | "failed" | "database-away";
  /** Whether no human need look. */
  readonly isWell: boolean;
}

/** How a service is. */
export function healthOf({ activity, problem, isAway }: ServiceState): Health {
  const isWorking = activity.kind === "run" || activity.kind === "finish";
  return {
    status: isAway ? "database-away" : isWorking ? "working" : problem === undefined ? "waiting" : "failed",
    isWell: !isAway && problem === undefined,
  };
}

/**
 * Serves until the signal, or until there is no configuration.
 *
 * @throws {Error} it cannot even begin: the database is not one to work on, or a privilege is missing
 */
export async function serve<Config extends ServiceConfig, Report>(
  world: World<Config, Report>,
  signal: AbortSignal,
  retryMs = RETRY_MS,
): Promise<void> {
  let state = begin<Config, Report>(world.config());
  const step = (outcome: Outcome<Report>) => {
    const before = state;
    state = next(state, outcome, world.config(), retryMs);
    world.onStep?.(before, outcome, state);
  };
  while (state.activity.kind !== "end") {
    step(
      signal.aborted ? { kind: "stopped" } : await perform(world, () => state, signal, () => {
        if (state.isAway) step({ kind: "reached" });
      }),
    );
  }
  if (state.activity.error !== undefined) throw state.activity.error;
}

/** Does what a service is at, until it is done, or the signal or a change of the configuration ends it. */
async function perform<Config extends ServiceConfig, Report>(
  world: World<Config, Report>,
  current: () => ServiceState<Config, Report>,
  signal: AbortSignal,
  onReached: () => void,
): Promise<Outcome<Report>> {
  const { activity, config } = current();
  const change = new AbortController();
  const leave = world.onChange(() => {
    // The new times count at once; a run goes on by its old ones.
    const isOver = activity.kind === "wait" || isMoved(current(), world.config());
    if (isOver) change.abort(new StoppedError("The configuration changed", { exitCode: 0 }));
  });
  const either = AbortSignal.any([signal, change.signal]);
  try {
    switch (activity.kind) {
      case "claim":
        return await world.claim(config!, either);
      case "run":
        return await world.run(config!, activity.runId, either, onReached);
      case "finish":
        await world.finish(config!, activity.runId, activity.end, either);
        return { kind: "finished" };
      case "wait":
        await world.wait(activity.ms, either);
        return { kind: "waited" };
      case "end":
        return { kind: "stopped" };
    }
  } catch (error) {
    if (!(error instanceof StoppedError)) return { kind: "failed", error: toError(error) };
    if (activity.kind === "run" || activity.kind === "finish") {
      // So that the next process need not take it for a crash. If that cannot be noted, it does.
      const end = activity.kind === "finish" ? activity.end : { kind: "stopped", error } as const;
      await world.finish(config!, activity.runId, end, AbortSignal.timeout(NOTE_MS)).catch(() => {});
    }
    return signal.aborted ? { kind: "stopped" } : { kind: "changed" };
  } finally {
    leave();
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
