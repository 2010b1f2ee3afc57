import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { startPostgres } from "../../scripts/postgres.ts";
import { connect } from "../../src/db/session/connect.ts";
import { createRunsTable, lockRun } from "../../src/db/write/runs.ts";
import { ConflictError, ConnectionError, SchemaError, StoppedError } from "../../src/errors.ts";
import {
  type OpenSession,
  runOnce,
  type ScheduleConfig,
  type ScheduleEvent,
  serveSchedule,
} from "../../src/jobs/schedule.ts";
import { type TestDatabase, testDatabase, untilWaiting } from "../support/database.ts";

const HOUR = 3_600_000;

function opener(db: TestDatabase): OpenSession {
  return (signal) => connect(db.url, { signal });
}

function configure(open: OpenSession, more: Partial<ScheduleConfig> = {}): ScheduleConfig {
  return { database: "a", timeBetweenRunsMs: HOUR, open, run: {}, ...more };
}

/** Serves until `enough` says so of the kinds of the events so far. */
async function serve(config: ScheduleConfig, enough: (kinds: string[]) => boolean): Promise<ScheduleEvent[]> {
  const controller = new AbortController();
  const events: ScheduleEvent[] = [];
  await serveSchedule(() => config, {
    signal: controller.signal,
    retryMs: 10,
    onEvent(event) {
      events.push(event);
      if (enough(events.map(({ kind }) => kind))) controller.abort();
    },
  });
  return events;
}

/** What happened, without how each room's work went on. */
const kindsOf = (events: ScheduleEvent[]) =>
  events.map(({ kind }) => kind).filter((kind) => !["chunk", "room", "working", "left"].includes(kind));
const isSleeping = (kinds: string[]) => kinds.includes("sleeping");

Deno.test("serveSchedule() takes some rooms a run, and after a restart sleeps until it is time again", async () => {
  await using db = await testDatabase({ fixture: true });
  const config = configure(opener(db), { run: { rooms: 2 } });
  const first = await serve(config, isSleeping);
  deepStrictEqual(kindsOf(first), ["run-started", "found", "run-finished", "sleeping"]);
  const finished = first.find((event) => event.kind === "run-finished")!;
  strictEqual(finished.report.rooms, 2);
  const second = await serve(config, isSleeping);
  deepStrictEqual(kindsOf(second), ["sleeping"]);
  ok(second[0]!.kind === "sleeping" && second[0]!.waitMs > 3_500_000);
  await db.sql`UPDATE state_compressor_runs SET started_ts = started_ts - 3600000`;
  const third = await serve(config, isSleeping);
  deepStrictEqual(kindsOf(third), ["run-started", "found", "run-finished", "sleeping"]);
  const runs = await db.sql`SELECT id, failed, rows_saved > 0 AS saved, finished_ts IS NOT NULL AS ended
    FROM state_compressor_runs ORDER BY id`;
  deepStrictEqual(runs.map((run) => Object.values(run)), [[1, false, true, true], [2, false, true, true]]);
});

Deno.test("serveSchedule() outlives a database that is away, with growing pauses, and ends the run that it had begun", async () => {
  await using db = await testDatabase({ fixture: true });
  let opened = 0;
  const open: OpenSession = async (signal) => {
    // The second session is the run's.
    if (++opened <= 4 && opened !== 1) throw new ConnectionError("Cannot connect: it is away");
    return await connect(db.url, { signal });
  };
  const events = await serve(configure(open), isSleeping);
  deepStrictEqual(kindsOf(events), [
    "run-started",
    "database-away",
    "run-started",
    "database-away",
    "run-started",
    "database-away",
    "run-started",
    "found",
    "run-finished",
    "sleeping",
  ]);
  deepStrictEqual(events.flatMap((event) => event.kind === "database-away" ? [event.retryMs] : []), [10, 20, 40]);
  deepStrictEqual(new Set(events.flatMap((event) => event.kind === "run-started" ? [event.runId] : [])).size, 1);
});

Deno.test("serveSchedule() ends where it cannot even begin, before it has used up the time between runs", async () => {
  await using db = await testDatabase({ fixture: true });
  await rejects(serve(configure(() => Promise.reject(new SchemaError("Cannot use it"))), () => false), SchemaError);
  const open: OpenSession = (signal) => connect(db.url, { signal, readOnly: true });
  await rejects(serve(configure(open), () => false), /its transactions are read-only/);
  strictEqual((await db.sql`SELECT FROM pg_class WHERE relname = 'state_compressor_runs'`).length, 0);
});

Deno.test("serveSchedule() notes a run that failed, says so after a restart, and tries it again", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
    CREATE TRIGGER refuse BEFORE UPDATE ON state_groups EXECUTE FUNCTION refuse()`).simple();
  // The fewest rows: then eight rooms have rows to save, so many as it takes to give up a run.
  const config = configure(opener(db), { timeBetweenRunsMs: 24 * HOUR, run: { prefer: "rows" } });
  const first = await serve(config, isSleeping);
  ok(kindsOf(first).includes("run-failed"), String(kindsOf(first)));
  const sleeping = first.at(-1)!;
  ok(sleeping.kind === "sleeping" && sleeping.waitMs <= HOUR && sleeping.waitMs > HOUR - 600_000);
  const problems: (string | undefined)[] = [];
  const controller = new AbortController();
  await serveSchedule(() => config, {
    signal: controller.signal,
    onState: ({ activity, problem }) => {
      problems.push(problem);
      if (activity.kind === "wait") controller.abort();
    },
  });
  deepStrictEqual(problems.slice(0, 1), ["the last run failed"]);
});

Deno.test("serveSchedule() goes by the configuration as it is now, and ends where there is none", async () => {
  await using db = await testDatabase({ fixture: true });
  let wake = () => {};
  let config: ScheduleConfig | undefined = configure(opener(db), { run: { rooms: 1 } });
  let sleeps = 0;
  await serveSchedule(() => config, {
    onChange(callback) {
      wake = callback;
      return () => {};
    },
    onEvent(event) {
      if (event.kind !== "sleeping") return;
      if (++sleeps === 2) config = undefined;
      setTimeout(() => wake(), 10);
    },
  });
  strictEqual(sleeps, 2);
});

for (const change of ["another database", "none"] as const) {
  Deno.test(`serveSchedule() stops a run at once where the configuration names ${change}`, async () => {
    await using old = await testDatabase({ fixture: true });
    await using fresh = await testDatabase({ fixture: true });
    const holder = await old.sql.reserve();
    await holder.unsafe("BEGIN; SELECT FROM state_groups FOR UPDATE").simple();
    const controller = new AbortController();
    let wake = () => {};
    let config: ScheduleConfig | undefined = configure(opener(old));
    const events: ScheduleEvent[] = [];
    const service = serveSchedule(() => config, {
      signal: controller.signal,
      onChange(callback) {
        wake = callback;
        return () => {};
      },
      onEvent(event) {
        events.push(event);
        if (event.kind === "sleeping") controller.abort();
      },
    });
    await untilWaiting(old);
    config = change === "none" ? undefined : configure(opener(fresh), { database: "b", run: { rooms: 1 } });
    wake();
    await service;
    holder.release();
    const runs = async ({ sql }: TestDatabase) =>
      (await sql`SELECT failed, finished_ts IS NOT NULL AS ended FROM state_compressor_runs`).map((row) => ({
        ...row,
      }));
    await holder`ROLLBACK`;
    deepStrictEqual(await runs(old), [{ failed: null, ended: true }]);
    if (change === "none") return;
    deepStrictEqual(kindsOf(events), ["run-started", "found", "run-started", "found", "run-finished", "sleeping"]);
    deepStrictEqual(await runs(fresh), [{ failed: false, ended: true }]);
  });
}

Deno.test("runOnce() runs whenever the last run was, but not beside another", async () => {
  await using db = await testDatabase({ fixture: true });
  strictEqual((await runOnce(opener(db), { rooms: 1 })).rooms, 1);
  strictEqual((await runOnce(opener(db), { rooms: 1 })).rooms, 1);
  await using other = await connect(db.url);
  await createRunsTable(other);
  await lockRun(other);
  await rejects(runOnce(opener(db), { rooms: 1 }), ConflictError);
  strictEqual((await db.sql`SELECT FROM state_compressor_runs`).length, 2);
});

Deno.test("runOnce() refuses a standby, in words", async () => {
  await using server = await startPostgres({ say: () => {} });
  const db = await testDatabase({ fixture: true, server: server.url });
  await db.sql.end();
  await server.restart({ files: { "standby.signal": "" } });
  await rejects(
    runOnce(opener(db), {}),
    /^CompressorError: Cannot write to .*: it is a standby, which takes no writes$/,
  );
});

Deno.test("runOnce() notes a run that was stopped or that failed", async () => {
  await using db = await testDatabase({ fixture: true });
  const controller = new AbortController();
  const run = runOnce(opener(db), { chunkSize: 100 }, {
    signal: controller.signal,
    onEvent: ({ kind }) => kind === "chunk" && controller.abort(),
  });
  const stopped = await run.then(() => undefined, (error) => error);
  ok(stopped instanceof StoppedError);
  strictEqual((stopped.report as { chunks: number }).chunks, 1);
  const failing = new AbortController();
  let opened = 0;
  const open: OpenSession = (signal) =>
    ++opened === 2 ? Promise.reject(new ConnectionError("Cannot connect")) : connect(db.url, { signal });
  await rejects(runOnce(open, {}, { signal: failing.signal }), ConnectionError);
  const rows = await db.sql`SELECT failed, chunks FROM state_compressor_runs ORDER BY id`;
  deepStrictEqual(rows.map((row) => Object.values(row)), [[null, 1], [true, 0]]);
});
