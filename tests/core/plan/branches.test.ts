import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { compress, describeShape, findRewrites } from "../../../src/core/plan/compress.ts";
import type { Preference } from "../../../src/core/plan/plan.ts";
import { isRewritable } from "../../../src/core/forest/forest.ts";
import { verify } from "../../../src/core/verify.ts";
import { benchRoom, makeForest } from "../../../scripts/rooms.ts";
import { fixtureRooms } from "../../support/fixture.ts";
import {
  anyLevels,
  anyRange,
  anyRoom,
  build,
  countRows,
  loadRange,
  type PlainForest,
  randomRoom,
  rewritten,
} from "../../support/forest.ts";
import { differingGroups, hopsOf, levelsRule, oracleLevels } from "../../support/oracle.ts";

Deno.test("compressBranches() keeps every full state, the rows and the bound", () => {
  const bound = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(undefined));
  const levels = fc.oneof(anyLevels(), fc.constant(undefined));
  const anyPart = anyRoom({ pending: true }).chain((plain) => anyRange(plain).map((range) => loadRange(plain, range)));
  const room = fc.oneof(anyRoom({ pending: true }), anyPart);
  const prefer = fc.constantFrom<Preference | undefined>("rows", "balance", "reads", undefined);
  fc.assert(
    fc.property(room, bound, levels, prefer, (plain, maxHops, levels, prefer) => {
      const room = build(plain);
      const compression = compress(room, { maxHops, levels, prefer });
      const rewrites = findRewrites(compression);
      verify(room, rewrites);
      const after = rewritten(plain, room, rewrites);
      deepStrictEqual(differingGroups(plain, after), []);
      strictEqual(countRows(after), compression.rowsAfter);
      strictEqual(countRows(plain), compression.rowsBefore);
      ok(compression.rowsAfter <= compression.rowsBefore, "more rows");
      if (compression.rowsAfter === compression.rowsBefore) strictEqual(rewrites.count, 0);
      strictEqual(compression.groupsChanged, rewrites.count);
      checkTouched(plain, after);
      const most = Math.min(
        maxHops ?? Infinity,
        levels?.reduce((a, b) => a + b) ?? Infinity,
        maxHops || levels ? Infinity : prefer === "rows" ? 175 : 99,
      );
      checkBound(plain, after, most, rewrites.count);
    }),
    { numRuns: 500 },
  );
});

/** No context, pending or left-out group is changed; a pending one gets no new group on it. */
function checkTouched(before: PlainForest, after: PlainForest): void {
  const room = build(before);
  before.groups.forEach((group, g) => {
    const now = after.groups[g]!;
    if (!isRewritable(room, g)) deepStrictEqual(now, group);
    const base = now.predecessors[0];
    if (base === undefined || base === group.predecessors[0]) return;
    const under = room.indexOf(base);
    ok(room.isPending[under] === 0, `${group.id} is newly put on ${base}, which is pending deletion`);
    ok(room.isLeftOut[under] === 0, `${group.id} is newly put on ${base}, which is left out`);
  });
}

/**
 * Once anything is rewritten, every group keeps the bound that can keep it: not context groups, nor pending ones that had
 * more hops over unmovable groups alone.
 */
function checkBound(before: PlainForest, after: PlainForest, most: number, rewrites: number): void {
  if (rewrites === 0) return;
  const hops = hopsOf(after);
  const fixedHops = new Map<number, number>();
  for (const { id, predecessors, isContext, isPending } of before.groups) {
    const fixed = (isContext || isPending) && predecessors.length > 0;
    fixedHops.set(id, fixed ? fixedHops.get(predecessors[0]!)! + 1 : 0);
  }
  for (const { id } of after.groups) {
    if (fixedHops.get(id)! > most) continue;
    ok(hops.get(id)! <= most, `state group ${id} has ${hops.get(id)} hops, bound ${most}`);
  }
}

Deno.test("compressBranches() for the fewest rows rewrites no group to save nothing, unless the bound needs it", () => {
  fc.assert(
    fc.property(anyRoom(), fc.integer({ min: 1, max: 12 }), (plain, maxHops) => {
      const room = build(plain);
      const compression = compress(room, { maxHops, prefer: "rows" });
      const after = rewritten(plain, room, findRewrites(compression));
      plain.groups.forEach((group, g) => {
        const now = after.groups[g]!;
        if (now === group || now.rows.length < group.rows.length) return;
        const reverted = { ...after, groups: after.groups.map((other, at) => at === g ? group : other) };
        const hops = Math.max(...hopsOf(reverted).values());
        ok(hops > maxHops, `${group.id} could have stayed: ${now.rows.length} rows against ${group.rows.length}`);
      });
    }),
    { numRuns: 300 },
  );
});

Deno.test("compressBranches() has little left to find in what it compressed", async () => {
  for (const plain of [...await fixtureRooms(), ...Array.from({ length: 20 }, (_, seed) => randomRoom(seed, 300))]) {
    const room = build(plain);
    const rewrites = findRewrites(compress(room));
    const after = rewritten(plain, room, rewrites);
    const again = compress(build(after));
    ok(again.rowsAfter <= again.rowsBefore);
    const [saved, savedAgain] = [countRows(plain) - again.rowsBefore, again.rowsBefore - again.rowsAfter];
    ok(savedAgain <= Math.max(5, saved * 0.5), `${plain.roomId}: ${saved} rows saved first, then ${savedAgain}`);
  }
});

Deno.test("compressBranches() does not worsen what the Rust tool's rule has compressed", async () => {
  for (const plain of await fixtureRooms()) {
    const after = levelsRule(plain, oracleLevels([100, 50, 25])).after;
    const room = build(after);
    const compression = compress(room);
    verify(room, findRewrites(compression));
    ok(compression.rowsAfter <= countRows(after));
  }
});

Deno.test("compressBranches() for the fewest rows reaches the marks on nine real rooms", async () => {
  const rooms = (await fixtureRooms()).map((plain) => build(plain));
  const made = rooms.map((room) => compress(room, { prefer: "rows" }));
  const sum = made.reduce((rows, { rowsAfter }) => rows + rowsAfter, 0);
  ok(sum <= 9_640, `nine rooms: ${sum} rows`);
  ok(findRewrites(made[0]!).count <= 200, `the big room: ${findRewrites(made[0]!).count} rewrites`);
  for (const [i, compression] of made.entries()) ok(describeShape(rooms[i]!, compression).maxHops <= 175);
  const short = compress(rooms[0]!, { maxHops: 100, prefer: "rows" });
  ok(short.rowsAfter <= 7_650, `the big room at 100 hops: ${short.rowsAfter} rows`);
  ok(describeShape(rooms[0]!, short).maxHops <= 100);
});

Deno.test("compressBranches() takes more levels under a small bound: far fewer rows than four can reach", () => {
  const room = makeForest({ ...benchRoom("chain"), groups: 6_000, users: 900 });
  const many = compress(room, { prefer: "rows", maxHops: 10 });
  const sizes = many.levels.map(({ maxLength }) => maxLength);
  ok(sizes.length > 4 && sizes.reduce((a, b) => a + b) === 10, `levels ${sizes}`);
  const four = [[4, 3, 2, 1], [3, 3, 2, 2], [5, 3, 1, 1], [6, 2, 1, 1]].map((levels) =>
    compress(room, { levels }).rowsAfter
  );
  ok(many.rowsAfter < Math.min(...four) * 0.92, `${many.rowsAfter} rows, with four levels ${four}`);
});
