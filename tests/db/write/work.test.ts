import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { createProgressTables, saveProgress } from "../../../src/db/write/progress.ts";
import { listWork } from "../../../src/db/write/work.ts";
import { testDatabase } from "../../support/database.ts";
import { explained, fillUnanalyzed, loopsOverScans } from "../../support/plans.ts";

const ROOM = "!a:test";

async function withGroups(rooms: Readonly<Record<string, readonly number[]>>) {
  const db = await testDatabase();
  for (const [roomId, ids] of Object.entries(rooms)) {
    await db.sql`INSERT INTO state_groups SELECT id, ${roomId}, '$e' FROM unnest(${[...ids]}::bigint[]) AS g (id)`;
    await db.sql`INSERT INTO state_groups_state SELECT id, ${roomId}, 't', '', '$e' FROM unnest(${[
      ...ids,
    ]}::bigint[]) AS g (id)`;
  }
  const session = await connect(db.url);
  await createProgressTables(session);
  return {
    sql: db.sql,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

Deno.test("listWork() orders rooms by their rows or by their oldest group, and leaves out those that are done", async () => {
  await using db = await withGroups({ [ROOM]: [5, 8], "!b:test": [6, 7, 20], "!done:test": [1, 2], "!c:test": [4] });
  await saveProgress(db.session, "!done:test", 2, []);
  await saveProgress(db.session, "!b:test", 6, []);
  await db.sql`INSERT INTO state_groups_state SELECT 4, '!c:test', 't', n::text, 'e' FROM generate_series(1, 9) AS n`;
  const rooms = (work: Awaited<ReturnType<typeof listWork>>) => work.map((one) => Object.values(one));
  deepStrictEqual(rooms(await listWork(db.session, { order: "oldest" })), [
    ["!c:test", 4, 1, 1],
    [ROOM, 5, 2, 2],
    ["!b:test", 7, 2, 2],
  ]);
  for (const exact of [true, false]) {
    deepStrictEqual(rooms(await listWork(db.session, { exact })), [
      ["!c:test", 4, 1, 10],
      [ROOM, 5, 2, 2],
      ["!b:test", 7, 2, 2],
    ]);
  }
  // The Rust tool need not look below.
  strictEqual((await db.sql`SELECT * FROM state_compressor_total_progress`)[0]!["lowest_uncompressed_group"], 4);
  // However small the sample: every room is there.
  strictEqual((await listWork(db.session, { sampleRows: 1 })).length, 3);
});

Deno.test("listWork() lists rooms with ids at zero, below it, and beyond 2^53, and leaves rows of no room alone", async () => {
  await using db = await withGroups({ [ROOM]: [5], "!low:test": [-7, 0], "!done:test": [-3] });
  await saveProgress(db.session, "!done:test", -3, []);
  await db.sql.unsafe(`INSERT INTO state_groups VALUES (9223372036854775807, '!huge:test', '$e');
    ALTER TABLE state_groups ALTER room_id DROP NOT NULL; INSERT INTO state_groups VALUES (8, NULL, '$e');
    ALTER TABLE state_groups_state ALTER room_id DROP NOT NULL;
    INSERT INTO state_groups_state VALUES (8, NULL, 't', '', '$e')`).simple();
  for (const order of ["oldest", "biggest"] as const) {
    const work = await listWork(db.session, { order });
    deepStrictEqual(new Set(work.map(({ roomId }) => roomId)), new Set([ROOM, "!low:test", "!huge:test"]));
  }
  await db.sql`DELETE FROM state_groups WHERE id < 9007199254740993`;
  await listWork(db.session);
  const [total] = await db.sql`SELECT lowest_uncompressed_group::text AS id FROM state_compressor_total_progress`;
  strictEqual(total!["id"], "9223372036854775807");
});

Deno.test("listWork() reads each table once, though nothing is known of them", async () => {
  await using db = await withGroups({});
  await fillUnanalyzed(db.sql);
  for (const options of [{ order: "oldest" }, { exact: true }, { sampleRows: 1000 }] as const) {
    const plans = await explained(db.session, (session) => listWork(session, options));
    const plan = plans.find((plan) => /state_groups/.test(plan))!;
    match(plan, /on state_groups/);
    strictEqual(loopsOverScans(plan), false, plan);
  }
});
