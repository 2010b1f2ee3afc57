import { ok, strictEqual } from "node:assert/strict";
import { readSizes } from "../../../src/db/read/sizes.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { fileBytes } from "../../support/bloat.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("readSizes() says what VACUUM FULL leaves, within 3 %", async () => {
  await using db = await testDatabase({ bloat: { groups: 10_000, keepOneOf: 4 } });
  await using session = await connect(db.url);
  const sizes = await readSizes(session);
  const before = await fileBytes(db.sql);
  strictEqual(sizes.tableBytes, before.table);
  strictEqual(sizes.idealBytesError, 0);
  await db.sql`VACUUM FULL state_groups_state`;
  const after = await fileBytes(db.sql);
  const near = (guess: number, is: number) => ok(Math.abs(guess / is - 1) < 0.03, `${guess} for ${is}`);
  near(sizes.idealBytes, after.table);
  near(sizes.indexes.reduce((sum, { idealBytes }) => sum + idealBytes!, 0), after.indexes);
});

Deno.test("readSizes() estimates from a sample, and its error covers the truth", async () => {
  await using db = await testDatabase({ bloat: { groups: 10_000, keepOneOf: 4 } });
  await using session = await connect(db.url);
  const truth = (await readSizes(session)).idealBytes;
  let covered = 0;
  for (let i = 0; i < 10; i++) {
    const { idealBytes, idealBytesError } = await readSizes(session, { samplePages: 200 });
    ok(idealBytesError > 0);
    if (Math.abs(idealBytes - truth) <= idealBytesError * 2) covered++;
  }
  // Twice a 95 % interval is four standard deviations: a miss in ten is next to impossible.
  strictEqual(covered, 10);
});

Deno.test("readSizes() works on an empty table and leaves expression indexes without an estimate", async () => {
  await using db = await testDatabase();
  await db.sql`CREATE INDEX odd_idx ON state_groups_state (lower(type))`;
  await using session = await connect(db.url);
  const sizes = await readSizes(session);
  strictEqual(sizes.liveRows, 0);
  strictEqual(sizes.idealPages, 0);
  strictEqual(sizes.indexes.find(({ name }) => name === "odd_idx")!.idealBytes, undefined);
});
