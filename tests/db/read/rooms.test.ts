import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { findBiggestRooms } from "../../../src/db/read/rooms.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { draw } from "../../support/forest.ts";
import { explained, fillUnanalyzed, loopsOverScans } from "../../support/plans.ts";
import { clearTables, insertRooms } from "../../support/tables.ts";

const PROGRESS = "CREATE TABLE state_compressor_progress (room_id text PRIMARY KEY, last_compressed bigint NOT NULL)";

/** What the tables hold, the obvious way. */
async function count(db: TestDatabase): Promise<{ roomId: string; rows: number; groups: number }[]> {
  const rows = await db.sql`SELECT g.room_id, count(DISTINCT g.id)::int AS groups, count(s.state_group)::int AS rows
    FROM state_groups AS g LEFT JOIN state_groups_state AS s ON s.state_group = g.id GROUP BY 1 ORDER BY rows DESC, 1`;
  return rows.map(({ room_id, groups, rows }) => ({ roomId: room_id, rows, groups }));
}

/** Four rooms of 40,000, 20,000, 10,000 and 5,000 rows on some thousand pages; groups of ten rows each. */
async function fill(db: TestDatabase): Promise<void> {
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '!room' || floor(log(2, 1 + id % 15)) || ':test', '$' || id
      FROM generate_series(1, 7500) AS id;
    INSERT INTO state_groups_state SELECT id, room_id, 'm.room.member', '@user' || n || ':test.example.com', '$' || md5(n::text || id)
      FROM state_groups, generate_series(1, 10) AS n ORDER BY id;
    ANALYZE`).simple();
}

Deno.test("findBiggestRooms() counts small tables, biggest room first", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const expected = await count(db);
  for (const exact of [true, false]) {
    const found = await findBiggestRooms(session, { limit: 4, exact });
    deepStrictEqual(
      found.rooms.map(({ roomId, rows, groups }) => ({ roomId, rows, groups })),
      expected.slice(0, 4),
    );
    deepStrictEqual([found.rows, found.rowsError, found.groups, found.groupsError], [13219, 0, 6459, 0]);
    strictEqual(found.pagesRead, found.pages);
    strictEqual(found.rooms[0]!.share, expected[0]!.rows / 13219);
    deepStrictEqual(found.rooms.map((room) => [room.rowsError, room.groupsError]), Array(4).fill([0, 0]));
    deepStrictEqual(found.rooms.map((room) => room.uncompressedRows), found.rooms.map((room) => room.rows));
    strictEqual(found.hasProgress, false);
  }
});

Deno.test("findBiggestRooms() of empty tables finds none", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const found = await findBiggestRooms(session);
  deepStrictEqual([found.rooms, found.rows, found.groups, found.pages], [[], 0, 0, 0]);
});

Deno.test("findBiggestRooms() tells what no auto compressor has seen, and orders by it", async () => {
  await using db = await testDatabase();
  await insertRooms(
    db.sql,
    draw("1 <- 4 <- 7 <- 10", "!big:test"),
    draw("2 <- 5 <- 8", "!middle:test"),
    draw("3 <- 6", "!small:test"),
  );
  await db.sql.unsafe(`${PROGRESS}; INSERT INTO state_compressor_progress VALUES ('!big:test', 7), ('!middle:test', 8)`)
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  const sizes = async (order: "rows" | "uncompressed") =>
    (await findBiggestRooms(session, { order })).rooms.map((room) => [room.roomId, room.rows, room.uncompressedRows]);
  deepStrictEqual(await sizes("rows"), [["!big:test", 4, 1], ["!middle:test", 3, 0], ["!small:test", 2, 2]]);
  deepStrictEqual(await sizes("uncompressed"), [["!small:test", 2, 2], ["!big:test", 4, 1], ["!middle:test", 3, 0]]);
  strictEqual((await findBiggestRooms(session)).hasProgress, true);
});

Deno.test("findBiggestRooms() of a sample: nearly all its intervals hold the truth", async () => {
  await using db = await testDatabase();
  await fill(db);
  await db.sql.unsafe(`${PROGRESS}; INSERT INTO state_compressor_progress SELECT '!room3:test', 3000`).simple();
  await using session = await connect(db.url, { readOnly: true });
  const truth = (await findBiggestRooms(session, { exact: true })).rooms;
  let [held, all] = [0, 0];
  for (let seed = 1; seed <= 40; seed++) {
    const found = await findBiggestRooms(session, { samplePages: 120, seed });
    ok(found.pagesRead < found.pages / 3);
    for (const room of found.rooms) {
      const { rows, uncompressedRows, groups } = truth.find(({ roomId }) => roomId === room.roomId)!;
      all += 3;
      if (Math.abs(room.rows - rows) <= room.rowsError) held++;
      if (Math.abs(room.uncompressedRows - uncompressedRows) <= room.uncompressedRowsError) held++;
      if (Math.abs(room.groups - groups) <= room.groupsError) held++;
      ok(room.rowsError > 0 && room.rowsError < room.rows);
    }
  }
  // The seeds are fixed and so are the pages: this is no game of chance.
  ok(all >= 400 && held / all > 0.9 && held / all <= 1, `${held} of ${all}`);
});

Deno.test("findBiggestRooms() draws the same pages for the same seed", async () => {
  await using db = await testDatabase();
  await fill(db);
  await using session = await connect(db.url, { readOnly: true });
  const find = (seed: number) => findBiggestRooms(session, { samplePages: 50, seed });
  deepStrictEqual(await find(7), await find(7));
});

Deno.test("findBiggestRooms() is not misled by pages whose rows were deleted", async () => {
  await using db = await testDatabase();
  await fill(db);
  // The last rows stay, so that VACUUM does not cut the empty pages off.
  await db.sql.unsafe(`DELETE FROM state_groups_state WHERE state_group % 1500 > 400
    AND state_group < (SELECT max(state_group) FROM state_groups_state)`);
  await db.sql.unsafe("VACUUM state_groups_state");
  await using session = await connect(db.url, { readOnly: true });
  const truth = await findBiggestRooms(session, { exact: true });
  const found = await findBiggestRooms(session, { samplePages: 300, seed: 1 });
  ok(Math.abs(found.rows - truth.rows) < truth.rows / 5, `${found.rows} for ${truth.rows}`);
});

Deno.test("findBiggestRooms() draws fewer pages where the sample takes too long", async () => {
  await using db = await testDatabase();
  await fill(db);
  // The progress is a view now, and slow while the sample is a big one.
  await db.sql.unsafe(`${PROGRESS.replace("state_compressor_progress", "slow")};
    CREATE FUNCTION slowly() RETURNS SETOF slow LANGUAGE plpgsql AS $$ BEGIN
      IF current_query() LIKE '%SYSTEM (3%'
      THEN PERFORM pg_sleep(10); END IF; RETURN; END $$;
    CREATE VIEW state_compressor_progress AS SELECT * FROM slowly()`).simple();
  const pages = (await db.sql`SELECT pg_relation_size('state_groups_state') / 8192 AS pages`)[0]!["pages"];
  await using session = await connect(db.url, { readOnly: true });
  // So many pages that the chance begins with a 3, and an eighth of them with a 4.
  const found = await findBiggestRooms(session, { samplePages: Math.ceil(pages * 0.32), seed: 1, timeoutMs: 500 });
  ok(found.pagesRead < pages * 0.1, `${found.pagesRead} of ${pages}`);
});

Deno.test("findBiggestRooms() of tables that are empty, one page, or free space but for a few rows", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  await insertRooms(db.sql, draw("1 <- 2"));
  const one = await findBiggestRooms(session, { samplePages: 1 });
  deepStrictEqual([one.pages, one.rooms.map(({ rows, rowsError, groups }) => [rows, rowsError, groups])], [1, [[
    2,
    0,
    2,
  ]]]);

  await clearTables(db.sql);
  await fill(db);
  await db.sql`DELETE FROM state_groups_state WHERE state_group < (SELECT max(state_group) FROM state_groups_state)`;
  for (const vacuum of [false, true]) {
    if (vacuum) await db.sql.unsafe("VACUUM state_groups_state");
    const truth = await findBiggestRooms(session, { exact: true });
    strictEqual(truth.rows, 10);
    let empty = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const found = await findBiggestRooms(session, { samplePages: 20, seed });
      ok(found.pages > 100 && found.pagesRead < found.pages);
      // Whatever was drawn: what is there lies in the interval, and every figure is a number.
      ok(Math.abs(found.rows - truth.rows) <= found.rowsError, `${found.rows} ±${found.rowsError}`);
      for (const figure of [found.rows, found.rowsError, found.groups, found.groupsError]) ok(Number.isFinite(figure));
      if (found.rooms.length === 0) empty++;
    }
    ok(empty > 0);
  }
});

Deno.test("findBiggestRooms() counts rows whose room_id is NULL, but lists no such room", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2 <- 3"));
  await db.sql.unsafe(
    `ALTER TABLE state_groups ALTER room_id DROP NOT NULL; ALTER TABLE state_groups_state ALTER room_id DROP NOT NULL;
    UPDATE state_groups SET room_id = NULL WHERE id = 2; UPDATE state_groups_state SET room_id = NULL WHERE state_group = 2`,
  )
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  const found = await findBiggestRooms(session);
  deepStrictEqual(found.rooms.map(({ roomId, rows, groups }) => [roomId, rows, groups]), [["!room:test", 2, 2]]);
  deepStrictEqual([found.rows, found.groups], [3, 3]);
});

Deno.test("findBiggestRooms() reads no table again and again, though nothing is known of them", async () => {
  await using db = await testDatabase();
  await fillUnanalyzed(db.sql);
  await db.sql.unsafe(`${PROGRESS}; INSERT INTO state_compressor_progress SELECT DISTINCT room_id, 5 FROM state_groups`)
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  for (const options of [{ exact: true }, { samplePages: 50, seed: 1 }]) {
    const plans = await explained(session, (session) => findBiggestRooms(session, options));
    ok(plans.some((plan) => /on state_groups_state/.test(plan)));
    for (const plan of plans) strictEqual(loopsOverScans(plan), false, plan);
  }
});
