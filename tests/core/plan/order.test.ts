import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { benchRoom, makeRoom } from "../../../scripts/rooms.ts";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { NONE } from "../../../src/core/forest/forest.ts";
import { orderRewrites } from "../../../src/core/plan/order.ts";
import { anyTwoForests, type TwoForests, twoForests, walkHops } from "../../support/chains.ts";
import { build } from "../../support/forest.ts";

/** Every state in between: after none, one, two, … of the rewrites in this order. */
function* prefixes({ rewrites, old }: TwoForests, order: Iterable<number>): Generator<number[]> {
  const now = [...old];
  yield [...now];
  for (const i of order) {
    now[rewrites.group[i]!] = rewrites.predecessor[i]!;
    yield [...now];
  }
}

Deno.test("orderRewrites() is a permutation after each step of which no group is deeper than the deeper of its two places", () => {
  fc.assert(
    fc.property(anyTwoForests(), (two) => {
      const { order } = orderRewrites(two.forest, two.rewrites);
      deepStrictEqual([...order].sort((a, b) => a - b), [...two.rewrites.group.keys()]);
      const [old, wanted] = [walkHops(two.old), walkHops(two.wanted)];
      const bound = old.map((hops, g) => Math.max(hops, wanted[g]!));
      const most = Math.max(...wanted.filter((hops, g) => hops > old[g]!), 0);
      for (const now of prefixes(two, order)) {
        for (const [g, hops] of walkHops(now).entries()) ok(hops <= Math.max(bound[g]!, most), `${g} has ${hops} hops`);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("orderRewrites() gives the most hops of what gets deeper, groups outside included", () => {
  // 0 is put on a chain of three; 5 and 6 are outside and go along; 4, deep already, comes up.
  const two = twoForests(5, [NONE, 0, 1, 2, NONE, 4, 5], [NONE, 0, 1, 0, 2, 4, 5]);
  strictEqual(orderRewrites(two.forest, two.rewrites).maxHops, 5);
  fc.assert(
    fc.property(anyTwoForests(), ({ forest, rewrites, old, wanted }) => {
      const [before, after] = [walkHops(old), walkHops(wanted)];
      const deeper = after.filter((hops, g) => hops > before[g]!);
      strictEqual(orderRewrites(forest, rewrites).maxHops, Math.max(0, ...deeper));
    }),
  );
});

Deno.test("orderRewrites() writes ascending where that does no harm, in short runs where it would", () => {
  // Two snapshots with a chain of four each; the second is put on the first, which may have seven hops in all, or on its tip.
  const old = [NONE, 0, 1, 2, NONE, 4, 5, 6];
  const inOrder = (wanted: number[]) => {
    const { forest, rewrites } = twoForests(8, old, wanted);
    return [...orderRewrites(forest, rewrites).order].map((i) => rewrites.group[i]);
  };
  deepStrictEqual(inOrder([NONE, 0, 1, 2, 3, 4, 5, 6]), [4]);
  // The bound is 4: 6 must leave the chain on 4 before 4 is put on 2; 7 may wait.
  deepStrictEqual(inOrder([NONE, 0, 1, 2, 2, 4, 0, 0]), [6, 4, 7]);
  deepStrictEqual(inOrder([NONE, 0, 0, 0, NONE, 4, 4, 4]), [2, 3, 6, 7]);
});

Deno.test("orderRewrites() cuts a room of one long chain into runs of no more than Synapse's own chains", () => {
  const forest = build({
    roomId: "!room:test",
    groups: [...makeRoom(benchRoom("chain", 0.02))].map(({ groupId, predecessorId, rows }) => {
      return { id: groupId, predecessors: predecessorId === null ? [] : [predecessorId], rows };
    }),
  });
  const rewrites = findRewrites(compress(forest));
  const { order } = orderRewrites(forest, rewrites);
  let last = 0;
  for (const [n, i] of order.entries()) {
    const behind = order.subarray(0, n).reduce((most, j) => Math.max(most, rewrites.group[j]!), 0) - rewrites.group[i]!;
    last = Math.max(last, behind);
  }
  ok(last < 200, `${last}`);
});
