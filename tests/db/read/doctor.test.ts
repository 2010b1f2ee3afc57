import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { connect } from "../../../src/db/session/connect.ts";
import { diagnose } from "../../../src/db/read/doctor.ts";
import { type Diagnosis, FINDING_KINDS, type FindingKind, type Found, isSound } from "../../../src/db/read/findings.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import { testDatabase } from "../../support/database.ts";
import { explained, fillUnanalyzed, loopsOverScans } from "../../support/plans.ts";
import { anyRoom, draw } from "../../support/forest.ts";
import { clearTables, insertRooms } from "../../support/tables.ts";

/** What was found, without the kinds of which nothing was. */
function found({ findings }: Diagnosis): Partial<Record<FindingKind, readonly Found[]>> {
  return Object.fromEntries(findings.filter(({ count }) => count > 0).map(({ kind, first }) => [kind, first]));
}

const ROOM = "!room:test";

/** Drawings with one thing wrong, and how it is to be found. */
const DEFECTS: readonly [drawing: string, expected: Partial<Record<FindingKind, readonly Found[]>>][] = [
  ["1, ?9 <- 10 <- 11", { "dangling-edge": [{ groupId: 10, predecessorId: 9, roomId: ROOM }] }],
  ["1, 10 <- 11 <- 10, 11 <- 12", { "cycle": [{ groupId: 10, predecessorId: 11, roomId: ROOM }] }],
  ["1, 10 <- 12 <- 11 <- 10", {
    "cycle": [{ groupId: 10, predecessorId: 11, roomId: ROOM }, { groupId: 11, predecessorId: 12, roomId: ROOM }],
  }],
  ["1, 10 <- 10", { "cycle": [{ groupId: 10, predecessorId: 10, roomId: ROOM }] }],
  ["1, 11 <- 10 <- 12", { "forward-edge": [{ groupId: 10, predecessorId: 11, roomId: ROOM }] }],
  ["1 <- 10, 2 <- 10 <- 11", { "two-predecessors": [{ groupId: 10, predecessorIds: [1, 2], roomId: ROOM }] }],
  [
    "2@ <- 10 <- 11",
    { "foreign-predecessor": [{ groupId: 10, predecessorId: 2, roomId: ROOM, otherRoomId: `${ROOM} other` }] },
  ],
  [
    "10{t/k=$a, t/k=$b, u/v=$c} <- 11",
    { "duplicate-row": [{ groupId: 10, roomId: ROOM, count: 2, key: 't "k"', events: 2 }] },
  ],
  [
    "10 <- 11{t/k=$a, t/k=$a, t/k=$a}",
    { "duplicate-row": [{ groupId: 11, roomId: ROOM, count: 3, key: 't "k"', events: 1 }] },
  ],
];

for (const [drawing, expected] of DEFECTS) {
  for (const roomId of [ROOM, undefined]) {
    Deno.test(`diagnose() of ${roomId === undefined ? "all rooms" : "the room"} finds ${Object.keys(expected)} in ${drawing}`, async () => {
      await using db = await testDatabase();
      await insertRooms(db.sql, draw(drawing), draw("5 <- 6 <- 8, 6 <- 13", "!sound:test"));
      await using session = await connect(db.url, { readOnly: true });
      const diagnosis = await diagnose(session, roomId === undefined ? {} : { roomId });
      deepStrictEqual(found(diagnosis), expected);
      strictEqual(isSound(diagnosis), false);
      strictEqual(isSound(await diagnose(session, { roomId: "!sound:test" })), true);
    });
  }
}

Deno.test("diagnose() finds nothing in the real rooms, and counts the groups that no event uses", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const all = await diagnose(session);
  deepStrictEqual(found(all), {});
  deepStrictEqual(all.findings.map(({ kind }) => kind), [...FINDING_KINDS]);
  const [unused] = await db.sql`SELECT count(*)::int AS groups, sum((NOT EXISTS (SELECT FROM state_group_edges
      WHERE prev_state_group = id))::int)::int AS unreferenced
    FROM state_groups WHERE id NOT IN (SELECT state_group FROM event_to_state_groups)`;
  deepStrictEqual([all.groups, all.unused], [6459, { ...unused }]);
});

Deno.test("diagnose() does not know which groups are unused where Synapse keeps events in another database", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql`DROP TABLE event_to_state_groups`;
  await using session = await connect(db.url, { readOnly: true });
  strictEqual((await diagnose(session)).unused, undefined);
});

Deno.test("diagnose() of any sound rooms finds nothing", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  await fc.assert(
    fc.asyncProperty(anyRoom({ maxGroups: 30, pending: true }), async (plain) => {
      await clearTables(db.sql);
      await insertRooms(db.sql, plain);
      deepStrictEqual(found(await diagnose(session)), {});
      deepStrictEqual(found(await diagnose(session, { roomId: plain.roomId })), {});
    }),
    { numRuns: 15 },
  );
});

Deno.test("diagnose() finds rows and edges of groups that do not exist, of all rooms and as far as they touch the room", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2, ?7 <- 8"), draw("3 <- 4", "!other:test"));
  await db.sql.unsafe(`INSERT INTO state_group_edges VALUES (50, 2), (51, 52), (53, 4);
    INSERT INTO state_groups_state VALUES (50, '!room:test', 't', 'k', '$a'), (50, '!room:test', 't', 'l', '$a'),
      (7, '!room:test', 't', 'k', '$a'), (99, '!other:test', 't', 'k', '$a'), (99, '!other:test', 't', 'k', '$a')`)
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  const dangling = [{ groupId: 8, predecessorId: 7, roomId: ROOM }];
  const orphan = (groupId: number, predecessorId: number) => ({ groupId, predecessorId, roomId: undefined });
  deepStrictEqual(found(await diagnose(session)), {
    "dangling-edge": dangling,
    "orphan-edge": [orphan(50, 2), orphan(51, 52), orphan(53, 4)],
    "orphan-row": [[7, 1], [50, 2], [99, 2]].map(([groupId, count]) => ({ groupId, count })),
  });
  deepStrictEqual(found(await diagnose(session, { roomId: ROOM })), {
    "dangling-edge": dangling,
    "orphan-edge": [orphan(50, 2)],
    "orphan-row": [{ groupId: 7, count: 1 }, { groupId: 50, count: 2 }],
  });
});

const COMPRESSOR_TABLES =
  `CREATE TABLE state_compressor_state (room_id text NOT NULL, level_num int NOT NULL, max_size int NOT NULL,
    current_length int NOT NULL, current_head bigint, UNIQUE (room_id, level_num));
  CREATE TABLE state_compressor_progress (room_id text PRIMARY KEY, last_compressed bigint NOT NULL);`;

Deno.test("diagnose() finds saved levels that name a group which is not in their room, and rooms that are gone: harmless", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2"), draw("3 <- 4", "!other:test"));
  await db.sql.unsafe(
    `${COMPRESSOR_TABLES}
    INSERT INTO state_compressor_state VALUES ('!room:test', 1, 100, 2, 2), ('!room:test', 2, 50, 1, 77), ('!room:test', 3, 25, 0, NULL),
      ('!other:test', 1, 100, 1, 2), ('!gone:test', 1, 100, 1, 88), ('!gone2:test', 1, 100, 0, NULL);
    INSERT INTO state_compressor_progress VALUES ('!gone:test', 88), ('!room:test', 2), ('!gone3:test', 5)`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const mine = { groupId: 77, roomId: ROOM };
  const all = await diagnose(session);
  deepStrictEqual(found(all), {
    "missing-head": [{ groupId: 2, roomId: "!other:test" }, mine],
    "gone-room": [{ roomId: "!gone2:test" }, { roomId: "!gone3:test" }, { roomId: "!gone:test" }],
  });
  strictEqual(isSound(all), true);
  deepStrictEqual(found(await diagnose(session, { roomId: ROOM })), { "missing-head": [mine] });
  deepStrictEqual(found(await diagnose(session, { roomId: "!gone3:test" })), {
    "gone-room": [{ roomId: "!gone3:test" }],
  });
});

Deno.test("diagnose() takes equal edges for one predecessor, and names them", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("9 <- 10, 8 <- 11, 9 <- 11, ?7 <- 12"), draw("1 <- 2", "!other:test"));
  await db.sql.unsafe(`DROP INDEX state_group_edges_unique_idx;
    INSERT INTO state_group_edges VALUES (10, 9), (11, 8), (11, 8), (12, 7), (50, 9), (50, 9)`).simple();
  await using session = await connect(db.url, { readOnly: true });
  for (const roomId of [ROOM, undefined]) {
    const same = (groupId: number, predecessorId: number, count: number, room: string | undefined = ROOM) => ({
      groupId,
      roomId: room,
      predecessorId,
      count,
    });
    const expected = {
      "dangling-edge": [{ groupId: 12, predecessorId: 7, roomId: ROOM }],
      "two-predecessors": [{ groupId: 11, roomId: ROOM, predecessorIds: [8, 9] }],
      "duplicate-edge": [same(10, 9, 2), same(11, 8, 3), same(12, 7, 2), { ...same(50, 9, 2), roomId: undefined }],
      "orphan-edge": [{ groupId: 50, predecessorId: 9, roomId: undefined }],
    };
    const diagnosis = await diagnose(session, { roomId });
    deepStrictEqual(found(diagnosis), expected);
    strictEqual(isSound(diagnosis), false);
  }
});

Deno.test("diagnose() finds ids beyond 2^53, by their digits, whatever else is wrong with them", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2"), draw("3 <- 4, ?9 <- 10", "!other:test"));
  await db.sql.unsafe(
    `INSERT INTO state_groups VALUES (9007199254740993, '!room:test', '$e'), (9223372036854775807, '!room:test', '$e'),
      (-9223372036854775808, '!low:test', '$e'), (0, '!low:test', '$e');
    INSERT INTO state_group_edges VALUES (9007199254740993, 9223372036854775807), (0, -9223372036854775808),
      (3, 9223372036854775806);
    INSERT INTO state_groups_state VALUES (9223372036854775807, '!room:test', 't', 'k', '$a'),
      (9223372036854775807, '!room:test', 't', 'k', '$b'), (-9223372036854775808, '!low:test', 't', 'k', '$b'),
      (9223372036854775805, '!room:test', 't', 'k', '$a')`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const [huge, last, low] = ["9007199254740993", "9223372036854775807", "-9223372036854775808"];
  const row = { groupId: last, roomId: ROOM, count: 2, key: 't "k"', events: 2 };
  const big = (groupId: unknown, predecessorId?: unknown, roomId = ROOM) => ({ groupId, predecessorId, roomId });
  deepStrictEqual(found(await diagnose(session)), {
    "dangling-edge": [
      { groupId: 3, predecessorId: "9223372036854775806", roomId: "!other:test" },
      { groupId: 10, predecessorId: 9, roomId: "!other:test" },
    ],
    "duplicate-row": [row],
    "id-too-big": [
      big(low, undefined, "!low:test"),
      big(0, low, "!low:test"),
      big(3, "9223372036854775806", "!other:test"),
      big(huge, last),
      big(huge),
      big(last),
    ],
    "forward-edge": [{ groupId: huge, predecessorId: last, roomId: ROOM }],
    "orphan-row": [{ groupId: "9223372036854775805", count: 1 }],
  });
  deepStrictEqual(found(await diagnose(session, { roomId: "!low:test" })), {
    "id-too-big": [big(low, undefined, "!low:test"), big(0, low, "!low:test")],
  });
});

/** A NULL in each column that matters, and how it is found: of all rooms, and of the room. */
const NULLS: readonly [column: string, where: string, all: Found[], room: Found[]][] = [
  ...["type", "state_key", "event_id"].map((name): [string, string, Found[], Found[]] => {
    const found = { groupId: 2, roomId: ROOM, count: 1, column: `state_groups_state.${name}` };
    return [`state_groups_state.${name}`, "state_group = 2", [found], [found]];
  }),
  ["state_groups_state.state_group", "state_group = 2", [
    { groupId: undefined, roomId: undefined, count: 1, column: "state_groups_state.state_group" },
  ], []],
  ["state_groups.room_id", "id = 5", [
    { groupId: 5, roomId: undefined, count: 1, column: "state_groups.room_id" },
  ], []],
  ["state_group_edges.prev_state_group", "state_group = 2", [
    { groupId: 2, predecessorId: undefined, roomId: ROOM, count: 1, column: "state_group_edges.prev_state_group" },
  ], [{ groupId: 2, predecessorId: undefined, roomId: ROOM, count: 1, column: "state_group_edges.prev_state_group" }]],
  ["state_group_edges.state_group", "state_group = 4", [
    { groupId: undefined, predecessorId: 1, roomId: undefined, count: 1, column: "state_group_edges.state_group" },
  ], []],
];

for (const [path, where, all, room] of NULLS) {
  Deno.test(`diagnose() finds a NULL in ${path}`, async () => {
    await using db = await testDatabase();
    await insertRooms(db.sql, draw("1 <- 2 <- 3, 1 <- 4, 5"));
    const [table, column] = path.split(".");
    await db.sql.unsafe(
      `ALTER TABLE ${table} ALTER ${column} DROP NOT NULL; UPDATE ${table} SET ${column} = NULL WHERE ${where}`,
    ).simple();
    await using session = await connect(db.url, { readOnly: true });
    const diagnosis = await diagnose(session);
    deepStrictEqual(found(diagnosis), { "null-value": all });
    strictEqual(isSound(diagnosis), false);
    deepStrictEqual(found(await diagnose(session, { roomId: ROOM })), room.length === 0 ? {} : { "null-value": room });
    // What the doctor calls broken in the room is what compression leaves out.
    const forest = await loadRoom(session, ROOM);
    deepStrictEqual(forest.defects.map(({ groupId }) => groupId), room.map(({ groupId }) => groupId));
  });
}

for (const roomId of ["!room1:test", undefined]) {
  Deno.test(`diagnose() of ${roomId ?? "all rooms"} finds the same without indexes, and reads each table once`, async () => {
    await using db = await testDatabase();
    await fillUnanalyzed(db.sql);
    await db.sql.unsafe(`INSERT INTO state_groups_state SELECT * FROM state_groups_state WHERE state_group % 7001 = 0;
      INSERT INTO state_group_edges VALUES (98001, 98002), (98002, 98001), (14002, 99999999);
      UPDATE state_groups SET room_id = '!room1:test' WHERE id IN (7001, 14002, 98001, 98002)`).simple();
    const look = async () => {
      await using session = await connect(db.url, { readOnly: true });
      let diagnosis: Diagnosis | undefined;
      const plans = await explained(session, async (session) => diagnosis = await diagnose(session, { roomId }));
      return { diagnosis: diagnosis!, plans };
    };
    const { diagnosis } = await look();
    const kinds = diagnosis.findings.filter(({ count }) => count > 0).map(({ kind }) => kind);
    for (const kind of ["cycle", "dangling-edge", "duplicate-row"] as const) {
      strictEqual(kinds.includes(kind), true, kind);
    }
    await db.sql.unsafe(`DROP INDEX state_groups_state_type_idx, state_groups_room_id_idx, state_group_edges_unique_idx,
      state_group_edges_prev_idx, event_to_state_groups_sg_index; ALTER TABLE state_groups DROP CONSTRAINT state_groups_pkey`);
    const { diagnosis: same, plans } = await look();
    deepStrictEqual(same, diagnosis);
    strictEqual(plans.length < 30, true, "the rows are not read in parts");
    // A cycle's edges are followed hop by hop, on a table without an index by a scan each.
    for (const plan of plans) if (!/Recursive/.test(plan)) strictEqual(loopsOverScans(plan), false, plan);
  });

  Deno.test(`diagnose() of ${roomId ?? "all rooms"} reads no table again and again, though nothing is known of them`, async () => {
    await using db = await testDatabase();
    await fillUnanalyzed(db.sql);
    await db.sql.unsafe(`${COMPRESSOR_TABLES}
      ALTER TABLE state_group_edges ALTER prev_state_group DROP NOT NULL;
      INSERT INTO state_group_edges VALUES (5000, 6000)`).simple();
    await using session = await connect(db.url, { readOnly: true });
    const plans = await explained(session, (session) => diagnose(session, { roomId }));
    strictEqual(plans.length > 8, true);
    for (const plan of plans) {
      strictEqual(loopsOverScans(plan), false, plan);
      // A room is looked up; 100,000 groups of other rooms are none of its business.
      if (roomId !== undefined) strictEqual(/Seq Scan on state_g/.test(plan), false, plan);
    }
  });
}

Deno.test("diagnose() counts all and names the first few", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '!room:test', '$e' FROM generate_series(1, 500) AS id;
    INSERT INTO state_group_edges SELECT id, id + 1000 FROM generate_series(1, 500) AS id`).simple();
  await using session = await connect(db.url, { readOnly: true });
  const { findings } = await diagnose(session, { limit: 3 });
  const { count, first } = findings.find(({ kind }) => kind === "dangling-edge")!;
  deepStrictEqual([count, first.map(({ groupId }) => groupId)], [500, [1, 2, 3]]);
});

Deno.test("diagnose() tells how far it is", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const told: [string, number][] = [];
  await diagnose(session, { onProgress: (what, done) => told.push([what, done]) });
  deepStrictEqual([...new Set(told.map(([what]) => what))], ["edges", "rows", "events"]);
  const done = told.filter(([what]) => what === "rows").map(([, done]) => done);
  strictEqual(done.length > 50 && done.every((part, i) => part < 1 && (i === 0 || part > done[i - 1]!)), true);
});
