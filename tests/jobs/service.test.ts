import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { PastRuns, RunOutcome } from "../../src/db/write/runs.ts";
import { CompressorError, ConnectionError, StoppedError } from "../../src/errors.ts";
import {
  healthOf,
  type Outcome,
  type RunEnd,
  serve,
  type ServiceConfig,
  type ServiceState,
  waitBeforeRun,
  type World,
} from "../../src/jobs/service.ts";

const SECOND = 1000;
const HOUR = 3_600_000;
const RETRY_MS = 5 * SECOND;
/** The longest pause before something is tried again. */
const LONGEST_RETRY_MS = 64 * RETRY_MS;

interface Run {
  readonly id: number;
  readonly startedAt: number;
  endedAt?: number;
  outcome: RunOutcome | "under-way";
}

/** What stays when a process dies: time, the databases, the configuration. */
class Outside {
  now = 1e12;
  isAway = false;
  isPoor = false;
  config: ServiceConfig | undefined = { database: "a", timeBetweenRunsMs: 24 * HOUR };
  /** What must never be; the service would take an exception for one of its database. */
  readonly faults: string[] = [];
  readonly #runs = new Map<string, Run[]>();
  #lastId = 0;

  must(condition: boolean, fault: string): void {
    if (!condition) this.faults.push(fault);
  }

  /** Ids are of one database alone: a run that is taken for another's shows. */
  addRun(database: string, outcome: Run["outcome"]): Run {
    this.must(this.runs(database).every((run) => run.outcome !== "under-way"), "two runs at once");
    const run: Run = { id: ++this.#lastId, startedAt: this.now, outcome };
    this.runs(database).push(run);
    return run;
  }

  findRun(database: string, id: number): Run {
    const run = this.runs(database).find((run) => run.id === id);
    this.must(run !== undefined, `run ${id} is not of database ${database}`);
    return run!;
  }

  runs(database: string): Run[] {
    let runs = this.#runs.get(database);
    if (runs === undefined) this.#runs.set(database, runs = []);
    return runs;
  }

  past(database: string): PastRuns {
    const runs = this.runs(database).toReversed().map((run) => ({
      startedAt: run.startedAt,
      endedAt: run.endedAt,
      outcome: run.outcome === "under-way" ? "cut-short" as const : run.outcome,
    }));
    const good = runs.findIndex(({ outcome }) => outcome === "done");
    return {
      now: this.now,
      isUnderWay: this.runs(database).some(({ outcome }) => outcome === "under-way"),
      last: runs[0],
      failures: runs.slice(0, good === -1 ? undefined : good).filter(({ outcome }) => outcome !== "stopped").length,
      lastSuccess: runs[good]?.endedAt,
    };
  }
}

type Report = string;

/** One process of the service, and what it does to the outside. */
class Process implements World<ServiceConfig, Report> {
  readonly outside: Outside;
  state: ServiceState<ServiceConfig, Report> | undefined;
  /** The run under way. */
  current:
    | { database: string; run: Run; resolve(outcome: Outcome<Report>): void; reject(error: Error): void }
    | undefined;
  timer: { at: number; fire(): void } | undefined;
  /** How the last contact with the database went. */
  contact: "none" | "fine" | "away" | "refused" = "none";
  /** What it was told of past runs. */
  told: PastRuns | undefined;
  hasEnded = false;
  error: unknown;
  #isDead = false;
  readonly #listeners = new Set<() => void>();
  readonly #controller = new AbortController();
  readonly #service: Promise<void>;

  constructor(outside: Outside) {
    this.outside = outside;
    this.#service = serve(this, this.#controller.signal, RETRY_MS).then(
      () => void (this.hasEnded = true),
      (error) => {
        this.hasEnded = true;
        this.error = error;
      },
    );
  }

  config() {
    return this.outside.config;
  }

  onChange(listener: () => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hangUp() {
    for (const listener of [...this.#listeners]) listener();
  }

  async terminate() {
    if (this.#isDead) return;
    this.#controller.abort(new StoppedError("Stopped by SIGTERM", { exitCode: 143 }));
    await this.#service;
  }

  /** As kill -9: nothing that it waits for ever comes, and its locks are gone. */
  kill() {
    this.#isDead = true;
    this.hasEnded = true;
    if (this.current !== undefined) this.current.run.outcome = "cut-short";
    this.current = undefined;
    this.timer = undefined;
  }

  async claim(config: ServiceConfig, signal: AbortSignal): Promise<Outcome<Report>> {
    await this.#reach(signal);
    const { outside } = this;
    const past = this.told = outside.past(config.database);
    const waitMs = waitBeforeRun(past, config.timeBetweenRunsMs);
    if (waitMs > 0) return { kind: "too-early", waitMs, past };
    return { kind: "claimed", runId: outside.addRun(config.database, "cut-short").id, past };
  }

  async run(config: ServiceConfig, runId: number, signal: AbortSignal, onReached: () => void) {
    await this.#reach(signal);
    onReached();
    this.outside.must(this.current === undefined, "two runs at once");
    this.outside.must(config.database === this.outside.config?.database, "a run on a database that is not configured");
    const run = this.outside.findRun(config.database, runId);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome<Report>>();
    run.outcome = "under-way";
    this.current = { database: config.database, run, resolve, reject };
    const stop = () => reject(StoppedError.by(signal));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    try {
      return await promise;
    } catch (error) {
      if (error instanceof ConnectionError) this.contact = "away";
      throw error;
    } finally {
      run.outcome = "cut-short";
      this.current = undefined;
    }
  }

  async finish(config: ServiceConfig, runId: number, end: RunEnd<Report>, signal: AbortSignal) {
    await this.#reach(signal);
    const run = this.outside.findRun(config.database, runId);
    run.endedAt = this.outside.now;
    run.outcome = end.kind === "ended" ? end.report === "fine" ? "done" : "failed" : end.kind;
  }

  async wait(ms: number, signal: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.timer = { at: this.outside.now + ms, fire: resolve };
    signal.addEventListener("abort", () => reject(StoppedError.by(signal)));
    if (signal.aborted) reject(StoppedError.by(signal));
    await promise.finally(() => {
      if (this.timer === timer) this.timer = undefined;
    });
  }

  onStep(_before: unknown, _outcome: unknown, after: ServiceState<ServiceConfig, Report>) {
    this.state = after;
  }

  async #reach(signal: AbortSignal) {
    await setImmediate();
    if (this.#isDead) await new Promise(() => {});
    if (signal.aborted) throw StoppedError.by(signal);
    if (this.outside.isAway) {
      this.contact = "away";
      throw new ConnectionError("Cannot connect: it is away");
    }
    if (this.outside.isPoor) {
      this.contact = "refused";
      throw new CompressorError("Cannot write: a privilege is missing");
    }
    this.contact = "fine";
  }
}

/** The service on its machine: an init that starts it again where it fails, and the checks of every moment. */
class Machine {
  readonly outside = new Outside();
  process = new Process(this.outside);
  /** Since when all was well for a run to begin, or undefined. */
  #fineSince: number | undefined;

  get canNote(): boolean {
    return !this.outside.isAway && !this.outside.isPoor;
  }

  async settle() {
    for (let i = 0; i < 12; i++) await setImmediate();
    this.check();
  }

  async advance(ms: number) {
    const until = this.outside.now + ms;
    for (;;) {
      const { process, outside } = this;
      const at = process.timer?.at ?? Infinity;
      if (process.hasEnded && process.error !== undefined && outside.config !== undefined) {
        // Restart=on-failure.
        if (outside.now + RETRY_MS > until) break;
        outside.now += RETRY_MS;
        this.process = new Process(outside);
      } else if (at <= until) {
        outside.now = Math.max(outside.now, at);
        process.timer!.fire();
      } else {
        break;
      }
      await this.settle();
    }
    this.outside.now = until;
    await this.settle();
  }

  check() {
    const { process, outside } = this;
    const { config } = outside;
    const run = process.current;
    deepStrictEqual(outside.faults, []);
    if (process.hasEnded) {
      strictEqual(run, undefined);
      if (process.error !== undefined) ok(process.contact === "refused", String(process.error));
      return;
    }
    ok(config !== undefined, "a service that is not enabled goes on");
    if (run !== undefined) {
      strictEqual(run.database, config.database);
      this.#checkInterval(config.database, run.run);
    }
    const isAtWork = run !== undefined;
    const isAway = process.contact === "away";
    const hasFailed = process.told !== undefined && process.told.failures > 0 && !process.told.isUnderWay;
    const hasProblem = process.contact === "refused" || hasFailed;
    const { status, isWell } = healthOf(process.state!);
    const expected = isAtWork ? "working" : isAway ? "database-away" : hasProblem ? "failed" : "waiting";
    strictEqual(status, expected);
    // A run that is tried again has not yet made good what failed.
    strictEqual(isWell, !isAway && !hasProblem);
    if (process.contact === "fine") strictEqual(process.state!.lastSuccess, process.told?.lastSuccess);
    this.#checkProgress(isAtWork);
  }

  /** What was done is not done again before its time, whatever happened in between. */
  #checkInterval(database: string, run: Run) {
    const runs = this.outside.runs(database);
    const before = runs.slice(0, runs.indexOf(run)).findLast(({ outcome }) => outcome !== "stopped");
    if (before === undefined) return;
    const pause = run.startedAt - (before.outcome === "done" ? before.startedAt : before.endedAt ?? before.startedAt);
    const shortest = Math.min(this.outside.config!.timeBetweenRunsMs, HOUR, SECOND);
    ok(pause >= shortest, `run ${run.id} begins ${pause} ms after a run that was ${before.outcome}`);
  }

  /** Where nothing is in the way, a run begins. */
  #checkProgress(isAtWork: boolean) {
    const { outside, process } = this;
    const isFine = !outside.isAway && !outside.isPoor && outside.config !== undefined &&
      !outside.past(outside.config.database).isUnderWay && !isAtWork;
    if (!isFine) return void (this.#fineSince = undefined);
    this.#fineSince ??= outside.now;
    const longest = Math.max(outside.config!.timeBetweenRunsMs, 600 * SECOND) + LONGEST_RETRY_MS;
    ok(outside.now - this.#fineSince <= longest, `no run begins, and the service is ${process.state?.activity.kind}`);
  }
}

/** What the commands know. */
interface Model {
  isRunning: boolean;
  isOtherRunning: boolean;
}

class Do implements fc.AsyncCommand<Model, Machine> {
  readonly #name: string;
  readonly #can: (model: Model) => boolean;
  readonly #act: (machine: Machine, model: Model) => void | Promise<void>;

  constructor(
    name: string,
    act: (machine: Machine, model: Model) => void | Promise<void>,
    can: (model: Model) => boolean = () => true,
  ) {
    this.#name = name;
    this.#act = act;
    this.#can = can;
  }

  check(model: Readonly<Model>) {
    return this.#can(model);
  }

  async run(model: Model, machine: Machine) {
    await this.#act(machine, model);
    await machine.settle();
    model.isRunning = machine.process.current !== undefined;
  }

  toString() {
    return this.#name;
  }
}

const isRunning = ({ isRunning }: Model) => isRunning;
const set = (name: string, act: (outside: Outside) => void) => fc.constant(new Do(name, ({ outside }) => act(outside)));
const reconfigure = (config: ServiceConfig | undefined) =>
  new Do(`HUP ${JSON.stringify(config)}`, async (machine) => {
    machine.outside.config = config;
    machine.process.hangUp();
    await machine.settle();
    // Somebody enables it again, and starts it.
    if (config !== undefined && machine.process.hasEnded) machine.process = new Process(machine.outside);
  });
const restart = async (machine: Machine) => {
  await machine.settle();
  if (machine.outside.config !== undefined) machine.process = new Process(machine.outside);
};

/** Ends the run under way; how it ended is noted where that can be. */
const endRun = async (
  machine: Machine,
  outcome: RunOutcome,
  end: (current: NonNullable<Process["current"]>) => void,
) => {
  const current = machine.process.current!;
  end(current);
  await machine.settle();
  if (machine.canNote) strictEqual(current.run.outcome, outcome);
};

const COMMANDS = [
  fc.constantFrom(1, 5, 60, 600, 3600, 86_400).map((seconds) =>
    new Do(`${seconds} s pass`, (machine) => machine.advance(seconds * SECOND))
  ),
  fc.constant(
    new Do(
      "the run succeeds",
      (machine) =>
        endRun(machine, "done", ({ resolve }) => resolve({ kind: "ran", report: "fine", problem: undefined })),
      isRunning,
    ),
  ),
  fc.constant(
    new Do(
      "a room fails",
      (machine) =>
        endRun(machine, "failed", ({ resolve }) => resolve({ kind: "ran", report: "bad", problem: "a room failed" })),
      isRunning,
    ),
  ),
  fc.constant(
    new Do(
      "the run fails",
      (machine) => endRun(machine, "failed", ({ reject }) => reject(new CompressorError("it fails"))),
      isRunning,
    ),
  ),
  fc.constant(
    new Do("the connection is lost", ({ process, outside }) => {
      outside.isAway = true;
      process.current!.reject(new ConnectionError("Lost the connection"));
    }, isRunning),
  ),
  set("the database goes away", (outside) => outside.isAway = true),
  set("the database is back", (outside) => outside.isAway = false),
  set("a privilege is lost", (outside) => outside.isPoor = true),
  set("the privilege is granted", (outside) => outside.isPoor = false),
  fc.constantFrom("a", "b").chain((database) =>
    fc.constantFrom(60 * SECOND, HOUR, 24 * HOUR).map((timeBetweenRunsMs) =>
      reconfigure({ database, timeBetweenRunsMs })
    )
  ),
  fc.constant(reconfigure(undefined)),
  fc.constant(
    new Do("TERM, and a start", async (machine) => {
      const run = machine.process.current?.run;
      await machine.process.terminate();
      if (run !== undefined && machine.canNote) strictEqual(run.outcome, "stopped");
      await restart(machine);
    }),
  ),
  fc.constant(
    new Do("kill -9, and a start", async (machine) => {
      machine.process.kill();
      await restart(machine);
    }),
  ),
  fc.constant(
    new Do("another process begins a run", ({ outside }, model) => {
      outside.addRun("a", "under-way");
      model.isOtherRunning = true;
    }, ({ isRunning, isOtherRunning }) => !isRunning && !isOtherRunning),
  ),
  fc.constant(
    new Do("the other process's run ends", ({ outside }, model) => {
      const run = outside.runs("a").find(({ outcome }) => outcome === "under-way")!;
      run.outcome = "done";
      run.endedAt = outside.now;
      model.isOtherRunning = false;
    }, ({ isOtherRunning }) => isOtherRunning),
  ),
];

Deno.test("waitBeforeRun() counts from the start of a run that was done, and from the end of one that failed", () => {
  const DAY = 24 * HOUR;
  const past = (outcome: RunOutcome, more: Partial<PastRuns> = {}): PastRuns => ({
    now: 10 * DAY,
    isUnderWay: false,
    last: {
      startedAt: 10 * DAY - 2 * HOUR,
      endedAt: outcome === "cut-short" ? undefined : 10 * DAY - HOUR / 2,
      outcome,
    },
    failures: outcome === "done" || outcome === "stopped" ? 0 : 1,
    lastSuccess: undefined,
    ...more,
  });
  const cases: [PastRuns, number, number][] = [
    [past("done", { last: undefined }), DAY, 0],
    [past("done"), DAY, 22 * HOUR],
    [past("done"), HOUR, 0],
    [past("stopped"), DAY, 0],
    [past("failed"), DAY, HOUR / 2],
    [past("failed", { failures: 2 }), DAY, 1.5 * HOUR],
    [past("failed", { failures: 50 }), DAY, 23.5 * HOUR],
    [past("failed", { failures: 50 }), HOUR / 4, 0],
    [past("cut-short"), DAY, 0],
    [past("cut-short", { failures: 3 }), DAY, 2 * HOUR],
    [past("done", { isUnderWay: true }), DAY, 600 * SECOND],
    // A clock that was wrong.
    [past("done", { now: 0 }), DAY, 0],
  ];
  for (const [runs, interval, expected] of cases) {
    strictEqual(waitBeforeRun(runs, interval), expected, JSON.stringify(runs));
  }
});

Deno.test("serve() keeps its promises through any sequence of events", async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 40 }), async (commands) => {
      const machine = new Machine();
      await machine.settle();
      try {
        await fc.asyncModelRun(
          () => ({ model: { isRunning: machine.process.current !== undefined, isOtherRunning: false }, real: machine }),
          commands,
        );
      } finally {
        await machine.process.terminate();
      }
    }),
    { numRuns: Number(Deno.env.get("SCS_SERVICE_RUNS") ?? 1000) },
  );
});
