import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { findRoomsBeginning, findRoomsCalled } from "../../../src/db/read/named.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase, testRole } from "../../support/database.ts";

/** As Synapse has them, as far as they matter here. */
const TABLES = `
  CREATE TABLE room_aliases (room_alias text NOT NULL UNIQUE, room_id text NOT NULL, creator text);
  CREATE TABLE room_stats_state (room_id text NOT NULL UNIQUE, name text, canonical_alias text);
  INSERT INTO room_aliases VALUES ('#town:x', '!a:x'), ('#square:y', '!b:x');
  INSERT INTO room_stats_state VALUES ('!a:x', 'Town  Square', '#town:x'), ('!b:x', NULL, NULL), ('!c:x', 'Tea', '#tea:far');
`;

Deno.test("findRoomsCalled() knows aliases with and without their server, and names whatever their case", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(TABLES);
  await using session = await connect(db.url, { readOnly: true });
  for (
    const [called, room] of [
      ["#town:x", "!a:x"],
      [" #town ", "!a:x"],
      ["town", "!a:x"],
      ["#tea:far", "!c:x"],
      ["TEA", "!c:x"],
      ["#square", "!b:x"],
      ["town  square", "!a:x"],
    ] as const
  ) deepStrictEqual((await findRoomsCalled(session, called)).map(({ roomId }) => roomId), [room], called);
  for (const called of ["#to", "", "!a:x", "%", "nothing"]) deepStrictEqual(await findRoomsCalled(session, called), []);
});

Deno.test("findRoomsCalled() finds nothing without the tables, and without the privilege to read them", async () => {
  await using db = await testDatabase();
  await using before = await connect(db.url, { readOnly: true });
  deepStrictEqual(await findRoomsCalled(before, "#town:x"), []);
  await db.sql.unsafe(TABLES);
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT ON state_groups, state_groups_state, state_group_edges,
    state_groups_pending_deletion TO ${role.name}`);
  await using session = await connect(role.url, { readOnly: true });
  deepStrictEqual(await findRoomsCalled(session, "#town:x"), []);
  deepStrictEqual(await findRoomsBeginning(session, "!a"), []);
});

Deno.test("findRoomsBeginning() offers what follows in the index, twenty at most, with names", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(TABLES);
  await db.sql`INSERT INTO state_groups SELECT n, '!a:' || chr(96 + n), '' FROM generate_series(1, 26) AS n`;
  await using session = await connect(db.url, { readOnly: true });
  const rooms = await findRoomsBeginning(session, "!a:");
  strictEqual(rooms.length, 20);
  deepStrictEqual(rooms[0], { roomId: "!a:a", name: undefined });
  deepStrictEqual(await findRoomsBeginning(session, "!a:x"), [{ roomId: "!a:x", name: "Town  Square" }]);
  deepStrictEqual(await findRoomsBeginning(session, "#town"), []);
});

Deno.test("findRoomsBeginning() offers the biggest rooms where no letter is given, by the statistics", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups VALUES (1, '!a:x', ''), (2, '!big:x', '');
    INSERT INTO state_groups_state SELECT 2, '!big:x', 't', n::text, 'e' FROM generate_series(1, 900) AS n;
    INSERT INTO state_groups_state SELECT 1, '!a:x', 't', n::text, 'e' FROM generate_series(1, 9) AS n`);
  await using session = await connect(db.url, { readOnly: true });
  deepStrictEqual((await findRoomsBeginning(session, "!"))[0]?.roomId, "!a:x");
  await db.sql`ANALYZE state_groups_state`;
  deepStrictEqual((await findRoomsBeginning(session, "!"))[0]?.roomId, "!big:x");
});
