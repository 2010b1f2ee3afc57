import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { testDatabase } from "./database.ts";
import { testServer } from "./postgres.ts";

Deno.test("testDatabase() has Synapse's tables and indexes, and no rows", async () => {
  await using db = await testDatabase();
  const tables = await db.sql`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`;
  deepStrictEqual(tables.map(({ name }) => name), [
    "event_to_state_groups",
    "state_group_edges",
    "state_groups",
    "state_groups_pending_deletion",
    "state_groups_persisting",
    "state_groups_state",
  ]);
  const [row] = await db.sql`SELECT count(*) AS groups FROM state_groups`;
  strictEqual(row?.["groups"], 0);
});

Deno.test("testDatabase() can have the schema from before 89", async () => {
  await using db = await testDatabase({ pendingDeletion: false });
  const found = await db.sql`SELECT FROM pg_tables WHERE tablename ~ '^state_groups_p'`;
  strictEqual(found.length, 0);
});

Deno.test("testDatabase() can hold the real rooms, as they were dumped", async () => {
  await using db = await testDatabase({ fixture: true });
  const [row] = await db.sql`SELECT (SELECT count(*) FROM state_groups) AS groups,
    (SELECT count(DISTINCT room_id) FROM state_groups) AS rooms,
    (SELECT count(*) FROM state_groups_state) AS rows,
    (SELECT count(*) FROM state_group_edges) AS edges`;
  deepStrictEqual({ ...row }, { groups: 6459, rooms: 9, rows: 13219, edges: 6390 });
  // The one state key that needs the dump's escapes undone.
  strictEqual((await db.sql`SELECT FROM state_groups_state WHERE state_key = ${"w'32\\é"}`).length > 0, true);
});

Deno.test("testDatabase() gives each caller a database of its own, gone afterwards", async () => {
  let first;
  {
    await using a = await testDatabase();
    await using b = await testDatabase();
    await a.sql`INSERT INTO state_groups VALUES (1, '!a:b', '$e')`;
    strictEqual((await b.sql`SELECT FROM state_groups`).length, 0);
    first = a.name;
  }
  await using c = await testDatabase();
  strictEqual((await c.sql`SELECT FROM pg_database WHERE datname = ${first}`).length, 0);
});

Deno.test("testServer() without a server says how to get one", () => {
  throws(() => testServer(new Map()), /deno task test/);
});
