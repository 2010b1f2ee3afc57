import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { compressServer } from "../../src/jobs/auto.ts";
import { surveyServer } from "../../src/jobs/server.ts";
import { testDatabase } from "../support/database.ts";
import { fillStats } from "../support/stats.ts";

const SMALL = "!EG_rLK0qkCYmmT8tXI4UFj7DYcn4hZlaUkrbWRjq2jY";
/** As long as it takes. */
const savingsMs = 600_000;

Deno.test("surveyServer() tells what compressing saves, as auto then saves it; and sizes as PostgreSQL has them", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await fillStats(db.sql, [SMALL]);
  await using session = await connect(db.url, { readOnly: true });
  const survey = await surveyServer(session, { savingsMs });
  const { total, gains, rooms, sizes, facts, inside } = survey;
  deepStrictEqual([total.rows, total.rowsError, total.groups, rooms.length], [13_219, 0, 6_459, 9]);
  deepStrictEqual([gains.compress.rowsError, gains.rowsTried, gains.compress.bytesError], [0, 13_219, 0]);
  const report = await compressServer(() => connect(db.url));
  strictEqual(gains.compress.rows, report.rowsSaved);

  const [bytes] = await db.sql`SELECT pg_relation_size('state_groups_state')::int AS table_bytes,
    pg_database_size(current_database())::float8 AS database, pg_total_relation_size('events')::int AS events`;
  strictEqual(facts.otherTables.find(({ name }) => name === "events")!.bytes, bytes!["events"]);
  deepStrictEqual(facts.stateTables.map(({ name }) => name).sort(), [
    "state_group_edges",
    "state_groups",
    "state_groups_pending_deletion",
    "state_groups_state",
  ]);
  ok(facts.databaseBytes > 0.5 * bytes!["database"] && facts.databaseBytes < 2 * bytes!["database"]);
  strictEqual(inside.liveBytes + inside.deadBytes + inside.freeBytes, sizes.tableBytes);
  // A row's bytes in a fresh table and index: between the shortest and the longest that they could be.
  ok(survey.rowBytes > 100 && survey.rowBytes < 500, `${survey.rowBytes}`);
  strictEqual(gains.compress.bytes, Math.round(gains.compress.rows * survey.rowBytes));
  ok(gains.reads!.beforeUs > 100 && gains.reads!.afterUs > 100);
  match(String(survey.volume), /nobody looked/);
});

Deno.test("surveyServer() sets rooms apart that no local user is in, with their rows, and names rooms", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await fillStats(db.sql, [SMALL]);
  await using session = await connect(db.url, { readOnly: true });
  const { abandoned, rooms } = await surveyServer(session, { savingsMs: 1 });
  if (typeof abandoned === "string") throw new Error(abandoned);
  deepStrictEqual([abandoned.count, abandoned.all.rows, abandoned.all.rowsError], [1, 557, 0]);
  deepStrictEqual(
    abandoned.rooms.map(({ roomId, name, localUsers }) => [roomId, name, localUsers]),
    [[SMALL, "Name of EG_r", 0]],
  );
  strictEqual(rooms[0]!.alias, "#uXJk:test");
  strictEqual(rooms[0]!.localUsers, 3);
});

Deno.test("surveyServer() tells why rooms are not known: no table, no privilege, no statistics, another database", async () => {
  await using db = await testDatabase({ fixture: true });
  await using other = await testDatabase({ fixture: true, events: true });
  await using session = await connect(db.url, { readOnly: true });
  match(String((await surveyServer(session, { savingsMs: 1 })).abandoned), /has no table room_stats_current/);
  const openEvents = () => connect(other.url, { readOnly: true, checkSchema: false });
  match(String((await surveyServer(session, { savingsMs: 1, openEvents })).abandoned), /statistics are empty/);
  await fillStats(other.sql, [SMALL]);
  const { abandoned, gains, noPruning } = await surveyServer(session, { savingsMs, openEvents });
  strictEqual(typeof abandoned === "string" ? abandoned : abandoned.count, 1);
  strictEqual(noPruning, undefined);
  ok(gains.prune!.rows > 0 && gains.prune!.rowsError === 0);
});

Deno.test("surveyServer() writes nothing, and is right of an empty server", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const { rooms, total, gains, rowBytes } = await surveyServer(session);
  deepStrictEqual([rooms.length, total.rows, gains.compress.rows, gains.all.bytes, rowBytes], [0, 0, 0, 0, 0]);
  strictEqual(gains.reads, undefined);
});

Deno.test("surveyServer() without time for rooms tells that their saving may be anything", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const { gains, rooms } = await surveyServer(session, { savingsMs: 0 });
  deepStrictEqual([gains.rowsTried, gains.compress.rows, gains.compress.rowsError], [0, 0, 13_219]);
  deepStrictEqual(rooms.map(({ saving }) => saving), Array(9).fill(undefined));
});

Deno.test("surveyServer() ends by its signal", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const controller = new AbortController();
  const reason = new StoppedError("Stopped by SIGTERM", { exitCode: 143 });
  const onStep = (step: string) => step.startsWith("compressing") && controller.abort(reason);
  await rejects(surveyServer(session, {}, { signal: controller.signal, onStep }), reason);
});
