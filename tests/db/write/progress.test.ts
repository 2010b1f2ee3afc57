import { deepStrictEqual, doesNotMatch, match, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import {
  createProgressTables,
  findLastGroups,
  findNextGroup,
  readProgress,
  removeGoneRooms,
  saveProgress,
} from "../../../src/db/write/progress.ts";
import { CapacityError } from "../../../src/errors.ts";
import { testDatabase, testRole, untilWaiting } from "../../support/database.ts";
import { explained, fillUnanalyzed } from "../../support/plans.ts";

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
    name: db.name,
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

Deno.test("saveProgress() does not wait for the server's disk, and what is saved after it does", async () => {
  await using db = await withGroups({ [ROOM]: [1] });
  const { session } = db;
  const setting = async () => (await session.sql.unsafe("SHOW synchronous_commit"))[0]!["synchronous_commit"];
  await session.sql.unsafe("SET synchronous_commit = on");
  await session.transaction("READ WRITE", async () => {
    await saveProgress(session, ROOM, 1, [{ maxLength: 5, length: 0, head: undefined }]);
    strictEqual(await setting(), "off");
  });
  strictEqual(await setting(), "on");
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

Deno.test("readProgress() replaces heads that are no use by the nearest below that stand, and says why", async () => {
  await using db = await withGroups({ [ROOM]: [5, 8, 9, 30], "!b:test": [6, 7, 20] });
  await saveProgress(db.session, ROOM, 9, [
    { maxLength: 9, length: 4, head: 7 },
    { maxLength: 9, length: 3, head: 30 },
    { maxLength: 9, length: 2, head: 3 },
    { maxLength: 9, length: 2, head: 30 },
  ]);
  deepStrictEqual(await readProgress(db.session, ROOM), {
    lastCompressed: 9,
    levels: [
      { maxLength: 9, length: 4, head: 5 },
      { maxLength: 9, length: 3, head: 9 },
      { maxLength: 9, length: 0, head: undefined },
      { maxLength: 9, length: 2, head: 9 },
    ],
    replaced: [
      { head: 7, reason: "other-room", by: 5 },
      { head: 30, reason: "ahead", by: 9 },
      { head: 3, reason: "gone", by: undefined },
    ],
  });
});

Deno.test("readProgress() reads an id beyond 2^53 by its digits", async () => {
  await using db = await withGroups({ [ROOM]: [1] });
  await db.sql`INSERT INTO state_compressor_progress VALUES (${ROOM}, 9007199254740993)`;
  await rejects(
    readProgress(db.session, ROOM),
    (error) => error instanceof CapacityError && /9007199254740993/.test(error.message),
  );
});

Deno.test("removeGoneRooms() deletes progress and levels of rooms without any group, and nothing else", async () => {
  await using db = await withGroups({ [ROOM]: [5], "!b:test": [6] });
  const level = { maxLength: 9, length: 1, head: 5 };
  for (const room of [ROOM, "!gone:test", `it's {"gone"},\\`]) await saveProgress(db.session, room, 5, [level, level]);
  await db.sql`INSERT INTO state_compressor_state VALUES ('!levels:test', 1, 9, 0, NULL)`;
  strictEqual(await removeGoneRooms(db.session), 3);
  const left = async (table: string) =>
    (await db.sql.unsafe(`SELECT DISTINCT room_id FROM ${table}`)).map((row) => row["room_id"]);
  deepStrictEqual([await left("state_compressor_progress"), await left("state_compressor_state")], [[ROOM], [ROOM]]);
  strictEqual((await db.sql`SELECT FROM state_compressor_state`).length, 2);
  strictEqual(await removeGoneRooms(db.session), 0);
});

Deno.test("removeGoneRooms() keeps its hands off what the Rust tool is saving, and what it may not delete", async () => {
  await using db = await withGroups({ [ROOM]: [5] });
  await saveProgress(db.session, "!gone:test", 5, []);
  const rust = await db.sql.reserve();
  // Its transaction: the levels first, then the progress.
  await rust.unsafe("BEGIN; INSERT INTO state_compressor_state VALUES ('!gone:test', 1, 9, 0, NULL)").simple();
  strictEqual(await removeGoneRooms(db.session), 0);
  await rust.unsafe("COMMIT");
  rust.release();
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role.name}`);
  await using poor = await connect(role.url);
  strictEqual(await removeGoneRooms(poor), 0);
  strictEqual(await removeGoneRooms(db.session), 1);
});

Deno.test("removeGoneRooms() keeps a room that has groups again by the time of the deletion", async () => {
  await using db = await withGroups({ [ROOM]: [5] });
  await saveProgress(db.session, "!back:test", 3, []);
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; LOCK TABLE state_compressor_progress IN ROW EXCLUSIVE MODE").simple();
  const removing = removeGoneRooms(db.session);
  // However slow this machine is: after half a second the lock is given up.
  await Promise.race([untilWaiting(db), removing]);
  await db.sql`INSERT INTO state_groups VALUES (9, '!back:test', '$e')`;
  await holder.unsafe("COMMIT");
  holder.release();
  strictEqual(await removing, 0);
  strictEqual((await readProgress(db.session, "!back:test")).lastCompressed, 3);
});

for (const statement of ["findLastGroups", "findNextGroup"] as const) {
  Deno.test(`${statement}() looks a room up by its id, though nothing is known of the tables`, async () => {
    await using db = await withGroups({});
    await fillUnanalyzed(db.sql);
    const plans = await explained(
      db.session,
      (session) =>
        statement === "findLastGroups"
          ? findLastGroups(session, "!room1:test", 99_000, 64)
          : findNextGroup(session, "!room1:test", 5),
    );
    strictEqual(plans.length, 1);
    match(plans[0]!, /state_groups_room_id_idx/);
    doesNotMatch(plans[0]!, /state_groups_pkey|Seq Scan/);
  });
}

Deno.test("findLastGroups() and findNextGroup() look below and above a group, in its room alone", async () => {
  await using db = await withGroups({ [ROOM]: [1, 2, 3, 4, 5, 7, 9], "!b:test": [6, 8] });
  deepStrictEqual(await findLastGroups(db.session, ROOM, 8, 3), [7, 5, 4]);
  deepStrictEqual([await findNextGroup(db.session, ROOM, 5), await findNextGroup(db.session, ROOM, 9)], [7, undefined]);
});
