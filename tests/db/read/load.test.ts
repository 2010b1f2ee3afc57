import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { benchRoom } from "../../../scripts/rooms.ts";
import { fillDatabase } from "../../../scripts/fill.ts";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import type { DeltaForest } from "../../../src/core/forest/forest.ts";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { type LoadOptions, loadRoom, rowsStatement } from "../../../src/db/read/load.ts";
import { CapacityError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";
import { fixtureRooms } from "../../support/fixture.ts";
import {
  anyLevels,
  anyRange,
  anyRoom,
  build,
  draw,
  loadRange,
  type PlainForest,
  type PlainRow,
  type Range,
  rewritten,
} from "../../support/forest.ts";
import { fullStates, levelsRule, oracleLevels, textOf } from "../../support/oracle.ts";
import { clearTables, insertRooms } from "../../support/tables.ts";

/** A forest as plain data: ids, predecessors, flags, rows. */
function describe(forest: DeltaForest): unknown {
  return Array.from(forest.groupId, (id, g) => {
    const rows: string[] = [];
    forest.forEachRow(g, (key, event) => {
      rows.push(JSON.stringify([forest.keys.type(key), forest.keys.stateKey(key), forest.events.text(event)]));
    });
    return {
      id,
      predecessor: forest.groupId[forest.predecessor[g]!],
      rowCount: forest.rowCount[g],
      flags: [forest.isContext[g], forest.isPending[g], forest.isLeftOut[g]],
      rows: rows.sort(),
    };
  });
}

/** A group's full state as the forest has it, as textOf() writes it. */
function stateText(forest: DeltaForest, g: number): string {
  const rows: [string, PlainRow][] = [];
  forest.states.forEach(forest.state[g]!, (key, event) => {
    const row: PlainRow = [forest.keys.type(key), forest.keys.stateKey(key), forest.events.text(event)];
    rows.push([JSON.stringify(row), row]);
  });
  return textOf(new Map(rows));
}

function assertStates(forest: DeltaForest, plain: PlainForest): void {
  for (const [id, state] of fullStates(plain)) {
    const g = forest.indexOf(id);
    if (g >= 0) strictEqual(stateText(forest, g), textOf(state), `state group ${id}`);
  }
}

Deno.test("loadRoom() reads the real rooms: every full state is the oracle's", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  for (const plain of await fixtureRooms()) {
    const forest = await loadRoom(session, plain.roomId);
    deepStrictEqual(describe(forest), describe(build(plain)));
    assertStates(forest, plain);
    deepStrictEqual(forest.defects, []);
  }
});

Deno.test("loadRoom() reads any range of any room with what is under it, and the Rust tool's rule makes of it what the oracle does", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const other = draw("1 <- 2 <- 3", "!other:test");
  const anyCase = anyRoom({ maxGroups: 40, pending: true }).chain((plain) =>
    fc.tuple(fc.constant(plain), anyRange(plain), anyLevels())
  );
  await fc.assert(
    fc.asyncProperty(anyCase, async ([plain, range, levels]) => {
      await clearTables(db.sql);
      // The other room's ids lie before, between and after this room's.
      const ids = new Set(plain.groups.map(({ id }) => id));
      const between = [...ids].map((id) => id + 1).filter((id) => !ids.has(id)).slice(0, 3);
      const groups = other.groups.slice(0, between.length).map((group, i) => ({
        ...group,
        id: between[i]!,
        predecessors: [],
      }));
      await insertRooms(db.sql, plain, { ...other, groups });
      const forest = await loadRoom(session, plain.roomId, range);
      const expected = loadRange(plain, range);
      deepStrictEqual(describe(forest), describe(build(expected)));
      assertStates(forest, plain);
      const result = levelsRule(expected, oracleLevels(levels));
      const compression = compress(forest, { strategy: "levels", levels });
      deepStrictEqual(
        [compression.resets, compression.resetRows, compression.groupsChanged],
        [result.resets, result.resetRows, result.groupsChanged],
      );
      const after = rewritten(expected, forest, findRewrites(compression));
      deepStrictEqual(describe(build(after)), describe(build(result.after)));
    }),
    { numRuns: 60 },
  );
});

const RANGES: readonly [what: string, range: Range, groups: number[], context: number[]][] = [
  ["everything", {}, [2, 4, 6, 8, 10], []],
  ["-b, exclusive", { minGroup: 4 }, [6, 8, 10], [2, 4]],
  ["-b between ids", { minGroup: 5 }, [6, 8, 10], [2, 4]],
  ["-s, inclusive", { maxGroup: 6 }, [2, 4, 6], []],
  ["-n", { groups: 2 }, [2, 4], []],
  ["-n above -b", { minGroup: 4, groups: 1 }, [6], [2, 4]],
  ["-n past the end", { minGroup: 8, groups: 100 }, [10], [2]],
  ["-s before the -n th", { groups: 4, maxGroup: 4 }, [2, 4], []],
  ["-b at the end", { minGroup: 10 }, [], []],
  ["-s before the first", { maxGroup: 1 }, [], []],
];

for (const [what, range, groups, context] of RANGES) {
  Deno.test(`loadRoom() with ${what}: the groups in range, and what they build on`, async () => {
    await using db = await testDatabase();
    await insertRooms(db.sql, draw("2 <- 4 <- 6 <- 8, 2 <- 10"), draw("1 <- 3 <- 5 <- 7 <- 9", "!b:test"));
    await using session = await connect(db.url, { readOnly: true });
    const forest = await loadRoom(session, "!room:test", range);
    const ids = (flag: number) => [...forest.groupId].filter((_, g) => forest.isContext[g] === flag);
    deepStrictEqual([ids(0), ids(1)], [groups, context]);
  });
}

Deno.test("loadRoom() loads saved heads as context, in and out of the range", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2, 3 <- 4 <- 5 <- 6"));
  await using session = await connect(db.url, { readOnly: true });
  const forest = await loadRoom(session, "!room:test", { minGroup: 4, maxGroup: 5, heads: [2, 5, 6, 99] });
  deepStrictEqual([...forest.groupId], [1, 2, 3, 4, 5, 6]);
  deepStrictEqual([...forest.isContext], [1, 1, 1, 1, 0, 1]);
});

/** A session whose copyOut() is another. */
function withCopyOut(session: Session, copyOut: Session["copyOut"]): Session {
  return new Proxy(session, {
    get(target, name) {
      if (name === "copyOut") return copyOut;
      const value = Reflect.get(target, name, target);
      return name === "transaction" ? value.bind(target) : value;
    },
  });
}

/** The plan of the statement that reads a room's rows, in the transaction that reads them. */
async function explain(session: Session, roomId: string): Promise<string> {
  const plans: string[] = [];
  await loadRoom(
    withCopyOut(session, async (query, onRow) => {
      if (query === `COPY (${rowsStatement(roomId)}) TO STDOUT (FORMAT binary)`) {
        for (const row of await session.sql.unsafe(`EXPLAIN ${rowsStatement(roomId)}`)) plans.push(row["QUERY PLAN"]);
      }
      return await session.copyOut(query, onRow);
    }),
    roomId,
  );
  return plans.join("\n");
}

Deno.test("rowsStatement() reads one room's rows by the indexes, among many rows of other rooms", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(
    `INSERT INTO state_groups SELECT id, '!big' || id % 3 || ':test', '$' || id FROM generate_series(100001, 120000) AS id;
    INSERT INTO state_groups_state SELECT id, '!big' || id % 3 || ':test', 'm.room.member', '@' || n, '$' || n
      FROM generate_series(100001, 120000) AS id, generate_series(1, 10) AS n; ANALYZE`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  // A small room, and one that holds a third of all rows.
  for (const roomId of ["!KW-SKogd-Z3DB3mVDS4TYuaqm5Dlsw8AxKUZErXqCGY", "!big1:test"]) {
    const plan = await explain(session, roomId);
    match(plan, /state_groups_room_id_idx/, plan);
    match(plan, /state_groups_state_type_idx/, plan);
    strictEqual(/Seq Scan/.test(plan), false, plan);
  }
});

Deno.test("loadRoom() reads one snapshot, whatever is committed meanwhile", async () => {
  await using db = await testDatabase({ fixture: true });
  const [plain] = await fixtureRooms();
  await using session = await connect(db.url, { readOnly: true });
  let copies = 0;
  const meanwhile: Session["copyOut"] = async (query, onRow) => {
    // After the groups and edges are read: the room is changed from end to end, and committed.
    if (++copies === 2) {
      await db.sql.unsafe(`
        DELETE FROM state_group_edges WHERE state_group % 2 = 0;
        UPDATE state_groups_state SET event_id = '$torn';
        DELETE FROM state_groups_state WHERE state_group % 3 = 0;
        INSERT INTO state_groups_state SELECT 2000000, '${plain!.roomId}', 't', 'k', '$new';
        INSERT INTO state_groups VALUES (2000000, '${plain!.roomId}', '$new')`).simple();
    }
    return await session.copyOut(query, onRow);
  };
  const forest = await loadRoom(withCopyOut(session, meanwhile), plain!.roomId);
  ok(copies >= 2);
  deepStrictEqual(describe(forest), describe(build(plain!)));
  // The change was really there.
  const later = await loadRoom(session, plain!.roomId);
  strictEqual(later.size, forest.size + 1);
  ok(later.totalRows < forest.totalRows);
});

const ODD = [
  "\x01\x02\x1b\x7f",
  "\r\n\t\v\f\b",
  "🦀👍🏽",
  "\uFEFFbom",
  "mid\uFEFFdle",
  "\uE000\u{10FFFF}\uFFFD",
  "é",
  "e\u0301",
  "'\\\"$$end$$$",
  "k".repeat(255),
  "ü".repeat(127) + "x",
];

Deno.test("loadRoom() keeps odd bytes: control characters, emoji, byte order marks, keys of 255 bytes", async () => {
  await using db = await testDatabase();
  const rows = ODD.map((text): PlainRow => [`t${text}`, text, `$${text}`]);
  const plain: PlainForest = {
    roomId: "!odd \uFEFF'\\ 🦀\n:test",
    groups: [{ id: 1, predecessors: [], rows }, { id: 2, predecessors: [1], rows: rows.map(([t, k]) => [t, k, "$2"]) }],
  };
  await insertRooms(db.sql, plain);
  await using session = await connect(db.url, { readOnly: true });
  const forest = await loadRoom(session, plain.roomId);
  deepStrictEqual(describe(forest), describe(build(plain)));
  strictEqual(forest.keys.size, ODD.length);
  const [one] = await db.sql`SELECT max(octet_length(state_key)) AS most FROM state_groups_state`;
  strictEqual(one!["most"], 255);
});

Deno.test("loadRoom() reads ids past 2^31, and up to 2^53 - 1", async () => {
  await using db = await testDatabase();
  const last = Number.MAX_SAFE_INTEGER;
  await insertRooms(db.sql, draw(`${2 ** 31 - 1} <- ${2 ** 31} <- ${2 ** 40} <- ${last}`));
  await using session = await connect(db.url, { readOnly: true });
  deepStrictEqual([...(await loadRoom(session, "!room:test")).groupId], [2 ** 31 - 1, 2 ** 31, 2 ** 40, last]);
  const part = await loadRoom(session, "!room:test", { minGroup: 2 ** 31, maxGroup: 2 ** 40 });
  deepStrictEqual([...part.groupId], [2 ** 31 - 1, 2 ** 31, 2 ** 40]);
});

Deno.test("loadRoom() refuses ids past 2^53, by number, and the session goes on", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2"), draw("3 <- 4", "!other:test"), draw("5 <- 6", "!low:test"));
  await db.sql.unsafe(
    `INSERT INTO state_groups VALUES (9007199254740993, '!room:test', '$e'), (-9007199254740994, '!low:test', '$e');
    INSERT INTO state_group_edges VALUES (4, 9223372036854775807)`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const refused: [roomId: string, options: LoadOptions, id: RegExp][] = [
    ["!room:test", {}, /state group 9007199254740993: its id is beyond 2\^53/],
    ["!room:test", { groups: 3 }, /9007199254740993/],
    ["!other:test", {}, /9223372036854775807/],
    ["!low:test", { groups: 1 }, /-9007199254740994/],
  ];
  for (const [roomId, options, id] of refused) {
    await rejects(loadRoom(session, roomId, options), (error: Error) => {
      ok(error instanceof CapacityError, error.stack);
      match(error.message, id);
      return true;
    });
    strictEqual(session.lost, undefined);
  }
  strictEqual((await loadRoom(session, "!room:test", { maxGroup: 2 })).size, 2);
});

Deno.test("loadRoom() reads zero and ids below it", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(
    `INSERT INTO state_groups SELECT id, '!room:test', '$e' FROM unnest('{-5,-1,0,3}'::bigint[]) AS g (id);
    INSERT INTO state_group_edges VALUES (-1, -5), (0, -1), (3, 0);
    INSERT INTO state_groups_state SELECT id, room_id, 't', id::text, '$e' FROM state_groups`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const forest = await loadRoom(session, "!room:test");
  deepStrictEqual([[...forest.groupId], [...forest.predecessor]], [[-5, -1, 0, 3], [-1, 0, 1, 2]]);
  deepStrictEqual([...(await loadRoom(session, "!room:test", { groups: 2 })).groupId], [-5, -1]);
  deepStrictEqual([...(await loadRoom(session, "!room:test", { minGroup: -1 })).groupId], [-5, -1, 0, 3]);
});

Deno.test("loadRoom() takes the same edge twice for one", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2 <- 3 <- 4"));
  await db.sql.unsafe(
    "DROP INDEX state_group_edges_unique_idx; INSERT INTO state_group_edges VALUES (2, 1), (3, 2), (3, 2)",
  )
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  for (const range of [{}, { minGroup: 3 }, { minGroup: 2, groups: 1 }]) {
    const forest = await loadRoom(session, "!room:test", range);
    deepStrictEqual(forest.defects, []);
    deepStrictEqual([...forest.predecessor], [-1, 0, 1, 2].slice(0, forest.size));
    strictEqual(forest.totalRows, forest.size);
  }
});

/** What has to happen for a NULL to get into the tables: none of Synapse's columns takes one. */
const NULLS: readonly [table: string, column: string, group: string, leftOut: number[], detail?: RegExp][] = [
  ["state_groups_state", "type", "state_group", [2, 3], /^state group 2 has a row whose type is NULL$/],
  ["state_groups_state", "state_key", "state_group", [2, 3], /^state group 2 has a row whose state_key is NULL$/],
  ["state_groups_state", "event_id", "state_group", [2, 3], /^state group 2 has a row whose event_id is NULL$/],
  ["state_groups_state", "room_id", "state_group", []],
  ["state_groups", "event_id", "id", []],
  ["state_group_edges", "prev_state_group", "state_group", [2, 3], /^state group 2 has an edge to NULL$/],
];

for (const [table, column, group, leftOut, detail] of NULLS) {
  Deno.test(`loadRoom() of a room with a NULL ${column} in ${table}`, async () => {
    await using db = await testDatabase();
    await insertRooms(db.sql, draw("1 <- 2 <- 3, 1 <- 4"));
    await db.sql.unsafe(
      `ALTER TABLE ${table} ALTER ${column} DROP NOT NULL; UPDATE ${table} SET ${column} = NULL WHERE ${group} = 2`,
    ).simple();
    await using session = await connect(db.url, { readOnly: true });
    for (const range of [{}, { minGroup: 2 }]) {
      const forest = await loadRoom(session, "!room:test", range);
      deepStrictEqual([...forest.groupId].filter((_, g) => forest.isLeftOut[g] === 1), leftOut);
      deepStrictEqual([forest.size, forest.totalRows], [4, 4]);
      if (detail !== undefined) match(forest.defects[0]!.detail, detail);
      else deepStrictEqual(forest.defects, []);
    }
  });
}

Deno.test("loadRoom() takes a predecessor whose room_id is NULL for another room's", async () => {
  await using db = await testDatabase();
  await insertRooms(db.sql, draw("1 <- 2 <- 3, 4 <- 5"));
  await db.sql.unsafe(
    "ALTER TABLE state_groups ALTER room_id DROP NOT NULL; UPDATE state_groups SET room_id = NULL WHERE id = 2",
  )
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  const forest = await loadRoom(session, "!room:test");
  deepStrictEqual(forest.defects.map(({ kind, groupId }) => [kind, groupId]), [["foreign-predecessor", 3]]);
  deepStrictEqual([...forest.groupId].filter((_, g) => forest.isLeftOut[g] === 1), [2, 3]);
});

const DEFECTS: readonly [drawing: string, kind: string, groupId: number, leftOut: number[]][] = [
  ["1, ?9 <- 10 <- 11", "dangling-edge", 10, [10, 11]],
  ["1, 2@ <- 10 <- 11", "foreign-predecessor", 10, [2, 10, 11]],
  ["1, 11 <- 10, 10 <- 12", "forward-edge", 10, [10, 12]],
  ["1, 10 <- 11 <- 10, 11 <- 12", "cycle", 10, [10, 11, 12]],
  ["1, 10 <- 10", "cycle", 10, [10]],
  ["1 <- 10, 2 <- 10 <- 11", "two-predecessors", 10, [10, 11]],
  ["1, 10{t/k=$a, t/k=$b} <- 11", "duplicate-row", 10, [10, 11]],
];

for (const [drawing, kind, groupId, leftOut] of DEFECTS) {
  Deno.test(`loadRoom() finds a ${kind} in ${drawing}`, async () => {
    await using db = await testDatabase();
    await insertRooms(db.sql, draw(drawing));
    await using session = await connect(db.url, { readOnly: true });
    const forest = await loadRoom(session, "!room:test");
    deepStrictEqual(forest.defects.map((defect) => [defect.kind, defect.groupId]), [[kind, groupId]]);
    deepStrictEqual([...forest.groupId].filter((_, g) => forest.isLeftOut[g] === 1), leftOut);
  });
}

Deno.test("loadRoom() reads a room of the bench as it was made", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe("DROP TABLE state_groups, state_group_edges, state_groups_state, state_groups_pending_deletion")
    .simple();
  const { groups, rows } = await fillDatabase(db.url, [benchRoom("spam", 0.02)]);
  await using session = await connect(db.url, { readOnly: true });
  const forest = await loadRoom(session, "!spam:bench.test");
  deepStrictEqual([forest.size, forest.totalRows, forest.defects.length], [groups, rows, 0]);
});
