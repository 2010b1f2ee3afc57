import { ok } from "node:assert/strict";
import { type DeltaForest, NONE } from "../../../src/core/forest/forest.ts";
import { compress } from "../../../src/core/plan/compress.ts";
import { countReaders } from "../../../src/core/plan/cost.ts";
import { findNaturalBases } from "../../../src/core/plan/natural.ts";
import { LocalSearch } from "../../../src/core/plan/search.ts";
import { build, randomRoom } from "../../support/forest.ts";
import { distances } from "../../support/optimum.ts";

const RATE = 5;

/** Ours, at the same rate. */
function found(room: DeltaForest): LocalSearch {
  const start = compress(room, { prefer: "rows", maxHops: 99 });
  const limits = { maxHops: 99, reserve: new Int32Array(room.size), readers: countReaders(room) };
  const search = new LocalSearch(room, findNaturalBases(room), start, limits);
  search.weigh(10);
  for (let i = 0; i < 2; i++) {
    search.moveHeads(RATE);
    search.shiftHeads(RATE);
    search.moveAll(RATE);
  }
  return search;
}

Deno.test("LocalSearch comes within 1 % of the optimum of all plans, on average over small rooms", () => {
  const { mean, text } = distances(150, (room) => ({ room, rate: RATE, newestWeight: 10, plan: found(room) }));
  console.log(`    ${text}`);
  ok(mean <= 0.01, text);
});

Deno.test("LocalSearch keeps hops, rows and weights right through every move", () => {
  for (let seed = 0; seed < 60; seed++) {
    const room = build(randomRoom(seed, 120));
    const search = found(room);
    const rows = search.rowCount.reduce((a, b) => a + b, 0);
    ok(search.totalRows === rows, `seed ${seed}: ${search.totalRows} rows, counted ${rows}`);
    for (let g = 0; g < room.size; g++) {
      const base = search.predecessor[g]!;
      const size = base === NONE
        ? room.states.keyCount(room.state[g]!)
        : room.states.deltaSize(room.state[base]!, room.state[g]!);
      if (base !== room.predecessor[g]) ok(size === search.rowCount[g], `seed ${seed}: group ${g} has ${size} rows`);
    }
    // Objectives by the search's own columns and by a count from scratch differ by the fixed part and the fees alone.
    const fresh = new LocalSearch(room, findNaturalBases(room), search, {
      maxHops: 99,
      reserve: new Int32Array(room.size),
      readers: countReaders(room),
    });
    const [a, b] = [search.readCosts(), fresh.readCosts()];
    ok(Math.abs(a.meanUs - b.meanUs) < 1e-6 && Math.abs(a.newestUs - b.newestUs) < 1e-6, `seed ${seed}`);
    ok(Math.abs(search.objective(RATE, 10) - fresh.objective(RATE, 10)) < 1e-6);
  }
});
