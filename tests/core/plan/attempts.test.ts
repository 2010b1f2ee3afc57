import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Attempts, better, splitOf } from "../../../src/core/plan/attempts.ts";
import { STARTS } from "../../../src/core/plan/balance.ts";
import { countHops } from "../../../src/core/forest/forest.ts";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { findNaturalBases } from "../../../src/core/plan/natural.ts";
import { fixtureRooms } from "../../support/fixture.ts";
import { build, rewritten } from "../../support/forest.ts";
import { distances } from "../../support/optimum.ts";

const PLAIN = (await fixtureRooms())[0]!;
const ROOM = build(PLAIN);
const most = (hops: Int32Array) => hops.reduce((a, b) => Math.max(a, b), 0);
const begin = () => new Attempts(ROOM, findNaturalBases(ROOM), 9, {});

Deno.test("Attempts.under() keeps the bound, and saves more under a longer one", () => {
  const attempts = begin();
  const [short, long] = [20, 99].map((bound) => attempts.under(bound, [1, 0.4], 0.4)) as [Attempt, Attempt];
  ok(most(countHops(short.search.predecessor)) <= 20);
  ok(most(countHops(long.search.predecessor)) <= 99);
  ok(long.search.totalRows < short.search.totalRows);
  strictEqual(better(short, long), long.objective < short.objective ? long : short);
});

Deno.test("Attempts.fromStanding() begins with what stands, unless that has longer chains, or tips too deep to build on", () => {
  strictEqual(begin().fromStanding(0.4, 99), undefined);
  const standing = build(rewritten(PLAIN, ROOM, findRewrites(compress(ROOM))));
  const attempts = new Attempts(standing, findNaturalBases(standing), 9, {});
  ok(attempts.fromStanding(0.4, 99)!.search.totalRows <= standing.totalRows);
  strictEqual(attempts.fromStanding(0.4, 60), undefined);
});

Deno.test("Attempt.polish() makes it no worse, and its figures are those of the plan as it is then", () => {
  const found = begin().under(99, [1, 0.45, 0.15], 0.4);
  const before = found.objective;
  found.polish();
  ok(found.objective <= before + 1e-6, `${before} ${found.objective}`);
  strictEqual(found.objective, found.search.objective(0.4, 9));
});

Deno.test("Attempts come within 1 % of the optimum of all plans, on average over small rooms, at any setting's rate", () => {
  for (const rate of [0.05, 0.5, 5]) {
    const { mean, text } = distances(100, (room) => {
      const attempts = new Attempts(room, findNaturalBases(room), 9, {});
      const hung = STARTS.map((shares) => attempts.under(99, shares, rate));
      const best = [attempts.along(99, rate), ...hung].reduce(better);
      best.polish();
      return { room, rate, newestWeight: 9, plan: best.search };
    });
    console.log(`    at ${rate}: ${text}`);
    ok(mean <= 0.01, text);
  }
});

Deno.test("splitOf() has no level that is not lower than the one before", () => {
  deepStrictEqual(splitOf(99, [1, 0.45, 0.15]), [99, 45, 15]);
  deepStrictEqual(splitOf(2, [1, 0.45, 0.15]), [2, 1]);
});

type Attempt = ReturnType<Attempts["under"]>;
