import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { StandingChains } from "../../../src/core/plan/chains.ts";
import { NONE } from "../../../src/core/forest/forest.ts";
import { orderRewrites } from "../../../src/core/plan/order.ts";
import { anyTwoForests, twoForests, walkHops } from "../../support/chains.ts";

/** What becomes of a rewrite when its turn comes: it is written, Synapse was faster, or its transaction is undone. */
const anyFates = fc.array(fc.constantFrom("write", "write", "write", "skip", "undo"), { minLength: 60, maxLength: 60 });

Deno.test("StandingChains.move() keeps the bound whatever was skipped, undone or left to a stop", () => {
  let refusals = 0;
  fc.assert(
    fc.property(anyTwoForests(), anyFates, (two, fates) => {
      const { forest, rewrites, old } = two;
      const { order, maxHops } = orderRewrites(forest, rewrites);
      const chains = new StandingChains(forest, rewrites, maxHops);
      const before = walkHops(old);
      const now = [...old];
      for (const i of order) {
        const fate = fates[i % fates.length];
        if (fate === "skip") continue;
        if (!chains.move(i)) {
          refusals++;
          continue;
        }
        if (fate === "undo") {
          chains.undo();
          continue;
        }
        chains.keep();
        now[rewrites.group[i]!] = rewrites.predecessor[i]!;
        for (const [g, hops] of walkHops(now).entries()) {
          ok(hops <= Math.max(maxHops, before[g]!), `${g} has ${hops} hops, ${before[g]} before, of ${maxHops}`);
        }
      }
    }),
    { numRuns: 3000 },
  );
  ok(refusals > 0);
});

Deno.test("StandingChains.move() refuses nothing where nothing was skipped", () => {
  fc.assert(
    fc.property(anyTwoForests(), ({ forest, rewrites }) => {
      const { order, maxHops } = orderRewrites(forest, rewrites);
      const chains = new StandingChains(forest, rewrites, maxHops);
      for (const i of order) ok(chains.move(i));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("StandingChains.move() refuses a group whose chain would be too long on one that was skipped, and only that", () => {
  // 3 was to come up to 1 hop, and 5 to be put on it with 2; 3 is skipped, so 5 would have 4. 6 may go on 0.
  const { forest, rewrites } = twoForests(7, [NONE, 0, 1, 2, NONE, 4, 5], [NONE, 0, 1, 0, NONE, 3, 0]);
  const { maxHops } = orderRewrites(forest, rewrites);
  const chains = new StandingChains(forest, rewrites, maxHops);
  const at = (group: number) => rewrites.group.indexOf(group);
  deepStrictEqual([maxHops, chains.move(at(5)), chains.move(at(6))], [2, false, true]);
  chains.accept(at(3));
  strictEqual(chains.move(at(5)), true);
});

Deno.test("StandingChains.add() counts groups that came since, on groups of the forest, outside it, and on each other", () => {
  const two = () => twoForests(4, [NONE, 0, NONE, NONE, 3], [NONE, 0, 1, 2, 3]);
  const moves = (added: [number, number][]) => {
    const { forest, rewrites } = two();
    const { order, maxHops } = orderRewrites(forest, rewrites);
    const chains = new StandingChains(forest, rewrites, maxHops);
    for (const [id, predecessor] of added) chains.add(id, predecessor);
    return [...order].map((i) => [rewrites.group[i], chains.move(i)]);
  };
  deepStrictEqual(moves([]), [[2, true], [3, true]]);
  // One more on 4, outside, which builds on 3: five hops, where four is the most.
  deepStrictEqual(moves([[10, 4]]), [[2, true], [3, false]]);
  deepStrictEqual(moves([[10, 2], [11, 10], [12, 11]]), [[2, false], [3, true]]);
  deepStrictEqual(moves([[10, 77]]), [[2, true], [3, true]]);
});
