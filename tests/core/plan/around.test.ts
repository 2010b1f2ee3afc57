import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type AroundCompression, compressAround } from "../../../src/core/plan/around.ts";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { isRewritable } from "../../../src/core/forest/forest.ts";
import { verify } from "../../../src/core/verify.ts";
import { anyRoom, build, countRows, draw, forest, type PlainForest, rewritten } from "../../support/forest.ts";
import { differingGroups } from "../../support/oracle.ts";

/** Compresses around the groups whose ids are given; returns the tables without what goes, and what went. */
function around(plain: PlainForest, unused: readonly number[]) {
  const room = build(plain);
  const isUnused = Uint8Array.from(room.groupId, (id) => unused.includes(id) ? 1 : 0);
  const result = compressAround(room, isUnused);
  const rewrites = findRewrites(result);
  verify(room, rewrites);
  const after = rewritten(plain, room, rewrites);
  const gone = new Set([...room.groupId].filter((_, g) => result.goes[g] === 1));
  return { room, result, after, gone, rest: { ...after, groups: after.groups.filter(({ id }) => !gone.has(id)) } };
}

Deno.test("compressAround() lets a chain of unused groups go, and puts what it held where it is needed", () => {
  const plain = draw("1{a=1, b=1, c=1} <- 2{a=2} <- 3{b=3} <- 4{c=4}");
  const { rest, gone, result } = around(plain, [2, 3]);
  deepStrictEqual([...gone], [2, 3]);
  deepStrictEqual(rest.groups.map(({ id, predecessors, rows }) => [id, predecessors, rows.length]), [
    [1, [], 3],
    [4, [1], 3],
  ]);
  strictEqual(result.rowsAfter, 6);
});

Deno.test("compressAround() keeps an unused group that several used ones would each have to repeat", () => {
  const big = Array.from({ length: 30 }, (_, i) => `k${i}=1`).join(", ");
  const changed = Array.from({ length: 30 }, (_, i) => `k${i}=2`).join(", ");
  const plain = draw(`1{${big}} <- 2{${changed}}, 2 <- 3{x=3}, 2 <- 4{y=4}, 2 <- 5{z=5}`);
  const { gone, result } = around(plain, [2]);
  deepStrictEqual([...gone], []);
  ok(result.rowsAfter <= countRows(plain));
});

Deno.test("compressAround() lets unused leaves go without a rewrite of anything else", () => {
  const { gone, result } = around(draw("1 <- 2 <- 3, 2 <- 4 <- 5"), [4, 5]);
  deepStrictEqual([...gone].sort(), [4, 5]);
  strictEqual(result.groupsChanged, 0);
});

Deno.test("compressAround() keeps what a group with a defect builds on", () => {
  const room = forest("1 <- 2 <- 3 <- 4, 9 <- 4, 2 <- 5");
  const result = compressAround(room, Uint8Array.from(room.groupId, (id) => id === 3 ? 1 : 0));
  deepStrictEqual([...result.goes].filter(Boolean), []);
});

Deno.test("compressAround() on any room: states as before, nothing stays on what goes, never more rows", () => {
  fc.assert(fc.property(
    anyRoom({ maxGroups: 60, pending: true }).chain((plain) =>
      fc.tuple(fc.constant(plain), fc.subarray(plain.groups.map(({ id }) => id)))
    ),
    ([plain, unused]) => {
      const { room, result, after, gone, rest } = around(plain, unused);
      deepStrictEqual(differingGroups(plain, after), []);
      const pending = new Set(plain.groups.filter(({ isPending }) => isPending).map(({ id }) => id));
      for (const { id, predecessors } of rest.groups) {
        if (!pending.has(id)) deepStrictEqual(predecessors.filter((base) => gone.has(base)), [], `${id}`);
      }
      for (const id of gone) ok(unused.includes(id) && isRewritable(room, room.indexOf(id)));
      strictEqual(countRows(rest), result.rowsAfter);
      strictEqual(result.rowsBefore, countRows(plain));
      ok(result.rowsAfter <= result.rowsBefore);
      strictEqual(
        result.rowsGone,
        countRows(plain) - countRows({ ...plain, groups: plain.groups.filter(({ id }) => !gone.has(id)) }),
      );
    },
  ));
});

Deno.test("compressAround() leaves room for what stands on groups from outside, wherever unused groups went", () => {
  const anyCase = anyRoom({ maxGroups: 60 }).chain((plain) =>
    fc.record({
      plain: fc.constant(plain),
      unused: fc.subarray(plain.groups.map(({ id }) => id)),
      // Few groups carry any, as where a part of a room was loaded.
      heights: fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(6)), {
        minLength: 60,
        maxLength: 60,
      }),
      maxHops: fc.integer({ min: 6, max: 12 }),
      prefer: fc.constantFrom("rows" as const, "balance" as const),
    })
  );
  fc.assert(fc.property(anyCase, ({ plain, unused, maxHops, prefer, ...one }) => {
    const room = build(plain);
    const heights = Int32Array.from(one.heights.slice(0, room.size));
    const isUnused = Uint8Array.from(room.groupId, (id, g) => unused.includes(id) && heights[g] === 0 ? 1 : 0);
    const result = compressAround(room, isUnused, { maxHops, prefer, heights });
    const before = countHops(room.predecessor);
    const after = countHops(result.predecessor);
    for (let g = 0; g < room.size; g++) {
      if (result.goes[g] === 1) continue;
      ok(after[g]! + heights[g]! <= Math.max(maxHops, before[g]! + heights[g]!), `group ${room.groupId[g]}`);
    }
  }));
});

function countHops(predecessor: Int32Array): number[] {
  const hops: number[] = [];
  for (const base of predecessor) hops.push(base < 0 ? 0 : hops[base]! + 1);
  return hops;
}

Deno.test("compressAround() without unused groups is compress()", () => {
  fc.assert(fc.property(anyRoom({ maxGroups: 60 }), (plain) => {
    const room = build(plain);
    const { predecessor, rowCount }: AroundCompression = compressAround(room, new Uint8Array(room.size));
    const plan = compress(room);
    deepStrictEqual([...predecessor], [...plan.predecessor]);
    deepStrictEqual([...rowCount], [...plan.rowCount]);
  }));
});
