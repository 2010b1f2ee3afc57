import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { connect } from "../../../src/db/session/connect.ts";
import { diagnose } from "../../../src/db/read/doctor.ts";
import type { Diagnosis, FindingKind, Found } from "../../../src/format/doctor.ts";
import { FINDING_KINDS, isSound } from "../../../src/format/doctor.ts";
import { testDatabase } from "../../support/database.ts";
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
    "orphan-row": [[7, 1], [50, 2], [99, 2]].map(([groupId, count]) => ({ groupId, count, roomId: undefined })),
  });
  deepStrictEqual(found(await diagnose(session, { roomId: ROOM })), {
    "dangling-edge": dangling,
    "orphan-edge": [orphan(50, 2)],
    "orphan-row": [{ groupId: 7, count: 1 }, { groupId: 50, count: 2 }],
  });
});

Deno.test("diagnose() finds saved levels that name a group which is not in their room", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2"), draw("3 <- 4", "!other:test"));
  await db.sql.unsafe(
    `CREATE TABLE state_compressor_state (room_id text NOT NULL, level_num int NOT NULL, max_size int NOT NULL,
      current_length int NOT NULL, current_head bigint, UNIQUE (room_id, level_num));
    INSERT INTO state_compressor_state VALUES ('!room:test', 1, 100, 2, 2), ('!room:test', 2, 50, 1, 77), ('!room:test', 3, 25, 0, NULL),
      ('!other:test', 1, 100, 1, 2)`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const mine = { groupId: 77, roomId: ROOM };
  deepStrictEqual(found(await diagnose(session)), { "missing-head": [{ groupId: 2, roomId: "!other:test" }, mine] });
  deepStrictEqual(found(await diagnose(session, { roomId: ROOM })), { "missing-head": [mine] });
});

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
