import { deepStrictEqual, match, notStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { startPostgres } from "../../../scripts/postgres.ts";
import { compress, findRewrites, type Rewrites } from "../../../src/core/plan/compress.ts";
import { verify } from "../../../src/core/verify.ts";
import { connect, type ConnectOptions, type Session } from "../../../src/db/session/connect.ts";
import { type LoadedForest, loadRoom } from "../../../src/db/read/load.ts";
import { TOUCH_GROUPS } from "../../../src/db/write/statements.ts";
import { type WriteReport, writeRewrites } from "../../../src/db/write/write.ts";
import { ConnectionError, StoppedError } from "../../../src/errors.ts";
import { countSkips, type SkippedGroup } from "../../../src/db/write/skips.ts";
import type { SkipKind } from "../../../src/format/sql/skips.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { withStatements } from "../../support/sessions.ts";
import { assertSound, Synapse } from "../../support/synapse.ts";

interface Plan extends AsyncDisposable {
  readonly session: Session;
  readonly forest: LoadedForest;
  readonly rewrites: Rewrites;
  /** Every full state before. */
  readonly before: Awaited<ReturnType<typeof fullStates>>;
}

/** A room that is read and compressed, ready to be written. */
async function plan(
  db: TestDatabase,
  roomId: string,
  { strategy = "levels", ...options }: ConnectOptions & { strategy?: "levels" | "branches" } = {},
): Promise<Plan> {
  const before = await fullStates(db.sql);
  const session = await connect(db.url, options);
  const forest = await loadRoom(session, roomId);
  const rewrites = findRewrites(compress(forest, { strategy }));
  verify(forest, rewrites);
  return { session, forest, rewrites, before, [Symbol.asyncDispose]: () => session.close() };
}

/** A room of ten snapshots: 2 to 10, each with one row more than the one before. */
async function smallRoom(options: { pendingDeletion?: boolean } = {}): Promise<TestDatabase> {
  const db = await testDatabase(options);
  await db.sql`INSERT INTO state_groups SELECT id, '!small:test', '$e' || id FROM generate_series(1, 10) AS id`;
  await db.sql`INSERT INTO state_groups_state SELECT id, '!small:test', 'm.room.member', '@u' || n, '$' || n
    FROM generate_series(2, 10) AS id, generate_series(1, 50 + id) AS n`;
  return db;
}

async function assertUnchanged(db: TestDatabase, before: Plan["before"]): Promise<void> {
  await assertSound(db.sql);
  deepStrictEqual(await fullStates(db.sql), before);
}

/** The session, doing `work` before our changes are sent. */
function meanwhile(session: Session, work: () => Promise<unknown>): Session {
  let turn: Promise<unknown> = Promise.resolve();
  let isFirst = true;
  const unsafe = (text: string, ...rest: []) => {
    if (text === TOUCH_GROUPS && isFirst) {
      isFirst = false;
      turn = turn.then(work);
    }
    const isSimple = /^(BEGIN|COMMIT|ROLLBACK)/.test(text);
    const result = turn.then(() => isSimple ? session.sql.unsafe(text).simple() : session.sql.unsafe(text, ...rest));
    return Object.assign(result, { simple: () => result });
  };
  return new Proxy(session, { get: (target, name) => name === "sql" ? { unsafe } : Reflect.get(target, name, target) });
}

for (const strategy of ["branches", "levels"] as const) {
  Deno.test(`writeRewrites() keeps every full state of the real rooms (${strategy})`, async () => {
    await using db = await testDatabase({ fixture: true });
    const before = await fullStates(db.sql);
    await using session = await connect(db.url);
    for (const { room_id } of await db.sql`SELECT DISTINCT room_id FROM state_groups`) {
      const forest = await loadRoom(session, room_id);
      const compression = compress(forest, { strategy });
      const rewrites = findRewrites(compression);
      const written = await writeRewrites(session, forest, rewrites);
      deepStrictEqual(
        [written.groupsWritten, written.skipped, written.rowsInserted - written.rowsDeleted],
        [rewrites.count, [], compression.rowsAfter - compression.rowsBefore],
      );
      const [row] = await db.sql`SELECT count(*) FROM state_groups_state
        WHERE state_group IN (SELECT id FROM state_groups WHERE room_id = ${room_id})`;
      strictEqual(row!["count"], compression.rowsAfter);
      // Written again, there is nothing to do.
      const again = await writeRewrites(session, forest, rewrites);
      deepStrictEqual([again.groupsUnchanged, again.rowsDeleted, again.rowsInserted], [rewrites.count, 0, 0]);
    }
    await assertUnchanged(db, before);
  });
}

Deno.test("writeRewrites() writes a batch a transaction, and a group alone where batch is 1", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const report = await writeRewrites(one.session, one.forest, one.rewrites, { batch: 1 });
  const [row] = await db.sql`SELECT count(DISTINCT xmin::text) AS transactions FROM state_group_edges`;
  deepStrictEqual([report.batches, row!["transactions"]], [one.rewrites.count, one.rewrites.count]);
  await assertUnchanged(db, one.before);
  await rejects(() => writeRewrites(one.session, one.forest, one.rewrites, { batch: 0 }), RangeError);
});

Deno.test("writeRewrites() does not touch the rows that stay", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  await writeRewrites(one.session, one.forest, one.rewrites);
  const [row] = await db
    .sql`SELECT count(*) AS rows, count(DISTINCT xmin::text) AS transactions FROM state_groups_state`;
  deepStrictEqual({ ...row }, { rows: 60, transactions: 1 });
});

Deno.test("writeRewrites() reports progress, rows and about how many bytes", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const progress: number[] = [];
  const report = await writeRewrites(one.session, one.forest, one.rewrites, {
    batch: 3,
    onProgress: (n) => progress.push(n),
  });
  deepStrictEqual(progress, [3, 6, 9]);
  const [sizes] = await db
    .sql`SELECT pg_relation_size('state_groups_state') + pg_relation_size('state_groups_state_type_idx') AS bytes,
    (SELECT count(*) FROM state_groups_state) AS rows`;
  const share = report.rowsDeleted / (report.rowsDeleted + sizes!["rows"]);
  const ratio = report.bytesFreed / (sizes!["bytes"] * share);
  ok(ratio > 0.7 && ratio < 1.3, String(ratio));
});

const changes: Record<string, readonly [sql: string, skipped: Record<number, readonly [SkipKind, RegExp]>]> = {
  "has another predecessor": [
    "INSERT INTO state_group_edges VALUES (5, 1)",
    { 5: ["changed", /^its predecessor was none when it was read and is 1 now$/] },
  ],
  "has another event in a row": [
    "UPDATE state_groups_state SET event_id = '$other' WHERE state_group = 5 AND state_key = '@u3'",
    {
      5: ["changed", /^its rows are not those that were read$/],
      6: ["base-changed", /^its new predecessor 5 has changed$/],
    },
  ],
  "has a row less": [
    "DELETE FROM state_groups_state WHERE state_group = 5 AND state_key = '@u3'",
    {
      5: ["changed", /^it had 55 rows when it was read and has 54 now$/],
      6: ["base-changed", /^its new predecessor 5 has changed$/],
    },
  ],
  "is gone": [
    "DELETE FROM state_groups WHERE id = 5; DELETE FROM state_groups_state WHERE state_group = 5",
    { 5: ["gone", /^it is gone$/], 6: ["base-gone", /^its new predecessor 5 is gone$/] },
  ],
  "is marked for deletion": [
    "INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (5, 1)",
    {
      5: ["marked", /^Synapse has marked it for deletion$/],
      6: ["base-marked", /^Synapse has marked its new predecessor 5 for deletion$/],
    },
  ],
  "is another room's now": [
    "UPDATE state_groups SET room_id = '!other:test' WHERE id = 5",
    { 5: ["gone", /^it is gone$/], 6: ["base-gone", /^its new predecessor 5 is gone$/] },
  ],
};
for (const [what, [sql, skipped]] of Object.entries(changes)) {
  Deno.test(`writeRewrites() leaves a group alone that ${what}, and goes on`, async () => {
    await using db = await smallRoom();
    await using one = await plan(db, "!small:test");
    await db.sql.unsafe(sql);
    const before = await fullStates(db.sql);
    const told: SkippedGroup[] = [];
    const report = await writeRewrites(one.session, one.forest, one.rewrites, {
      onSkipped: (group) => told.push(group),
    });
    const byId = (a: SkippedGroup, b: SkippedGroup) => a.groupId - b.groupId;
    deepStrictEqual(
      told.toSorted(byId).map(({ groupId, kind }) => [groupId, kind]),
      Object.entries(skipped).map(([groupId, [kind]]) => [Number(groupId), kind]),
    );
    for (const { groupId, reason } of told) match(reason, skipped[groupId]![1]);
    deepStrictEqual([report.skipped, report.skippedByKind], [told, countSkips(told)]);
    strictEqual(report.groupsWritten, one.rewrites.count - told.length);
    deepStrictEqual(await fullStates(db.sql), before);
  });
}

Deno.test("writeRewrites() compares contents where rows are newer than the forest, or its age is unknown", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  await db.sql`UPDATE state_groups_state SET event_id = event_id WHERE state_group IN (3, 4)`;
  const report = await writeRewrites(one.session, one.forest, one.rewrites);
  deepStrictEqual([report.skipped, report.groupsWritten], [[], one.rewrites.count]);
  await assertUnchanged(db, one.before);

  await using other = await smallRoom();
  await using two = await plan(other, "!small:test");
  const { horizon: _, ...forest } = two.forest;
  await other.sql`UPDATE state_groups_state SET event_id = '$other' WHERE state_group = 5 AND state_key = '@u3'`;
  const second = await writeRewrites(two.session, forest, two.rewrites);
  deepStrictEqual(second.skipped.map(({ groupId }) => groupId), [5, 6]);
});

Deno.test("writeRewrites() undoes and skips what a writer without locks changes in the middle", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const meddled = meanwhile(one.session, async () => {
    // As the Rust tool writes: no lock, no look.
    await db.sql.begin(async (rust) => {
      await rust`DELETE FROM state_group_edges WHERE state_group = 6`;
      await rust`INSERT INTO state_group_edges VALUES (6, 4)`;
      await rust`DELETE FROM state_groups_state WHERE state_group = 6`;
      await rust`INSERT INTO state_groups_state SELECT 6, '!small:test', 'm.room.member', '@u' || n, '$' || n
        FROM generate_series(55, 56) AS n`;
    });
  });
  const report = await writeRewrites(meddled, one.forest, one.rewrites);
  deepStrictEqual(report.skipped.map(({ groupId }) => groupId), [6]);
  strictEqual(report.groupsWritten, one.rewrites.count - 1);
  notStrictEqual(report.retries, 0);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() waits briefly for a group that is locked, skips it, and writes the rest of its batch", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; SELECT FROM state_groups WHERE id = 5 FOR UPDATE").simple();
  const report = await writeRewrites(one.session, one.forest, one.rewrites);
  // Others wait for us as little as we wait for them: nothing is locked while we pause.
  await holder.unsafe("ROLLBACK");
  holder.release();
  deepStrictEqual(
    report.skipped,
    [5, 6].map((groupId) => ({
      groupId,
      kind: "contention",
      reason: "another transaction held a lock on it for too long",
    })),
  );
  strictEqual(report.groupsWritten, one.rewrites.count - 2);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() gives up a room that is locked for long", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; SELECT FROM state_groups FOR UPDATE").simple();
  const report = await writeRewrites(one.session, one.forest, one.rewrites, { patienceMs: 1_000 });
  await holder.unsafe("ROLLBACK");
  holder.release();
  const untried = "other transactions were in the way for so long that it was not tried";
  strictEqual(report.skipped.length, one.rewrites.count);
  deepStrictEqual(report.skipped.slice(1).map(({ reason }) => reason), Array(one.rewrites.count - 1).fill(untried));
  strictEqual(report.skippedByKind.contention, one.rewrites.count);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() lets Synapse store groups on those that it has locked", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  await using synapse = new Synapse(db.url);
  await db.sql`SELECT setval('state_group_id_seq', 10)`;
  let stored: number | undefined;
  const report = await writeRewrites(
    meanwhile(one.session, async () => stored = await synapse.storeGroup("!small:test", 5, [["new", "", "$new"]])),
    one.forest,
    one.rewrites,
  );
  deepStrictEqual([stored, synapse.retries, report.groupsWritten, report.retries], [11, 0, one.rewrites.count, 0]);
  await assertSound(db.sql);
});

Deno.test("writeRewrites() renews a mark that comes after its look", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test");
  const mark = () => db.sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (5, 1)`;
  const now = Date.now();
  const report = await writeRewrites(meanwhile(one.session, mark), one.forest, one.rewrites);
  strictEqual(report.groupsWritten, one.rewrites.count);
  const [row] = await db.sql`SELECT sequence_number, insertion_ts FROM state_groups_pending_deletion`;
  strictEqual(row!["sequence_number"], 2);
  ok(row!["insertion_ts"] > now - 60_000 && row!["insertion_ts"] < now + 60_000);
});

Deno.test("writeRewrites() ends after the batch under way once the signal comes; a next run goes on", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using one = await plan(db, roomId);
  const controller = new AbortController();
  const writing = writeRewrites(one.session, one.forest, one.rewrites, {
    batch: 10,
    signal: controller.signal,
    onProgress: (done) => done >= 30 && controller.abort(),
  });
  const stopped = await writing.then(() => undefined, (error) => error);
  ok(stopped instanceof StoppedError);
  const report = stopped.report as WriteReport;
  deepStrictEqual([report.groupsWritten, report.batches], [30, 3]);
  await assertUnchanged(db, one.before);
  await using session = await connect(db.url);
  const next = await writeRewrites(session, one.forest, one.rewrites);
  deepStrictEqual([next.groupsUnchanged, next.groupsWritten], [30, one.rewrites.count - 30]);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() whose connection is ended in the middle says so; all that stands is whole", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using one = await plan(db, roomId, { applicationName: "to be ended" });
  await rejects(
    () =>
      writeRewrites(one.session, one.forest, one.rewrites, {
        batch: 10,
        onProgress: (done) =>
          done === 50 &&
          void db.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be ended'`
            .execute(),
      }),
    ConnectionError,
  );
  await assertUnchanged(db, one.before);
  await using two = await plan(db, roomId, { strategy: "branches" });
  const report = await writeRewrites(two.session, two.forest, two.rewrites);
  deepStrictEqual([report.skipped, report.groupsWritten], [[], two.rewrites.count]);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() whose server crashes in the middle says so; all that stands is whole", async () => {
  // What was committed is to be there after the crash.
  await using server = await startPostgres({ settings: { synchronous_commit: "on" }, say: () => {} });
  await using db = await testDatabase({ fixture: true, server: server.url });
  const roomId = await biggestRoom(db);
  await using one = await plan(db, roomId);
  let restarted: Promise<void> | undefined;
  const onProgress = (done: number) => void (done === 50 && (restarted = server.restart({ crash: true })));
  await rejects(
    () => writeRewrites(one.session, one.forest, one.rewrites, { batch: 5, onProgress }),
    ConnectionError,
  );
  await restarted;
  await assertUnchanged(db, one.before);
  await using two = await plan(db, roomId);
  ok(two.rewrites.count > 0 && two.rewrites.count < one.rewrites.count);
  strictEqual((await writeRewrites(two.session, two.forest, two.rewrites)).groupsWritten, two.rewrites.count);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() works before Synapse's pending deletion tables", async () => {
  await using db = await smallRoom({ pendingDeletion: false });
  await using one = await plan(db, "!small:test");
  strictEqual((await writeRewrites(one.session, one.forest, one.rewrites)).groupsWritten, one.rewrites.count);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() from two compressors at once leaves one valid room", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using one = await plan(db, roomId, { strategy: "levels" });
  await using two = await plan(db, roomId, { strategy: "branches" });
  const reports = await Promise.all(
    [one, two].map(({ session, forest, rewrites }) => writeRewrites(session, forest, rewrites, { batch: 7 })),
  );
  const dealtWith = reports.map((report) => report.groupsWritten + report.groupsUnchanged + report.skipped.length);
  deepStrictEqual(dealtWith, [one.rewrites.count, two.rewrites.count]);
  await assertUnchanged(db, one.before);
});

Deno.test("writeRewrites() writes groups whose edge is there twice, and leaves it once", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`DROP INDEX state_group_edges_unique_idx;
    INSERT INTO state_group_edges SELECT * FROM state_group_edges WHERE state_group % 3 > 0;
    INSERT INTO state_group_edges SELECT * FROM state_group_edges WHERE state_group % 3 > 1`).simple();
  await using room = await plan(db, roomId);
  const { session, forest, rewrites, before } = room;
  const report = await writeRewrites(session, forest, rewrites);
  deepStrictEqual([report.skipped, report.groupsWritten], [[], rewrites.count]);
  deepStrictEqual(await fullStates(db.sql), before);
  const ids = [...rewrites.group].map((g) => forest.groupId[g]!);
  const doubled = await db.sql`SELECT state_group FROM state_group_edges WHERE state_group = ANY(${ids}::bigint[])
    GROUP BY 1 HAVING count(*) > 1`;
  deepStrictEqual([...doubled], []);
});

Deno.test("writeRewrites() tells a statement that took too long from one that somebody cancelled", async () => {
  await using db = await smallRoom();
  await using one = await plan(db, "!small:test", { applicationName: "to be cancelled" });
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; SELECT FROM state_groups WHERE id = 5 FOR UPDATE").simple();
  const options = { pausesMs: [1], batch: 1 };
  const reasons = async (session: Session) => {
    const { skipped } = await writeRewrites(session, one.forest, one.rewrites, options);
    return skipped.map(({ groupId, kind, reason }) => `${groupId} ${kind}: ${reason}`);
  };
  const limits = (statement: string) => (text: string) =>
    text.replace("lock_timeout = '500ms'", "lock_timeout = 0").replace(/statement_timeout = \d+/, statement);

  const cancelling = new AbortController();
  const cancel = async () => {
    while (!cancelling.signal.aborted) {
      await db.sql`SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'to be cancelled' AND wait_event_type = 'Lock'`;
    }
  };
  const ended = cancel();
  const cancelled = await reasons(withStatements(one.session, limits("statement_timeout = 0")));
  cancelling.abort();
  await ended;
  deepStrictEqual(cancelled, [5, 6].map((id) => `${id} contention: somebody cancelled the statement`));

  deepStrictEqual(
    await reasons(withStatements(one.session, limits("statement_timeout = 50"))),
    [5, 6].map((id) => `${id} contention: the server took longer than the time limit of a batch`),
  );
  await holder.unsafe("ROLLBACK");
  holder.release();
});
