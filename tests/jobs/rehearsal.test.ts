import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { compressServer, type ServerEvent, type ServerOptions } from "../../src/jobs/auto.ts";
import type { ChunkReport } from "../../src/jobs/chunk.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** All that a database holds: tables, and their rows, digested; with the transaction that wrote each, and where it stands. */
async function snapshot({ sql }: TestDatabase): Promise<unknown[]> {
  const tables = await sql`SELECT c.oid::regclass::text AS name, c.relkind, c.relfilenode::int AS file
    FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1`;
  const names = tables.filter(({ relkind }) => relkind === "r").map(({ name }) => name);
  const rows = await Promise.all(
    names.map((name) =>
      sql.unsafe(
        `SELECT count(*)::int AS count, md5(string_agg(t.ctid || ' ' || t.xmin || ' ' || t.xmax || t::text, ',' ORDER BY t.ctid)) AS rows
          FROM ${name} AS t`,
      )
    ),
  );
  return [...tables, ...rows.map(([row]) => row)];
}

async function run(db: TestDatabase, options: ServerOptions): Promise<{ report: object; chunks: ChunkReport[] }> {
  const chunks: ChunkReport[] = [];
  const onEvent = (event: ServerEvent) => event.kind === "chunk" && chunks.push(event.report);
  const { seconds: _, ...report } = await compressServer(
    () => connect(db.url, { readOnly: options.dryRun === true }),
    options,
    { onEvent: (event) => void onEvent(event) },
  );
  return { report, chunks };
}

/** What makes progress: a first run with these. */
const CASES: [name: string, options: ServerOptions, before?: ServerOptions][] = [
  ["whole rooms", {}],
  ["chunks", { chunkSize: 100 }],
  ["chunks, the oldest first", { chunkSize: 150, order: "oldest" }],
  ["chunks by the Rust tool's rule", { chunkSize: 100, strategy: "levels" }],
  ["the Rust tool's rule with the oldest first, where chunks are skipped", {
    chunkSize: 500,
    strategy: "levels",
    order: "oldest",
  }],
  ["a bound on hops", { chunkSize: 300, maxHops: 40 }],
  ["two workers", { chunkSize: 200, workers: 2 }],
  ["what an earlier run left", { chunkSize: 120 }, { chunkSize: 120, chunks: 9 }],
  ["what the other rule left", { chunkSize: 120 }, { chunkSize: 120, chunks: 9, strategy: "levels", order: "oldest" }],
];

for (const [name, options, before] of CASES) {
  Deno.test(`compressServer() with dryRun writes nothing, and its figures are those of the run that follows: ${name}`, async () => {
    await using db = await testDatabase({ fixture: true });
    if (before !== undefined) await run(db, before);
    const standing = await snapshot(db);
    const rehearsed = await run(db, { ...options, dryRun: true });
    deepStrictEqual(await snapshot(db), standing);
    const real = await run(db, options);
    const byChunk = (a: ChunkReport, b: ChunkReport) => a.lastGroup - b.lastGroup;
    deepStrictEqual(rehearsed.chunks.sort(byChunk), real.chunks.sort(byChunk));
    deepStrictEqual(rehearsed.report, real.report);
    ok(real.chunks.reduce((sum, { rowsSaved }) => sum + rowsSaved, 0) > 1000);
  });
}

Deno.test("compressServer() with dryRun of a room with broken data, and with a group that is to be deleted", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql`DELETE FROM state_groups WHERE id = 2000`;
  await db
    .sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) SELECT id, 1 FROM state_groups WHERE id % 97 = 0`;
  const options = { chunkSize: 200 };
  const rehearsed = await run(db, { ...options, dryRun: true });
  const real = await run(db, options);
  deepStrictEqual(rehearsed.report, real.report);
  strictEqual((real.report as { roomsWithDefects: string[] }).roomsWithDefects.length, 1);
});

Deno.test("compressServer() with dryRun counts the rooms that are gone, and leaves their progress", async () => {
  await using db = await testDatabase({ fixture: true });
  await run(db, {});
  await db.sql`DELETE FROM state_groups WHERE room_id = (SELECT room_id FROM state_groups LIMIT 1)`;
  const gone: number[] = [];
  const onEvent = (event: ServerEvent) => event.kind === "gone" && gone.push(event.rooms);
  const hooks = { onEvent: (event: ServerEvent) => void onEvent(event) };
  await compressServer(() => connect(db.url, { readOnly: true }), { dryRun: true }, hooks);
  strictEqual((await db.sql`SELECT FROM state_compressor_progress`).length, 9);
  await compressServer(() => connect(db.url), {}, hooks);
  deepStrictEqual(gone, [1, 1]);
});
