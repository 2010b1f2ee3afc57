import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { breathe, finishing, pause, stoppable, unlessStopped } from "../../../src/db/session/stop.ts";
import { ConnectionError, firstError, MismatchError, StoppedError } from "../../../src/errors.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

const reason = () => new StoppedError("Stopped by SIGTERM", { exitCode: 143 });

/** Waits until the server has no session of that name left, or none that is at work: whatever became of our end. */
async function untilIdle({ sql }: TestDatabase, name: string): Promise<void> {
  for (let left = 200; left > 0; left--) {
    const busy = await sql`SELECT FROM pg_stat_activity WHERE application_name = ${name} AND state <> 'idle'`;
    if (busy.length === 0) return;
    await sleep(50);
  }
  throw new Error("the server is still at work");
}

async function untilBusy({ sql }: TestDatabase, name: string): Promise<void> {
  for (let left = 400; left > 0; left--) {
    const busy = await sql`SELECT FROM pg_stat_activity WHERE application_name = ${name} AND state = 'active'`;
    if (busy.length > 0) return;
    await sleep(20);
  }
  throw new Error("the server is not at work");
}

Deno.test("stoppable() ends a statement on the server too, by a cancel request, and its session", async () => {
  await using db = await testDatabase();
  const name = `stop_${crypto.randomUUID().slice(0, 8)}`;
  await using session = await connect(db.url, { applicationName: name });
  // Without its look at the client, as before PostgreSQL 14, the server goes on until it has something to send.
  if (session.serverVersion >= 140_000) await session.sql`SET client_connection_check_interval = 0`;
  const controller = new AbortController();
  const work = stoppable(session, controller.signal, () => session.sql`SELECT pg_sleep(300)`);
  await Promise.all([rejects(work, /Stopped by SIGTERM/), untilBusy(db, name).then(() => controller.abort(reason()))]);
  await untilIdle(db, name);
  ok(session.lost instanceof StoppedError);
  await rejects(async () => await session.sql`SELECT 1`, StoppedError);
});

Deno.test("stoppable() ends a COPY and a wait for a lock", async () => {
  await using db = await testDatabase();
  const statements: ((session: Session) => Promise<unknown>)[] = [
    (session) => session.copyOut("COPY (SELECT pg_sleep(300)::text) TO STDOUT (FORMAT binary)", () => {}),
    async (session) => await session.sql`SELECT pg_advisory_lock(4711)`,
    (session) => session.transaction("", async () => await session.sql`LOCK TABLE state_groups`),
  ];
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; LOCK TABLE state_groups; SELECT pg_advisory_xact_lock(4711)").simple();
  for (const statement of statements) {
    const name = `stop_${crypto.randomUUID().slice(0, 8)}`;
    await using session = await connect(db.url, { applicationName: name });
    const controller = new AbortController();
    const work = stoppable(session, controller.signal, () => statement(session));
    await Promise.all([rejects(work, StoppedError), untilBusy(db, name).then(() => controller.abort(reason()))]);
    await untilIdle(db, name);
  }
  await holder`ROLLBACK`;
  holder.release();
});

Deno.test("stoppable() throws the signal's reason, with a report where there is one", async () => {
  await using db = await testDatabase();
  const work = async (stop: unknown, report?: () => unknown) => {
    await using session = await connect(db.url);
    const controller = new AbortController();
    const running = stoppable(session, controller.signal, async () => {
      controller.abort(stop);
      await session.sql`SELECT pg_sleep(300)`;
    }, report);
    return await running.then(() => undefined, (error: StoppedError) => error);
  };
  const stop = reason();
  strictEqual(await work(stop), stop);
  const reported = (await work(stop, () => ({ chunks: 3 })))!;
  deepStrictEqual([reported.message, reported.exitCode, reported.report], [stop.message, 143, { chunks: 3 }]);
  const plain = (await work(undefined))!;
  deepStrictEqual([plain.name, plain.message, plain.exitCode], ["StoppedError", "Stopped", 130]);
});

Deno.test("stoppable() does not hide a fault that shows at the time of a stop", async () => {
  await using db = await testDatabase();
  for (const fault of [new MismatchError("Verification failed", { groupId: 1 }), new TypeError("a bug")]) {
    await using session = await connect(db.url);
    const controller = new AbortController();
    const work = stoppable(session, controller.signal, () => {
      controller.abort(reason());
      return Promise.reject(fault);
    });
    await rejects(work, fault);
  }
  await using session = await connect(db.url);
  const lost = new ConnectionError("Lost the connection");
  await rejects(stoppable(session, new AbortController().signal, () => Promise.reject(lost)), lost);
});

Deno.test("stoppable() knows a stop by its first error where unlocking failed, too; a fault before it is seen", async () => {
  await using db = await testDatabase();
  const name = `stop_${crypto.randomUUID().slice(0, 8)}`;
  for (const fault of [undefined, new MismatchError("wrong", { groupId: 1 })]) {
    await using session = await connect(db.url, { applicationName: name });
    const controller = new AbortController();
    const work = stoppable(session, controller.signal, async () => {
      await using _lock = {
        async [Symbol.asyncDispose]() {
          session.destroy(StoppedError.by(controller.signal));
          await session.sql`SELECT pg_advisory_unlock(1)`;
        },
      };
      if (fault === undefined) return await session.sql`SELECT pg_sleep(300)`;
      await untilStopped(controller.signal);
      throw fault;
    });
    const stop = async () => {
      if (fault === undefined) await untilBusy(db, name);
      controller.abort(reason());
    };
    const [error] = await Promise.all([work.catch((error) => error), stop()]);
    if (fault === undefined) ok(error instanceof StoppedError, String(error));
    else strictEqual(firstError(error), fault);
  }
});

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

Deno.test("stoppable() begins nothing once stopped, and leaves a session whose work is done as it is", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  let begun = 0;
  await rejects(stoppable(session, AbortSignal.abort(reason()), () => Promise.resolve(begun++)), StoppedError);
  strictEqual(begun, 0);
  const controller = new AbortController();
  await stoppable(session, controller.signal, async () => void await session.sql`SELECT 1`);
  controller.abort(reason());
  strictEqual((await session.sql`SELECT 1 AS one`)[0]!["one"], 1);
});

Deno.test("finishing() lets a transaction end before a stop, however it is nested", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const { signal, abort } = stopper();
  const insert = (id: number) => session.sql`INSERT INTO state_groups VALUES (${id}, '!a:b', '$c')`;
  const work = stoppable(session, signal, () =>
    stoppable(session, signal, async () => {
      await finishing(session, () =>
        session.transaction("", async () => {
          await insert(1);
          abort();
          await session.sql`SELECT pg_sleep(0.2)`;
          await insert(2);
        }));
      await breathe(signal);
      await insert(3);
    }));
  await rejects(work, StoppedError);
  const rows = await db.sql`SELECT id FROM state_groups ORDER BY id`;
  deepStrictEqual(rows.map(({ id }) => id), [1, 2]);
  notStrictEqual(session.lost, undefined);
});

Deno.test("finishing() has seconds, not for ever", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const { signal, abort } = stopper();
  const startedAt = performance.now();
  const work = stoppable(session, signal, () =>
    finishing(session, () =>
      session.transaction("", async () => {
        await session.sql`INSERT INTO state_groups VALUES (1, '!a:b', '$c')`;
        abort();
        await session.sql`SELECT pg_sleep(300)`;
      })));
  await rejects(work, StoppedError);
  ok(performance.now() - startedAt < 30_000);
  strictEqual((await db.sql`SELECT FROM state_groups`).length, 0);
});

Deno.test("pause(), breathe() and unlessStopped() end by the signal", async () => {
  const { signal, abort } = stopper();
  await pause(1, signal);
  await breathe(signal);
  strictEqual(await unlessStopped(Promise.resolve(1), signal), 1);
  await rejects(unlessStopped(Promise.reject(new TypeError("its own")), signal), TypeError);
  const waits = [pause(300_000, signal), unlessStopped(new Promise(() => {}), signal)];
  setTimeout(abort, 10);
  await Promise.all(waits.map((wait) => rejects(wait, /Stopped by SIGTERM/)));
  const late = [pause(1, signal), breathe(signal), unlessStopped(new Promise(() => {}), signal)];
  await Promise.all(late.map((wait) => rejects(wait, /Stopped by SIGTERM/)));
});

function stopper(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(reason()) };
}
