import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { type Defect, indexOf, linkEdges, markUnsound, NONE } from "../../../src/core/forest/defects.ts";
import { verify } from "../../../src/core/verify.ts";
import { ForestBuilder } from "../../../src/core/forest/forest.ts";
import { anyRoom, build, forest, type PlainForest, rewritten } from "../../support/forest.ts";

/** What is found, the ids of the groups that are left out, and those that are not. */
function defectsOf(drawing: string): { defects: string[]; leftOut: number[]; kept: number[] } {
  const room = forest(drawing);
  const ids = [...room.groupId];
  return {
    defects: room.defects.map(nameOf).sort(),
    leftOut: ids.filter((_, g) => room.isLeftOut[g] === 1),
    kept: ids.filter((_, g) => room.isLeftOut[g] === 0),
  };
}

function nameOf({ kind, groupId, predecessorId }: Defect): string {
  return predecessorId === undefined ? `${kind} ${groupId}` : `${kind} ${groupId} ${predecessorId}`;
}

Deno.test("a dangling edge leaves out the group and all that build on it, and nothing else", () => {
  deepStrictEqual(defectsOf("1 <- 2, ?12 <- 17 <- 18 <- 19, 17 <- 20, 2 <- 21"), {
    defects: ["dangling-edge 17 12"],
    leftOut: [17, 18, 19, 20],
    kept: [1, 2, 21],
  });
  strictEqual(forest("?12 <- 17").defects[0]!.detail, "state group 17 refers to missing predecessor 12");
});

Deno.test("a cycle is named where it goes up, and leaves out what builds on it", () => {
  deepStrictEqual(defectsOf("1 <- 2, 3 <- 5 <- 4 <- 3, 4 <- 6 <- 7"), {
    defects: ["cycle 3 4", "cycle 4 5"],
    leftOut: [3, 4, 5, 6, 7],
    kept: [1, 2],
  });
});

Deno.test("a group that is its own predecessor is a cycle", () => {
  deepStrictEqual(defectsOf("1 <- 2 <- 2, 2 <- 3, 4 <- 4"), {
    defects: ["cycle 4 4", "two-predecessors 2 2"],
    leftOut: [2, 3, 4],
    kept: [1],
  });
});

Deno.test("a predecessor with a bigger id leaves out the group, but not that predecessor", () => {
  deepStrictEqual(defectsOf("1 <- 2, 9 <- 5 <- 6, 9 <- 10"), {
    defects: ["forward-edge 5 9"],
    leftOut: [5, 6],
    kept: [1, 2, 9, 10],
  });
  strictEqual(forest("9 <- 5").defects[0]!.detail, "state group 5 refers to predecessor 9, which has a higher id");
});

Deno.test("two predecessors leave out the group, but neither of them", () => {
  deepStrictEqual(defectsOf("1 <- 3 <- 4, 2 <- 3, 2 <- 5"), {
    defects: ["two-predecessors 3 2"],
    leftOut: [3, 4],
    kept: [1, 2, 5],
  });
});

Deno.test("a predecessor of another room leaves out the group; the other room's group is no base for any", () => {
  deepStrictEqual(defectsOf("1{a=1} <- 2{b=2}, 3@{a=1,b=1} <- 4{a=4,b=4} <- 5, 2 <- 6{a=6}"), {
    defects: ["foreign-predecessor 4 3"],
    leftOut: [3, 4, 5],
    kept: [1, 2, 6],
  });
  for (const strategy of ["levels", "branches"] as const) {
    const room = forest("1@{} <- 2{a=1}, 3@{a=1,b=1,c=1} <- 4{a=4}, 5{a=1,b=1,c=1}");
    const compression = compress(room, { strategy });
    const rewrites = findRewrites(compression);
    verify(room, rewrites);
    for (const base of rewrites.predecessor) ok(base === NONE || room.isLeftOut[base] === 0);
  }
});

Deno.test("two rows for one key leave out the group and what builds on it", () => {
  deepStrictEqual(defectsOf("1{a=1} <- 2{a=1,b=1,b=2} <- 3, 1 <- 4, 5{c=1,d=1,c=1}"), {
    defects: ["duplicate-row 2", "duplicate-row 5"],
    leftOut: [2, 3, 5],
    kept: [1, 4],
  });
  const [defect] = forest("7{m.room.member/@u:h=1,m.room.member/@u:h=2}").defects;
  strictEqual(defect!.detail, 'state group 7 has more than one row for one key (m.room.member "@u:h")');
});

Deno.test("the same edge twice counts once", () => {
  const { defects, leftOut } = defectsOf("1 <- 2, 1 <- 2, 2 <- 3, 1 <- 2");
  deepStrictEqual([defects, leftOut], [[], []]);
  deepStrictEqual([...forest("1 <- 2, 1 <- 2, 2 <- 3").predecessor], [NONE, 0, 1]);
  // Of a missing predecessor it is one defect, and beside another predecessor likewise.
  deepStrictEqual(defectsOf("?9 <- 10, ?9 <- 10").defects, ["dangling-edge 10 9"]);
  deepStrictEqual(defectsOf("1 <- 3, 2 <- 3, 1 <- 3").defects, ["two-predecessors 3 2"]);
});

for (const column of ["type", "state_key", "event_id"] as const) {
  Deno.test(`a NULL ${column} leaves out the group and what builds on it, and nothing else`, () => {
    const builder = new ForestBuilder("!room:test");
    for (const id of [1, 2, 3, 4]) builder.addGroup(id);
    for (const [id, predecessor] of [[2, 1], [3, 2], [4, 1]]) builder.addEdge(id!, predecessor!);
    const key = builder.keys.internPair("t", "k");
    const event = builder.events.internText("$a");
    builder.addRow(1, key, event);
    builder.addRow(2, key, event);
    builder.addNullRow(2, column);
    builder.addNullRow(2, column);
    builder.addRow(4, key, event);
    const room = builder.finish();
    deepStrictEqual([...room.isLeftOut], [0, 1, 1, 0]);
    deepStrictEqual([...room.rowCount], [1, 3, 0, 1]);
    strictEqual(room.totalRows, 5);
    deepStrictEqual(room.defects, [
      { kind: "null-value", groupId: 2, detail: `state group 2 has a row whose ${column} is NULL` },
    ]);
  });
}

Deno.test("an edge to NULL leaves out the group, alone or beside another edge", () => {
  for (const predecessors of [[NaN], [NaN, NaN], [1, NaN], [NaN, 1]]) {
    const builder = new ForestBuilder("!room:test");
    for (const id of [1, 2, 3]) builder.addGroup(id);
    for (const predecessor of predecessors) builder.addEdge(2, predecessor);
    builder.addEdge(3, 2);
    const room = builder.finish();
    deepStrictEqual([...room.isLeftOut], [0, 1, 1]);
    strictEqual(room.defects[0]!.detail, "state group 2 has an edge to NULL");
  }
});

Deno.test("several defects are all found", () => {
  const { defects, kept } = defectsOf("1 <- 2, ?7 <- 3, 9 <- 4, 5 <- 6 <- 5, 9{a=1,a=2}, 2 <- 10, 1 <- 10");
  deepStrictEqual(defects, [
    "cycle 5 6",
    "dangling-edge 3 7",
    "duplicate-row 9",
    "forward-edge 4 9",
    "two-predecessors 10 1",
  ]);
  deepStrictEqual(kept, [1, 2]);
});

/** Breaks a room in some places; returns the ids that are to be left out, the obvious way. */
function breakRoom(plain: PlainForest, dice: readonly (readonly [kind: number, at: number])[]): PlainForest {
  const groups = [...plain.groups];
  const last = groups.at(-1)!.id;
  for (const [kind, at] of dice) {
    const i = at % groups.length;
    const group = groups[i]!;
    if (kind === 0) groups[i] = { ...group, predecessors: [last + 1_000 + at] };
    if (kind === 1) groups[i] = { ...group, predecessors: [groups[(at * 7) % groups.length]!.id] };
    if (kind === 2) groups[i] = { ...group, predecessors: [...group.predecessors, groups[0]!.id] };
    if (kind === 3) groups[i] = { ...group, rows: [...group.rows, ...group.rows.slice(0, 1)] };
  }
  return { ...plain, groups };
}

/** By walking down from each group anew. */
function unsoundIds(plain: PlainForest): number[] {
  const groups = new Map(plain.groups.map((group) => [group.id, group]));
  const isBad = (id: number): boolean => {
    const seen = new Set<number>();
    for (let at = id;;) {
      const group = groups.get(at);
      if (group === undefined || seen.has(at) || new Set(group.predecessors).size > 1) return true;
      if (new Set(group.rows.map((row) => row.slice(0, 2).join("/"))).size < group.rows.length) return true;
      seen.add(at);
      const [next] = group.predecessors;
      if (next === undefined) return false;
      if (next >= at) return true;
      at = next;
    }
  };
  return [...groups.keys()].filter(isBad);
}

Deno.test("any broken room: what is unsound is left out, all else is compressed and keeps its full states", () => {
  const dice = fc.array(fc.tuple(fc.nat(3), fc.nat(1_000)), { maxLength: 4 });
  fc.assert(
    fc.property(anyRoom({ maxGroups: 50 }), dice, (plain, dice) => {
      const broken = breakRoom(plain, dice);
      const room = build(broken);
      const unsound = unsoundIds(broken);
      deepStrictEqual([...room.groupId].filter((_, g) => room.isLeftOut[g] === 1), unsound);
      strictEqual(room.defects.length > 0, unsound.length > 0);
      for (const { groupId } of room.defects) ok(unsound.includes(groupId));
      for (const strategy of ["levels", "branches"] as const) {
        const rewrites = findRewrites(compress(room, { strategy, levels: [4, 3] }));
        verify(room, rewrites);
        const after = rewritten(broken, room, rewrites);
        broken.groups.forEach((group, g) => {
          if (room.isLeftOut[g] === 1) strictEqual(after.groups[g], group);
        });
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("linkEdges() and markUnsound() pass a chain and a cycle of 300,000 groups without recursion", () => {
  const size = 300_000;
  const ids = Float64Array.from({ length: size }, (_, i) => i + 1);
  const edges = (last: number) => ({
    count: size,
    groupId: ids,
    predecessorId: Float64Array.from(ids, (id) => id === 1 ? last : id - 1),
  });
  const dangling = linkEdges(ids, edges(0), new Uint8Array(size));
  deepStrictEqual(dangling.defects.map(nameOf), ["dangling-edge 1 0"]);
  const defective = new Uint8Array(size);
  defective[0] = 1;
  strictEqual(markUnsound(dangling.predecessor, defective).indexOf(0), -1);
  defective.fill(0)[size - 1] = 1;
  strictEqual(markUnsound(dangling.predecessor, defective).indexOf(1), size - 1);
  const cyclic = linkEdges(ids, edges(size), new Uint8Array(size));
  deepStrictEqual(cyclic.defects.map(nameOf), [`cycle 1 ${size}`]);
  // From the top of the chain, so that one walk sees all of it.
  const reversed = Int32Array.from({ length: size }, (_, i) => i + 1 < size ? i + 1 : NONE);
  strictEqual(markUnsound(reversed, defective).indexOf(0), -1);
});

Deno.test("indexOf() finds every id and no other", () => {
  const ids = Float64Array.of(2, 3, 2 ** 31, 2 ** 53 - 1);
  ids.forEach((id, i) => strictEqual(indexOf(ids, id), i));
  for (const id of [-1, 0, 1, 4, 2 ** 31 + 1, Infinity, NaN]) strictEqual(indexOf(ids, id), NONE);
  strictEqual(indexOf(new Float64Array(0), 1), NONE);
});
