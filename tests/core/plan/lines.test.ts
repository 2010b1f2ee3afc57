import fc from "fast-check";
import { ok, strictEqual } from "node:assert/strict";
import { benchRoom, makeForest } from "../../../scripts/rooms.ts";
import { type DeltaForest, isRewritable, NONE } from "../../../src/core/forest/forest.ts";
import { countReaders } from "../../../src/core/plan/cost.ts";
import { hang, SYNAPSE_HOPS } from "../../../src/core/plan/hang.ts";
import { arrangeLines } from "../../../src/core/plan/lines.ts";
import { findNaturalBases } from "../../../src/core/plan/natural.ts";
import { LocalSearch } from "../../../src/core/plan/search.ts";
import { anyRange, anyRoom, build, loadRange } from "../../support/forest.ts";

const RATE = 0.5;
const WEIGHT = 9;

function arrange(
  forest: DeltaForest,
  { maxHops = SYNAPSE_HOPS, rate = RATE, reserve = new Int32Array(forest.size) } = {},
) {
  const natural = findNaturalBases(forest);
  const readers = countReaders(forest);
  const chains = arrangeLines(forest, natural, { rate, newestWeight: WEIGHT, readers, maxHops, reserve });
  return { natural, chains, limits: { maxHops, reserve, readers } };
}

Deno.test("arrangeLines() needs less than chains hung under levels, by what the search minimizes", () => {
  for (
    const [name, rest] of [
      ["chain", { groups: 6_000, users: 900 }],
      ["spam", { groups: 3_000, startMembers: 300, users: 900 }],
      ["hard", { groups: 900, startMembers: 150, users: 400 }],
    ] as const
  ) {
    const forest = makeForest({ ...benchRoom(name), ...rest });
    const { natural, chains, limits } = arrange(forest);
    const [lines, levels] = [chains, hang(forest, natural, SYNAPSE_HOPS).hanging].map((start) =>
      new LocalSearch(forest, natural, start, limits).objective(RATE, WEIGHT)
    );
    ok(lines! < levels!, `${name}: ${lines} and ${levels}`);
  }
});

Deno.test("arrangeLines() keeps the bound and what is reserved, and rows are those of the deltas, on any room and any range", () => {
  let moved = 0;
  const anyPart = anyRoom({ pending: true, maxGroups: 120 }).chain((plain) =>
    anyRange(plain).map((range) => loadRange(plain, range))
  );
  const options = fc.record({
    maxHops: fc.oneof(fc.constant(SYNAPSE_HOPS), fc.integer({ min: 1, max: 12 })),
    rate: fc.constantFrom(0.01, 0.5, 20),
    free: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(
      fc.oneof(anyRoom({ pending: true, maxGroups: 120 }), anyPart),
      options,
      (plain, { maxHops, rate, free }) => {
        const forest = build(plain);
        const reserve = Int32Array.from({ length: forest.size }, (_, g) => Math.min(maxHops, g % 5 === 0 ? free : 0));
        const { chains: { predecessor, rowCount }, natural } = arrange(forest, { maxHops, rate, reserve });
        const { states, state } = forest;
        const hops = new Int32Array(forest.size);
        for (let g = 0; g < forest.size; g++) {
          const base = predecessor[g]!;
          hops[g] = base === NONE || base > g ? 0 : hops[base]! + 1;
          if (!isRewritable(forest, g)) {
            strictEqual(base, forest.predecessor[g]);
            strictEqual(rowCount[g], forest.rowCount[g]);
            continue;
          }
          ok(hops[g]! + reserve[g]! <= maxHops, `${g}: ${hops[g]} hops, ${reserve[g]} reserved, of ${maxHops}`);
          ok(
            base === NONE || base === forest.predecessor[g] || forest.isPending[base]! + forest.isLeftOut[base]! === 0,
          );
          strictEqual(
            rowCount[g],
            base === NONE ? states.keyCount(state[g]!) : states.deltaSize(state[base]!, state[g]!),
          );
          if (base !== natural.base[g]) moved++;
        }
      },
    ),
    { numRuns: 400 },
  );
  ok(moved > 0);
});
