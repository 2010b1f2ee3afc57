import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { countPages } from "../../../src/db/read/sizes.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { vacuumTable } from "../../../src/db/write/maintain.ts";
import { movePages } from "../../../src/db/write/move.ts";
import { ConflictError } from "../../../src/errors.ts";
import { digestRows } from "../../support/bloat.ts";
import { testDatabase } from "../../support/database.ts";

/** Rows whose place is on this page or a later one. */
async function rowsFrom(sql: Awaited<ReturnType<typeof testDatabase>>["sql"], page: number): Promise<number> {
  const [row] = await sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE (ctid::text::point)[0] >= ${page}`;
  return row!["rows"];
}

Deno.test("movePages() empties a run of pages and keeps every row", async () => {
  await using db = await testDatabase({ bloat: {} });
  await using session = await connect(db.url);
  await vacuumTable(session);
  const before = await digestRows(db.sql);
  const pages = await countPages(session);
  const boundaryPage = pages - 40;
  const there = await rowsFrom(db.sql, boundaryPage);
  ok(there > 0);
  const move = await movePages(session, { fromPage: boundaryPage, toPage: pages, boundaryPage });
  strictEqual(move.outcome, "moved");
  strictEqual(move.rows, there);
  strictEqual(await rowsFrom(db.sql, boundaryPage), 0);
  deepStrictEqual(await digestRows(db.sql), before);
  await vacuumTable(session);
  ok(await countPages(session) <= boundaryPage);
});

Deno.test("movePages() undoes everything where a row finds no room below the boundary", async () => {
  await using db = await testDatabase({ bloat: { keepOneOf: 1 } });
  await using session = await connect(db.url);
  const before = await digestRows(db.sql);
  const pages = await countPages(session);
  const places = () => db.sql`SELECT ctid::text, s.* FROM state_groups_state AS s ORDER BY s.ctid`;
  const stood = await places();
  const move = await movePages(session, { fromPage: pages - 10, toPage: pages, boundaryPage: pages - 10 });
  deepStrictEqual(move, { outcome: "full", rows: 0, xid: undefined });
  deepStrictEqual(await digestRows(db.sql), before);
  deepStrictEqual([...await places()], [...stood]);
});

Deno.test("movePages() does not begin beside a writer, and lets readers read", async () => {
  await using db = await testDatabase({ bloat: {} });
  await using session = await connect(db.url);
  await vacuumTable(session);
  const pages = await countPages(session);
  const range = { fromPage: pages - 10, toPage: pages, boundaryPage: pages - 10 };
  const before = await digestRows(db.sql);
  await db.sql.begin(async (writer) => {
    await writer`DELETE FROM state_groups_state WHERE state_group = -1`;
    await rejects(movePages(session, range), ConflictError);
  });
  await db.sql.begin("isolation level repeatable read read only", async (reader) => {
    const read = async () => {
      const [row] = await reader`SELECT count(*)::int AS rows FROM state_groups_state`;
      return row!["rows"];
    };
    strictEqual(await read(), before.rows);
    strictEqual((await movePages(session, range)).outcome, "moved");
    strictEqual(await read(), before.rows);
  });
  deepStrictEqual(await digestRows(db.sql), before);
});

Deno.test("movePages() leaves a repeatable read deletion that began before it with 40001, not with rows left behind", async () => {
  await using db = await testDatabase({ bloat: {} });
  await using session = await connect(db.url);
  await vacuumTable(session);
  const pages = await countPages(session);
  const [last] = await db.sql`SELECT state_group AS id FROM state_groups_state ORDER BY ctid DESC LIMIT 1`;
  const deletion = db.sql.begin("isolation level repeatable read", async (txn) => {
    await txn`SELECT count(*) FROM state_groups`;
    await movePages(session, { fromPage: pages - 10, toPage: pages, boundaryPage: pages - 10 });
    await txn`DELETE FROM state_groups_state WHERE state_group = ${last!["id"]}`;
  });
  await rejects(deletion, { code: "40001" });
  const [rows] = await db.sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE state_group = ${last!["id"]}`;
  strictEqual(rows!["rows"], 30);
});
