import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../src/db/session/connect.ts";
import { ConnectionError, SchemaError } from "../../src/errors.ts";
import { runOnce, type ScheduleEvent, type ScheduleOptions, serveSchedule } from "../../src/jobs/schedule.ts";
import { testDatabase } from "../support/database.ts";

/** Serves until `enough` says so of the kinds of the events so far. */
async function serve(
  open: () => Promise<Session>,
  options: Partial<ScheduleOptions>,
  enough: (kinds: string[]) => boolean,
): Promise<ScheduleEvent[]> {
  const controller = new AbortController();
  const events: ScheduleEvent[] = [];
  await serveSchedule(open, () => ({ timeBetweenRunsMs: 3_600_000, ...options }), {
    signal: controller.signal,
    retryMs: 10,
    onEvent(event) {
      events.push(event);
      if (enough(events.map(({ kind }) => kind))) controller.abort();
    },
  });
  return events;
}

const kindsOf = (events: ScheduleEvent[]) => events.map(({ kind }) => kind).filter((kind) => kind !== "chunk");

Deno.test("serveSchedule() takes so many rooms a run, and after a restart sleeps until it is time again", async () => {
  await using db = await testDatabase({ fixture: true });
  const open = () => connect(db.url);
  const first = await serve(open, { rooms: 2 }, (kinds) => kinds.includes("sleeping"));
  deepStrictEqual(kindsOf(first), ["run-started", "found", "run-finished", "sleeping"]);
  const finished = first.find((event) => event.kind === "run-finished")!;
  strictEqual(finished.report.rooms, 2);
  const second = await serve(open, { rooms: 2 }, (kinds) => kinds.includes("sleeping"));
  deepStrictEqual(kindsOf(second), ["sleeping"]);
  ok(second[0]!.kind === "sleeping" && second[0]!.waitMs > 3_500_000);
  await db.sql`UPDATE state_compressor_runs SET started_ts = started_ts - 3600000`;
  const third = await serve(open, { rooms: 2 }, (kinds) => kinds.includes("sleeping"));
  deepStrictEqual(kindsOf(third), ["run-started", "found", "run-finished", "sleeping"]);
  const runs = await db.sql`SELECT failed, rows_saved > 0 AS saved, finished_ts IS NOT NULL AS ended
    FROM state_compressor_runs ORDER BY id`;
  deepStrictEqual(runs.map((run) => Object.values(run)), [[false, true, true], [false, true, true]]);
});

Deno.test("serveSchedule() outlives a database that is away, with growing pauses, and ends the run that it had begun", async () => {
  await using db = await testDatabase({ fixture: true });
  let opened = 0;
  const open = async () => {
    // The third session is the job's: it is lost while it works.
    if (++opened <= 4 && opened !== 1) throw new ConnectionError("Cannot connect: it is away");
    return await connect(db.url);
  };
  const events = await serve(open, {}, (kinds) => kinds.includes("sleeping"));
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

Deno.test("serveSchedule() ends where the first run cannot work at all", async () => {
  await rejects(
    serve(() => Promise.reject(new SchemaError("Cannot use it")), {}, () => false),
    SchemaError,
  );
});

Deno.test("serveSchedule() goes by the options as they are now, and ends where there are none", async () => {
  await using db = await testDatabase({ fixture: true });
  let wake = () => {};
  let options: ScheduleOptions | undefined = { timeBetweenRunsMs: 3_600_000, rooms: 1 };
  let sleeps = 0;
  await serveSchedule(() => connect(db.url), () => options, {
    onChange(callback) {
      wake = callback;
      return () => {};
    },
    onEvent(event) {
      if (event.kind !== "sleeping") return;
      if (++sleeps === 2) options = undefined;
      setTimeout(() => wake(), 10);
    },
  });
  strictEqual(sleeps, 2);
});

Deno.test("runOnce() runs whenever the last run was", async () => {
  await using db = await testDatabase({ fixture: true });
  const open = () => connect(db.url);
  strictEqual((await runOnce(open, { rooms: 1 })).rooms, 1);
  strictEqual((await runOnce(open, { rooms: 1 })).rooms, 1);
});
