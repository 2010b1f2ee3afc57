import fc from "fast-check";
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { compress, type Compression, describeShape, findRewrites } from "../../../src/core/plan/compress.ts";
import { makeLevels } from "../../../src/core/plan/levels.ts";
import { verify } from "../../../src/core/verify.ts";
import { fixtureRooms, goldenSummary } from "../../support/fixture.ts";
import {
  anyLevels,
  anyRange,
  anyRoom,
  build,
  countRows,
  draw,
  forest,
  loadRange,
  type PlainForest,
  randomRoom,
  rewritten,
} from "../../support/forest.ts";
import { differingGroups, fullStates, levelsRule, oracleLevels } from "../../support/oracle.ts";

Deno.test("compress() by levels gives matrix-org's figures for nine real rooms", async () => {
  const rooms = new Map((await fixtureRooms()).map((room) => [room.roomId, room]));
  const golden = await goldenSummary();
  strictEqual(golden.length, 18);
  for (const line of golden) {
    const room = build(rooms.get(line.roomId)!);
    const compression = compress(room, { strategy: "levels", levels: line.levels });
    const rewrites = findRewrites(compression);
    verify(room, rewrites);
    deepStrictEqual({
      levels: line.levels,
      roomId: room.roomId,
      groups: room.size,
      rowsBefore: compression.rowsBefore,
      rowsAfter: compression.rowsAfter,
      resets: compression.resets,
      resetRows: compression.resetRows,
      sqlGroups: line.sqlGroups === undefined ? undefined : rewrites.count,
      maxHopsAfter: describeShape(room, compression).maxHops,
    }, line);
  }
});

/** Our tables after a compression by levels, and the oracle's. */
function bothByLevels(
  plain: PlainForest,
  levels: number[],
): { ours: unknown; theirs: unknown; compression: Compression } {
  const room = build(plain);
  const compression = compress(room, { strategy: "levels", levels });
  const rewrites = findRewrites(compression);
  verify(room, rewrites);
  const { resets, resetRows, groupsChanged, rowsAfter } = compression;
  const theirs = levelsRule(plain, oracleLevels(levels));
  const after = rewritten(plain, room, rewrites);
  deepStrictEqual(differingGroups(plain, after), []);
  strictEqual(countRows(after), rowsAfter);
  return {
    ours: { rows: shapeOf(after), resets, resetRows, groupsChanged },
    theirs: {
      rows: shapeOf(theirs.after),
      resets: theirs.resets,
      resetRows: theirs.resetRows,
      groupsChanged: theirs.groupsChanged,
    },
    compression,
  };
}

/** Predecessors and rows by id, the rows in one order. */
function shapeOf(plain: PlainForest): unknown {
  return plain.groups.map((
    { id, predecessors, rows },
  ) => [id, predecessors, rows.map((row) => JSON.stringify(row)).sort()]);
}

Deno.test("compress() by levels is the Rust tool's rule, row for row, and keeps every full state", () => {
  fc.assert(fc.property(anyRoom(), anyLevels(), (plain, levels) => {
    const { ours, theirs } = bothByLevels(plain, levels);
    deepStrictEqual(ours, theirs);
  }));
});

Deno.test("compress() by levels is the Rust tool's rule on any range, and leaves context groups alone", () => {
  const anyPart = anyRoom({ pending: true }).chain((plain) => anyRange(plain).map((range) => loadRange(plain, range)));
  fc.assert(
    fc.property(anyPart, anyLevels(), (plain, levels) => {
      const { ours, theirs } = bothByLevels(plain, levels);
      deepStrictEqual(ours, theirs);
    }),
    { numRuns: 300 },
  );
});

Deno.test("compress() by levels neither rewrites a group pending deletion nor makes it a new base", () => {
  fc.assert(fc.property(anyRoom({ pending: true }), anyLevels(), (plain, levels) => {
    const { ours, theirs } = bothByLevels(plain, levels);
    deepStrictEqual(ours, theirs);
  }));
});

Deno.test("compress() by levels goes on from saved levels", () => {
  for (let seed = 0; seed < 40; seed++) {
    const plain = randomRoom(seed, 60);
    const cut = plain.groups[30]!.id;
    const saved = oracleLevels([3, 2, 2]);
    const first = levelsRule({ ...plain, groups: plain.groups.slice(0, 31) }, saved).after;
    // The heads come along as context, as do the groups under what is left.
    const whole = { ...plain, groups: plain.groups.map((group, i) => first.groups[i] ?? group) };
    const chunk = { ...whole, groups: whole.groups.map((group) => ({ ...group, isContext: group.id <= cut })) };
    const room = build(chunk);
    const savedLevels = saved.map(({ max, length, head }) => {
      return { maxLength: max, length, head: head === undefined ? -1 : room.indexOf(head) };
    });
    const theirs = levelsRule(chunk, saved);
    const compression = compress(room, { strategy: "levels", savedLevels });
    deepStrictEqual(shapeOf(rewritten(chunk, room, findRewrites(compression))), shapeOf(theirs.after));
    deepStrictEqual(
      savedLevels.map(({ length, head }) => [length, room.groupId[head]]),
      saved.map(({ length, head }) => [length, head]),
    );
  }
});

Deno.test("compress() by levels takes no saved head that is not before the group", () => {
  const plain = draw("1{a=1} <- 2{a=2} <- 3~{a=3}");
  const room = build(plain);
  const savedLevels = [{ maxLength: 5, length: 1, head: 2 }];
  const rewrites = findRewrites(compress(room, { strategy: "levels", savedLevels }));
  verify(room, rewrites);
  deepStrictEqual(differingGroups(plain, rewritten(plain, room, rewrites)), []);
});

Deno.test("compress() by levels walks up from a base with a key too many, and counts a reset where none is left", () => {
  const room = forest("1{a=1} <- 2{b=1} <- 3{c=1}, 4{a=1,b=2}, 5{d=1}");
  const compression = compress(room, { strategy: "levels", levels: [9] });
  deepStrictEqual([...compression.predecessor], [-1, 0, 1, 1, -1]);
  deepStrictEqual([...compression.rowCount], [1, 1, 1, 1, 1]);
  deepStrictEqual([compression.resets, compression.resetRows, compression.groupsChanged], [1, 1, 2]);
});

Deno.test("compress() by levels knows the Rust tool's ranges, cut by hand", () => {
  const whole = draw("1{a=1,b=1} <- 2{a=2} <- 4{a=4} <- 6{b=6}, 3{a=3,b=1,c=1}, 5{a=5,b=5,c=5}, 4 <- 7{a=7}");
  const cut = (range: Parameters<typeof loadRange>[1]) => {
    const plain = loadRange(whole, range);
    return plain.groups.map(({ id, isContext }) => isContext ? `${id}~` : `${id}`).join(" ");
  };
  strictEqual(cut({}), "1 2 3 4 5 6 7");
  strictEqual(cut({ minGroup: 4 }), "1~ 2~ 4~ 5 6 7");
  strictEqual(cut({ minGroup: 2, groups: 2 }), "1~ 2~ 3 4");
  strictEqual(cut({ maxGroup: 3 }), "1 2 3");
  strictEqual(cut({ minGroup: 4, maxGroup: 5 }), "5");
  // 6 is proposed 5, which has a key too many, and so has what 5 was put on.
  const room = build(loadRange(whole, { minGroup: 4 }));
  const compression = compress(room, { strategy: "levels", levels: [9] });
  deepStrictEqual([compression.resets, compression.resetRows], [1, 2]);
  deepStrictEqual(
    [...compression.predecessor].map((base) => room.groupId[base]),
    [undefined, 1, 2, undefined, undefined, 6],
  );
});

Deno.test("compress() takes a smaller snapshot, and drops needless rows", () => {
  const room = forest("1{a=1,b=1,c=1} <- 2{a=1,b=1,c=2}, 3{a=1,b=1,c=3}");
  const compression = compress(room);
  strictEqual(compression.rowsAfter, 5);
  verify(room, findRewrites(compression));
});

Deno.test("compress() leaves empty rooms and rooms of empty groups alone", () => {
  for (const drawing of ["1{}", "1{} <- 2{} <- 3{}", "1{}, 2{}"]) {
    for (const strategy of ["levels", "branches"] as const) {
      const room = forest(drawing);
      strictEqual(compress(room, { strategy }).rowsAfter, 0);
    }
  }
  const nothing = build({ roomId: "!none", groups: [] });
  strictEqual(findRewrites(compress(nothing)).count, 0);
  strictEqual(findRewrites(compress(nothing, { strategy: "levels" })).count, 0);
});

Deno.test("compress() refuses bounds below 1", () => {
  const room = forest("1 <- 2");
  for (const maxHops of [0, -1, 1.5, NaN]) throws(() => compress(room, { maxHops }), RangeError);
  throws(() => compress(room, { levels: [] }), RangeError);
  throws(() => compress(room, { levels: [5, 0] }), RangeError);
  throws(() => compress(room, { strategy: "levels", levels: [5, 0] }), RangeError);
});

Deno.test("compress() and verify() pass a chain of 300,000 groups without recursion", () => {
  const plain = {
    roomId: "!deep",
    groups: Array.from({ length: 300_000 }, (_, i) => ({
      id: i + 1,
      predecessors: i === 0 ? [] : [i],
      rows: [["m.room.member", `@u${i % 500}`, `$${i}`]] as const,
    })),
  };
  const room = build(plain);
  for (const strategy of ["levels", "branches"] as const) {
    const compression = compress(room, { strategy });
    verify(room, findRewrites(compression));
  }
  strictEqual(describeShape(room, room).maxHops, 299_999);
});

Deno.test("describeShape() tells hops, snapshots and the ten largest groups", () => {
  const plain = draw("1 <- 2 <- 3, 2 <- 4, 5{a=1,b=1}, 6{a=1}, 7{c=1}");
  const room = build(plain);
  deepStrictEqual(describeShape(room, room), {
    maxHops: 2,
    meanHops: 5 / 7,
    snapshots: 4,
    largest: [5, 1, 2, 3, 4, 6, 7].map((groupId) => ({ groupId, rows: groupId === 5 ? 2 : 1 })),
  });
  const many = build(randomRoom(7, 200));
  const { largest } = describeShape(many, many);
  const expected = [...many.rowCount].map((rows, g) => ({ groupId: many.groupId[g]!, rows }));
  expected.sort((a, b) => b.rows - a.rows || a.groupId - b.groupId);
  deepStrictEqual(largest, expected.slice(0, 10));
});

Deno.test("the oracle's full states are the forest's", () => {
  fc.assert(fc.property(anyRoom(), (plain) => {
    const room = build(plain);
    for (const [id, state] of fullStates(plain)) {
      const found: string[] = [];
      room.states.forEach(room.state[room.indexOf(id)]!, (key, event) => {
        found.push(JSON.stringify([room.keys.type(key), room.keys.stateKey(key), room.events.text(event)]));
      });
      deepStrictEqual(found.sort(), [...state.values()].map((row) => JSON.stringify(row)).sort());
    }
  }));
  strictEqual(makeLevels([3])[0]!.length, 0);
});
