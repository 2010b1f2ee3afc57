import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import {
  createProgressTables,
  findLastGroups,
  findNextGroup,
  listWork,
  readProgress,
  saveProgress,
} from "../../../src/db/write/progress.ts";
import { testDatabase, testRole } from "../../support/database.ts";

const ROOM = "!a:test";

async function withGroups(rooms: Readonly<Record<string, readonly number[]>>) {
  const db = await testDatabase();
  for (const [roomId, ids] of Object.entries(rooms)) {
    for (const id of ids) {
      await db.sql`INSERT INTO state_groups (id, room_id, event_id) VALUES (${id}, ${roomId}, 'e')`;
      await db.sql`INSERT INTO state_groups_state VALUES (${id}, ${roomId}, 'm.room.topic', '', ${`$${id}`})`;
    }
  }
  const session = await connect(db.url);
  await createProgressTables(session);
  return {
    sql: db.sql,
    url: db.url,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

Deno.test("createProgressTables() makes the Rust tool's tables, also when two begin at once, and needs no right where they are", async () => {
  await using db = await testDatabase();
  const sessions = await Promise.all([connect(db.url), connect(db.url), connect(db.url)]);
  await Promise.all(sessions.map((session) => createProgressTables(session)));
  for (const session of sessions) await session.close();
  const columns = await db.sql`SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS text
    FROM information_schema.columns WHERE table_name LIKE 'state_compressor%' ORDER BY table_name, ordinal_position`;
  deepStrictEqual(columns.map(({ text }) => text), [
    "state_compressor_progress.room_id text NO",
    "state_compressor_progress.last_compressed bigint NO",
    "state_compressor_state.room_id text NO",
    "state_compressor_state.level_num integer NO",
    "state_compressor_state.max_size integer NO",
    "state_compressor_state.current_length integer NO",
    "state_compressor_state.current_head bigint YES",
    "state_compressor_total_progress.lock character NO",
    "state_compressor_total_progress.lowest_uncompressed_group bigint NO",
  ]);
  deepStrictEqual([...await db.sql`SELECT * FROM state_compressor_total_progress`], [{
    lock: "X",
    lowest_uncompressed_group: 0,
  }]);

  await using role = await testRole(db);
  await using poor = await connect(role.url);
  await createProgressTables(poor);
});

Deno.test("saveProgress() and readProgress() keep levels whole: surplus ones go", async () => {
  await using db = await withGroups({ [ROOM]: [1, 2, 3, 10] });
  deepStrictEqual(await readProgress(db.session, ROOM), { lastCompressed: undefined, levels: [], replaced: [] });
  const levels = [
    { maxLength: 100, length: 3, head: 10 },
    { maxLength: 50, length: 1, head: 2 },
    { maxLength: 25, length: 0, head: undefined },
  ];
  await saveProgress(db.session, ROOM, 10, levels);
  deepStrictEqual(await readProgress(db.session, ROOM), { lastCompressed: 10, levels, replaced: [] });
  await saveProgress(db.session, ROOM, 10, levels.slice(0, 1));
  deepStrictEqual(await readProgress(db.session, ROOM), {
    lastCompressed: 10,
    levels: levels.slice(0, 1),
    replaced: [],
  });
});

Deno.test("readProgress() replaces heads that are gone by the nearest below that stand", async () => {
  await using db = await withGroups({ [ROOM]: [5, 8, 9, 30], "!b:test": [6, 7, 20] });
  await saveProgress(db.session, ROOM, 9, [
    { maxLength: 9, length: 4, head: 7 },
    { maxLength: 9, length: 3, head: 30 },
    { maxLength: 9, length: 2, head: 3 },
  ]);
  deepStrictEqual(await readProgress(db.session, ROOM), {
    lastCompressed: 9,
    levels: [
      { maxLength: 9, length: 4, head: 5 },
      { maxLength: 9, length: 3, head: 9 },
      { maxLength: 9, length: 0, head: undefined },
    ],
    replaced: [{ head: 7, by: 5 }, { head: 30, by: 9 }, { head: 3, by: undefined }],
  });
});

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

Deno.test("findLastGroups() and findNextGroup() look below and above a group, in its room alone", async () => {
  await using db = await withGroups({ [ROOM]: [1, 2, 3, 4, 5, 7, 9], "!b:test": [6, 8] });
  deepStrictEqual(await findLastGroups(db.session, ROOM, 8, 3), [7, 5, 4]);
  deepStrictEqual([await findNextGroup(db.session, ROOM, 5), await findNextGroup(db.session, ROOM, 9)], [7, undefined]);
});
