/** The bound on hops, for plans of any range of any room: of what is planned, and of all that stands on the way to it. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { StandingChains } from "../../../src/core/plan/chains.ts";
import { compress, describeShape, findRewrites } from "../../../src/core/plan/compress.ts";
import { orderRewrites } from "../../../src/core/plan/order.ts";
import { heightsAbove } from "../../../src/core/forest/outside.ts";
import { anyRange, anyRoom, build, loadRange, rewritten } from "../../support/forest.ts";
import { hopsOf } from "../../support/oracle.ts";

/** A room, a range, a bound, and for each rewrite whether it is skipped. */
const anyCase = anyRoom({ pending: true, maxGroups: 60 }).chain((plain) =>
  fc.record({
    plain: fc.constant(plain),
    range: anyRange(plain),
    maxHops: fc.integer({ min: 1, max: 12 }),
    isSkipped: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
  })
);

Deno.test("compress() of a range keeps the bound for what builds on it, and the figures count the whole room", () => {
  let outside = 0;
  fc.assert(
    fc.property(anyCase, ({ plain, range, maxHops, isSkipped }) => {
      const loaded = loadRange(plain, range);
      const forest = build(loaded, plain.groups);
      outside += forest.outside.size;
      const before = hopsOf(plain);
      const compression = compress(forest, { maxHops, heights: heightsAbove(forest.outside, forest.size) });
      const rewrites = findRewrites(compression);
      const whole = { ...plain, groups: rewritten(plain, forest, rewrites).groups };
      const after = hopsOf(whole);
      for (const [id, hops] of after) ok(hops <= Math.max(maxHops, before.get(id)!), `${id}: ${hops} hops`);

      for (const [hops, columns] of [[before, forest], [after, compression]] as const) {
        const shape = describeShape(forest, columns);
        const all = [...hops.values()];
        deepStrictEqual(
          [shape.maxHops, shape.meanHops.toFixed(9), shape.snapshots],
          [
            Math.max(...all),
            (all.reduce((a, b) => a + b) / all.length).toFixed(9),
            all.filter((hops) => hops === 0).length,
          ],
        );
      }

      // On the way there, with some groups skipped.
      const { order, maxHops: most } = orderRewrites(forest, rewrites);
      ok(most <= maxHops);
      const chains = new StandingChains(forest, rewrites, most);
      const written: number[] = [];
      for (const i of order) {
        if (isSkipped[i % isSkipped.length] || !chains.move(i)) continue;
        written.push(i);
        const now = hopsOf(rewritten(plain, forest, only(rewrites, written)));
        for (const [id, hops] of now) ok(hops <= Math.max(maxHops, before.get(id)!), `${id}: ${hops} hops on the way`);
      }
    }),
    { numRuns: 600 },
  );
  ok(outside > 0);
});

/** Some of the rewrites, by their places. */
function only(rewrites: ReturnType<typeof findRewrites>, places: readonly number[]): typeof rewrites {
  const rowStart = new Int32Array(places.length + 1);
  const [key, event]: [number[], number[]] = [[], []];
  places.forEach((i, n) => {
    const [start, end] = [rewrites.rowStart[i]!, rewrites.rowStart[i + 1]!];
    key.push(...rewrites.key.subarray(start, end));
    event.push(...rewrites.event.subarray(start, end));
    rowStart[n + 1] = key.length;
  });
  return {
    count: places.length,
    group: Int32Array.from(places, (i) => rewrites.group[i]!),
    predecessor: Int32Array.from(places, (i) => rewrites.predecessor[i]!),
    rowStart,
    key: Int32Array.from(key),
    event: Int32Array.from(event),
  };
}

Deno.test("describeShape() counts groups outside, whose chains may end in the forest or on their own", () => {
  const inside = build(
    { roomId: "!r", groups: [{ id: 1, predecessors: [], rows: [] }, { id: 2, predecessors: [1], rows: [] }] },
    [
      { id: 3, predecessors: [2], rows: [] },
      { id: 4, predecessors: [3], rows: [] },
      { id: 5, predecessors: [], rows: [] },
      { id: 6, predecessors: [5], rows: [] },
      // Broken: a predecessor that is missing, and two that are not.
      { id: 7, predecessors: [99], rows: [] },
      { id: 8, predecessors: [5, 4], rows: [] },
    ],
  );
  deepStrictEqual([...inside.outside.groupId], [3, 4, 5, 6, 7, 8]);
  deepStrictEqual([...inside.outside.root], [1, 1, -1, -1, -1, 1]);
  deepStrictEqual([...inside.outside.hops], [1, 2, 0, 1, 0, 3]);
  deepStrictEqual([...heightsAbove(inside.outside, 2)], [0, 3]);
  const { maxHops, meanHops, snapshots } = describeShape(inside, inside);
  deepStrictEqual([maxHops, meanHops, snapshots], [4, (0 + 1 + 2 + 3 + 0 + 1 + 0 + 4) / 8, 3]);
  strictEqual(inside.outside.size, 6);
});
