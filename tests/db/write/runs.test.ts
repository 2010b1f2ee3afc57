import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { startPostgres } from "../../../scripts/postgres.ts";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { claimRun, createRunsTable, finishRun, lockRun, type PastRuns } from "../../../src/db/write/runs.ts";
import { CompressorError, ConflictError } from "../../../src/errors.ts";
import { type TestDatabase, testDatabase, testRole } from "../../support/database.ts";

async function open(db: TestDatabase): Promise<Session> {
  const session = await connect(db.url);
  await createRunsTable(session);
  return session;
}

async function begin(session: Session): Promise<number> {
  const claim = await claimRun(session, () => 0);
  ok("runId" in claim);
  return claim.runId;
}

/** What is known of past runs. */
async function look(session: Session): Promise<PastRuns> {
  return (await claimRun(session, () => 1)).past;
}

Deno.test("createRunsTable() makes the table, also when two begin at once, and needs no right where it is", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  // Before PostgreSQL 15, everybody could make tables in public.
  await db.sql`REVOKE CREATE ON SCHEMA public FROM PUBLIC`;
  await using poor = await connect(role.url);
  await rejects(createRunsTable(poor), CompressorError);
  const sessions = await Promise.all([open(db), open(db), open(db)]);
  for (const session of sessions) await session.close();
  await createRunsTable(poor);
});

Deno.test("claimRun() gives a run to one of many", async () => {
  await using db = await testDatabase();
  await (await open(db)).close();
  const claims = await Promise.all([1, 2, 3].map(async () => {
    await using session = await connect(db.url);
    return await claimRun(session, ({ last }) => last === undefined ? 0 : 5);
  }));
  deepStrictEqual(claims.map((claim) => "runId" in claim ? claim.runId : claim.waitMs).sort(), [1, 5, 5]);
});

Deno.test("claimRun() knows how the last runs ended, by the server's clock", async () => {
  await using db = await testDatabase();
  await using session = await open(db);
  const none = await look(session);
  deepStrictEqual([none.last, none.failures, none.lastSuccess, none.isUnderWay], [undefined, 0, undefined, false]);
  ok(Math.abs(none.now - Date.now()) < 60_000);
  const expected: [Parameters<typeof finishRun>[2]["outcome"] | undefined, string, number][] = [
    ["failed", "failed", 1],
    [undefined, "cut-short", 2],
    ["stopped", "stopped", 2],
    ["failed", "failed", 3],
    ["done", "done", 0],
    ["stopped", "stopped", 0],
    ["failed", "failed", 1],
  ];
  for (const [outcome, last, failures] of expected) {
    const runId = await begin(session);
    if (outcome !== undefined) await finishRun(session, runId, { rowsSaved: 5, chunks: 2, outcome });
    const past = await look(session);
    deepStrictEqual([past.last?.outcome, past.failures], [last, failures]);
    strictEqual(past.last?.endedAt === undefined, outcome === undefined);
  }
  const rows = await db.sql`SELECT id, failed, rows_saved, chunks, finished_ts >= started_ts AS ended
    FROM state_compressor_runs ORDER BY id LIMIT 2`;
  deepStrictEqual(rows.map((row) => Object.values(row)), [[1, true, 5, 2, true], [2, null, null, null, null]]);
  const { lastSuccess } = await look(session);
  const [good] = await db.sql`SELECT finished_ts FROM state_compressor_runs WHERE id = 5`;
  strictEqual(lastSuccess, good!["finished_ts"]);
});

Deno.test("claimRun() remembers a hundred runs", async () => {
  await using db = await testDatabase();
  await using session = await open(db);
  await db.sql`INSERT INTO state_compressor_runs (id, started_ts) SELECT id, id FROM generate_series(1, 150) AS id`;
  strictEqual(await begin(session), 151);
  const [row] = await db.sql`SELECT count(*)::int AS runs, min(id)::int AS first FROM state_compressor_runs`;
  deepStrictEqual({ ...row }, { runs: 100, first: 52 });
});

Deno.test("claimRun() numbers runs without a gap, also where the server crashed in between", async () => {
  await using server = await startPostgres({ settings: { fsync: "on", synchronous_commit: "on" } });
  await using db = await testDatabase({ server: server.url });
  {
    await using session = await open(db);
    deepStrictEqual([await begin(session), await begin(session)], [1, 2]);
  }
  await db.sql.end();
  // An identity column hands out its numbers 32 in advance, and a crash loses those.
  await server.restart({ crash: true });
  await using session = await connect(db.url);
  strictEqual(await begin(session), 3);
});

Deno.test("lockRun() shows others that a run is under way for as long as its session lives", async () => {
  await using db = await testDatabase();
  await using other = await open(db);
  {
    await using session = await connect(db.url);
    await lockRun(session);
    strictEqual((await look(other)).isUnderWay, true);
    await rejects(lockRun(other), ConflictError);
  }
  for (let left = 100; (await look(other)).isUnderWay; left--) {
    ok(left > 0, "the lock is still held");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await lockRun(other);
});
