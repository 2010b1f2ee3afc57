import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { reclaim, type ReclaimEvent } from "../../src/jobs/reclaim.ts";
import { BLOATED_ROOM, digestRows, fileBytes } from "../support/bloat.ts";
import { testDatabase, testRole } from "../support/database.ts";

/** VACUUM cuts a file only where 1,000 pages or a sixteenth of it are free: big enough for that. */
const BIG = { groups: 12_000 };

Deno.test("reclaim() leaves table and index at most 15 % bigger than VACUUM FULL does, and every row", async () => {
  await using db = await testDatabase({ bloat: BIG });
  const [before, rows] = [await fileBytes(db.sql), await digestRows(db.sql)];
  await using session = await connect(db.url);
  const report = await reclaim(session);
  strictEqual(report.outcome, "done");
  const after = await fileBytes(db.sql);
  deepStrictEqual(await digestRows(db.sql), rows);
  strictEqual(report.tableBytesBefore, before.table);
  strictEqual(report.tableBytesAfter, after.table);
  strictEqual(report.indexBytesAfter, after.indexes);
  await db.sql`VACUUM FULL state_groups_state`;
  const best = await fileBytes(db.sql);
  const ratio = (after.table + after.indexes) / (best.table + best.indexes);
  ok(ratio <= 1.15, `${ratio} times what VACUUM FULL leaves`);
});

Deno.test("reclaim() keeps the rows of a group on as few pages as they were on", async () => {
  await using db = await testDatabase({ bloat: BIG });
  await using session = await connect(db.url);
  const pagesPerGroup = async () => {
    const [row] = await db.sql`SELECT avg(pages)::float8 AS pages FROM (
      SELECT count(DISTINCT (ctid::text::point)[0]) AS pages FROM state_groups_state GROUP BY state_group) AS g`;
    return row!["pages"];
  };
  const before = await pagesPerGroup();
  ok(before < 2);
  ok((await reclaim(session)).rowsMoved > 0);
  const after = await pagesPerGroup();
  ok(after <= before * 1.1, `${after} pages for ${before}`);
});

Deno.test("reclaim() does nothing but a VACUUM where nothing is to be gained", async () => {
  await using db = await testDatabase({ bloat: { keepOneOf: 1 } });
  await using session = await connect(db.url);
  const report = await reclaim(session);
  strictEqual(report.outcome, "done");
  strictEqual(report.rowsMoved, 0);
  strictEqual(report.tableBytesAfter, report.tableBytesBefore);
});

Deno.test("reclaim() names an old snapshot that keeps the file from being cut, and goes on once it is gone", async () => {
  await using db = await testDatabase({ bloat: BIG });
  const rows = await digestRows(db.sql);
  await using session = await connect(db.url);
  await db.sql.begin("isolation level repeatable read read only", async (reader) => {
    const [pid] = await reader`SELECT pg_backend_pid() AS pid, count(*) FROM state_groups_state`;
    const events: ReclaimEvent[] = [];
    const report = await reclaim(session, { holderPatienceMs: 0 }, { onEvent: (event) => events.push(event) });
    strictEqual(report.outcome, "blocked");
    deepStrictEqual(report.holders.map(({ kind, name }) => [kind, name]), [["session", String(pid!["pid"])]]);
    ok(events.some(({ kind }) => kind === "waiting"));
    deepStrictEqual(await digestRows(reader as unknown as typeof db.sql), rows);
  });
  const report = await reclaim(session);
  strictEqual(report.outcome, "done");
  ok(report.tableBytesAfter < report.tableBytesBefore / 2);
  deepStrictEqual(await digestRows(db.sql), rows);
});

Deno.test("reclaim() names a snapshot that is older than the deletion, so that there is no free space to move rows to", async () => {
  await using db = await testDatabase({ bloat: { ...BIG, keepOneOf: 1 } });
  await using session = await connect(db.url);
  await db.sql.begin("isolation level repeatable read read only", async (reader) => {
    const [pid] = await reader`SELECT pg_backend_pid() AS pid, count(*) FROM state_groups_state`;
    await db.sql`DELETE FROM state_groups_state WHERE hashint8(state_group) % 20 <> 0`;
    // A pool's session, whose transactions follow on one another, is nearly always in one, but never for long.
    let isDone = false;
    const pool = (async () => {
      await using other = await connect(db.url);
      while (!isDone) {
        await other.sql.unsafe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_sleep(0.01); COMMIT").simple();
      }
    })();
    const report = await reclaim(session, { holderPatienceMs: 0 });
    isDone = true;
    await pool;
    strictEqual(report.outcome, "blocked");
    deepStrictEqual(report.holders.map(({ name }) => name), [String(pid!["pid"])]);
  });
  strictEqual((await reclaim(session)).outcome, "done");
});

Deno.test("reclaim() waits for a snapshot that ends in time", async () => {
  await using db = await testDatabase({ bloat: BIG });
  await using session = await connect(db.url);
  const { promise: waiting, resolve: isWaiting } = Promise.withResolvers<void>();
  const { promise: reading, resolve: isReading } = Promise.withResolvers<void>();
  const reader = db.sql.begin("isolation level repeatable read read only", async (txn) => {
    await txn`SELECT count(*) FROM state_groups_state`;
    isReading();
    await waiting;
  });
  await reading;
  const report = await reclaim(session, {}, { onEvent: ({ kind }) => kind === "waiting" && isWaiting() });
  await reader;
  strictEqual(report.outcome, "done");
});

Deno.test("reclaim() loses no row beside READ COMMITTED deletions of whole groups, and leaves none behind", async () => {
  await using db = await testDatabase({ bloat: BIG });
  await using session = await connect(db.url);
  const kept = new Set((await db.sql`SELECT DISTINCT state_group AS id FROM state_groups_state`).map(({ id }) => id));
  const victims = [...kept].filter((_, i) => i % 3 === 0);
  let isDone = false;
  const deleter = (async () => {
    for (const id of victims) {
      await db.sql`DELETE FROM state_groups_state WHERE state_group = ${id}`;
      kept.delete(id);
      if (isDone) break;
    }
  })();
  const report = await reclaim(session);
  isDone = true;
  await deleter;
  ok(report.rowsMoved > 0);
  const counts = await db.sql`SELECT state_group AS id, count(*)::int AS rows FROM state_groups_state GROUP BY 1`;
  deepStrictEqual(new Set(counts.map(({ id }) => id)), kept);
  deepStrictEqual([...new Set(counts.map(({ rows }) => rows))], [30]);
});

Deno.test("reclaim() moves nothing while a writer holds the table, gives up, and goes on next time", async () => {
  await using db = await testDatabase({ bloat: BIG });
  await using session = await connect(db.url);
  let retries = 0;
  await db.sql.begin(async (writer) => {
    await writer`INSERT INTO state_groups_state VALUES (999999, ${BLOATED_ROOM}, 'a', 'b', 'c')`;
    const report = await reclaim(session, { maxTimeMs: 3000, holderPatienceMs: 0 }, {
      onEvent: ({ kind }) => kind === "lock-busy" && retries++,
    });
    strictEqual(report.rowsMoved, 0);
    strictEqual(report.outcome, "out-of-time");
  });
  ok(retries > 0);
  strictEqual((await reclaim(session)).outcome, "done");
  const [row] = await db.sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE state_group = 999999`;
  strictEqual(row!["rows"], 1);
});

Deno.test("reclaim() refuses a table whose vacuum_truncate is off", async () => {
  await using db = await testDatabase();
  const [version] = await db.sql`SELECT current_setting('server_version_num')::int AS version`;
  if (version!["version"] < 120_000) return;
  await db.sql`ALTER TABLE state_groups_state SET (vacuum_truncate = off)`;
  await using session = await connect(db.url);
  await rejects(reclaim(session), (error: Error & { hint?: string }) => {
    strictEqual(
      error.message,
      "Cannot reclaim space: vacuum_truncate is off for state_groups_state, so VACUUM never cuts the file",
    );
    ok(error.hint!.includes("ALTER TABLE state_groups_state RESET (vacuum_truncate);"));
    return true;
  });
});

Deno.test("reclaim() drops the index that a REINDEX CONCURRENTLY left behind, and no other invalid one", async () => {
  await using db = await testDatabase({ bloat: {} });
  await db.sql.begin("isolation level repeatable read read only", async (reader) => {
    await reader`SELECT count(*) FROM state_groups_state`;
    await using own = await connect(db.url);
    // Waits for the reader's snapshot until it is cut off, and leaves its half-built index.
    await own.sql.unsafe("SET statement_timeout = '1s'").simple();
    await rejects(own.sql.unsafe("REINDEX INDEX CONCURRENTLY state_groups_state_type_idx").simple());
  });
  await db.sql`CREATE INDEX odd_idx ON state_groups_state (event_id)`;
  await db.sql`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'odd_idx'::regclass`;
  const invalid = async () =>
    (await db.sql`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid ORDER BY 1`)
      .map(({ name }) => name);
  deepStrictEqual(await invalid(), ["odd_idx", "state_groups_state_type_idx_ccnew"]);
  await using session = await connect(db.url);
  const events: ReclaimEvent[] = [];
  await reclaim(session, {}, { onEvent: (event) => events.push(event) });
  deepStrictEqual(await invalid(), ["odd_idx"]);
  deepStrictEqual(events.filter(({ kind }) => kind.endsWith("-index")), [
    { kind: "invalid-index", index: "odd_idx" },
    { kind: "dropped-index", index: "state_groups_state_type_idx_ccnew" },
  ]);
});

Deno.test("reclaim() with method full writes the table anew", async () => {
  await using db = await testDatabase({ bloat: {} });
  const rows = await digestRows(db.sql);
  await using session = await connect(db.url);
  const report = await reclaim(session, { method: "full" });
  strictEqual(report.outcome, "done");
  ok(report.tableBytesAfter <= report.idealBytes * 1.03);
  deepStrictEqual(await digestRows(db.sql), rows);
});

Deno.test("reclaim() refuses a user who does not own the table before anything is done", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role.name}`);
  const [version] = await db.sql`SELECT current_setting('server_version_num')::int AS version`;
  if (version!["version"] >= 170_000) {
    await db.sql.unsafe(`REVOKE MAINTAIN ON ALL TABLES IN SCHEMA public FROM ${role.name}`);
  }
  await using session = await connect(role.url);
  await rejects(reclaim(session), /does not own them/);
});

Deno.test("reclaim() ends at a signal; every row is there, and the next run goes on", async () => {
  await using db = await testDatabase({ bloat: BIG });
  const rows = await digestRows(db.sql);
  const controller = new AbortController();
  {
    await using session = await connect(db.url);
    const onEvent = ({ kind }: ReclaimEvent) => kind === "moving" && controller.abort();
    await rejects(reclaim(session, {}, { signal: controller.signal, onEvent }), StoppedError);
  }
  deepStrictEqual(await digestRows(db.sql), rows);
  await using session = await connect(db.url);
  strictEqual((await reclaim(session)).outcome, "done");
  deepStrictEqual(await digestRows(db.sql), rows);
});

Deno.test("reclaim() is one at a time", async () => {
  await using db = await testDatabase({ bloat: {} });
  await using one = await connect(db.url);
  await using other = await connect(db.url);
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const first = reclaim(one, {}, { onEvent: () => begin() });
  await begun;
  await rejects(reclaim(other), /another synapse_compress_state reclaim/);
  await first;
});
