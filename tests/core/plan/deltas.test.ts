import { strictEqual } from "node:assert/strict";
import { DeltaSizes } from "../../../src/core/plan/deltas.ts";
import { NO_FIT } from "../../../src/core/forest/states.ts";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { build, randomRoom } from "../../support/forest.ts";

/** What a caller sees of an answer: beyond the limit only that it is. */
const seen = (size: number, limit: number) => size === NO_FIT ? "no fit" : size > limit ? "too many" : size;

Deno.test("DeltaSizes answers what the states answer, whatever limits were asked for before, and in whatever order", () => {
  const kinds = new Map<string, number>();
  for (let seed = 0; seed < 20; seed++) {
    const { size: groups, states, state } = build(randomRoom(seed, 60));
    // Room for 64 sizes of 60 groups: most are pushed out, and found anew.
    const tables = [new DeltaSizes(states, groups), new DeltaSizes(states, 1)];
    const random = mulberry32(seed);
    const pairs = Array.from({ length: 40 }, () => [random(), random()].map((n) => state[Math.floor(n * groups)]!));
    for (let i = 0; i < 2000; i++) {
      const [base, to] = pairs[Math.floor(random() * pairs.length)] as [number, number];
      const limit = i % 7 === 0 ? Infinity : random() * 12 - 2;
      const expected = seen(states.deltaSize(base, to, limit), limit);
      for (const deltas of tables) strictEqual(seen(deltas.size(base, to, limit), limit), expected, `limit ${limit}`);
      const kind = typeof expected === "string" ? expected : "a size";
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  }
  strictEqual([...kinds.keys()].sort().join(), "a size,no fit,too many");
});

Deno.test("DeltaSizes counts each difference once, while few states are compared", () => {
  const { states, state } = build(randomRoom(4, 40));
  let counted = 0;
  const counting = Object.create(states, {
    deltaSize: { value: (...args: Parameters<typeof states.deltaSize>) => (counted++, states.deltaSize(...args)) },
  });
  const deltas = new DeltaSizes(counting, 40);
  for (let round = 0; round < 3; round++) for (let g = 1; g < 40; g++) deltas.size(state[0]!, state[g]!, Infinity);
  const different = new Set(state).size - 1;
  strictEqual(counted <= different * 2, true, `${counted} counts for ${different} differences, asked for three times`);
});
