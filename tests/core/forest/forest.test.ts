import fc from "fast-check";
import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { countHops, type DeltaForest, ForestBuilder, isRewritable, NONE } from "../../../src/core/forest/forest.ts";
import { anyRoom, build, draw, forest, type PlainForest, randomRooms } from "../../support/forest.ts";

function rowsOf(room: DeltaForest, g: number): string[] {
  const rows: string[] = [];
  room.forEachRow(g, (key, event) => {
    rows.push(JSON.stringify([room.keys.type(key), room.keys.stateKey(key), room.events.text(event)]));
  });
  return rows.sort();
}

Deno.test("forest() reads a drawing", () => {
  const room = forest("1{a=1,b=1} <- 2~{a=3} <- 5, 2 <- 4!{}, 1 <- 7{m.room.member/@u:h=x, a=4}");
  deepStrictEqual([...room.groupId], [1, 2, 4, 5, 7]);
  deepStrictEqual([...room.predecessor], [NONE, 0, 1, 1, 0]);
  deepStrictEqual([...room.rowCount], [2, 1, 0, 1, 2]);
  deepStrictEqual([...room.isContext], [0, 1, 0, 0, 0]);
  deepStrictEqual([...room.isPending], [0, 0, 1, 0, 0]);
  strictEqual(room.totalRows, 6);
  deepStrictEqual(rowsOf(room, 4), ['["a","","4"]', '["m.room.member","@u:h","x"]']);
  deepStrictEqual(rowsOf(room, 3), ['["g5","","$5"]']);
  deepStrictEqual([0, 1, 2, 3, 4].map((g) => isRewritable(room, g)), [true, false, false, true, true]);
  throws(() => draw("1 <- x"), SyntaxError);
});

Deno.test("DeltaForest gives back the rows as they were read, snapshots and needless rows too", () => {
  fc.assert(fc.property(anyRoom({ pending: true }), (plain) => {
    const room = build(plain);
    strictEqual(room.size, plain.groups.length);
    plain.groups.forEach((group, g) => {
      deepStrictEqual(rowsOf(room, g), group.rows.map((row) => JSON.stringify(row)).sort());
      strictEqual(room.rowCount[g], group.rows.length);
      strictEqual(room.indexOf(group.id), g);
      strictEqual(room.indexOf(group.id + 0.5), NONE);
    });
    strictEqual(room.totalRows, plain.groups.reduce((sum, { rows }) => sum + rows.length, 0));
  }));
});

Deno.test("ForestBuilder takes groups and edges in any order, between other rooms' ids", () => {
  for (const plain of randomRooms(3, 4, 50, 2 ** 31 - 100)) {
    const shuffled: PlainForest = { ...plain, groups: plain.groups.toReversed() };
    const builder = new ForestBuilder(plain.roomId);
    for (const { id, predecessors } of shuffled.groups) {
      for (const predecessor of predecessors) builder.addEdge(id, predecessor);
      builder.addGroup(id);
    }
    // Another room's edge is none of ours.
    builder.addEdge(1, 2);
    for (const { id, rows } of plain.groups) {
      for (const [type, key, event] of rows) {
        builder.addRow(id, builder.keys.internPair(type, key), builder.events.internText(event));
      }
    }
    const [room, expected] = [builder.finish(), build(plain)];
    deepStrictEqual(room.groupId, expected.groupId);
    deepStrictEqual(room.predecessor, expected.predecessor);
    deepStrictEqual(room.state, expected.state);
    deepStrictEqual(room.defects, []);
  }
});

Deno.test("ForestBuilder refuses rows out of order, rows without a group, and a group twice", () => {
  const builder = (ids: number[]) => {
    const builder = new ForestBuilder("!r");
    for (const id of ids) builder.addGroup(id);
    return builder;
  };
  const unknown = builder([1, 3]);
  throws(() => unknown.addRow(2, 0, 0), RangeError);
  const backwards = builder([1, 2]);
  backwards.addRow(2, 0, 0);
  throws(() => backwards.addRow(1, 0, 0), RangeError);
  const again = builder([1, 2, 3]);
  again.addRow(1, 0, 0);
  again.addRow(2, 0, 0);
  throws(() => again.addRow(1, 1, 0), RangeError);
  throws(() => builder([1, 2, 1]).finish(), RangeError);
});

Deno.test("ForestBuilder keeps the states of groups read before the keys outgrew the trees", () => {
  // 16, 256 and 4,096 keys come in while earlier groups wait for those that build on them.
  const plain: PlainForest = {
    roomId: "!r",
    groups: Array.from({ length: 300 }, (_, i) => ({
      id: i + 1,
      predecessors: i === 0 ? [] : [Math.max(1, i % 7 === 0 ? i - 6 : i)],
      rows: Array.from({ length: i % 31 }, (_, row) => ["t", `${i * 31 + row}`, `$${row}`] as const),
    })),
  };
  const room = build(plain);
  const states = new Map<number, number>();
  plain.groups.forEach(({ id, predecessors, rows }, g) => {
    states.set(id, rows.length + (states.get(predecessors[0] ?? 0) ?? 0));
    strictEqual(room.states.keyCount(room.state[g]!), states.get(id));
  });
});

Deno.test("ForestBuilder can be finished without groups or rows", () => {
  strictEqual(new ForestBuilder("!r").finish().size, 0);
  const room = forest("1{} <- 2{}, 3{}");
  deepStrictEqual([...room.state], [0, 0, 0]);
  deepStrictEqual([...room.rowCount], [0, 0, 0]);
});

Deno.test("countHops() counts edges down to the snapshot", () => {
  deepStrictEqual([...countHops(Int32Array.of(NONE, 0, 1, 1, NONE, 4, 3))], [0, 1, 2, 2, 0, 1, 3]);
  deepStrictEqual([...countHops(Int32Array.of(0, 2, 1))], [0, 0, 1]);
});
