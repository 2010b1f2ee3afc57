import { ok } from "node:assert/strict";
import { type DeltaForest, NONE } from "../../../src/core/forest/forest.ts";
import { NO_FIT } from "../../../src/core/forest/states.ts";
import { compress } from "../../../src/core/plan/compress.ts";
import { countReaders } from "../../../src/core/plan/cost.ts";
import { findNaturalBases } from "../../../src/core/plan/natural.ts";
import { LocalSearch } from "../../../src/core/plan/search.ts";
import { build, randomRoom } from "../../support/forest.ts";

const RATE = 5;

/** rows + rate × Σ weight × read cost, from the columns alone. */
function objective(size: number, predecessor: ArrayLike<number>, rowCount: ArrayLike<number>): number {
  const hops: number[] = [];
  const path: number[] = [];
  let sum = 0;
  const newest = size - Math.max(1, Math.ceil(size * 0.05));
  for (let g = 0; g < size; g++) {
    const base = predecessor[g]!;
    hops[g] = base === NONE ? 0 : hops[base]! + 1;
    path[g] = rowCount[g]! + (base === NONE ? 0 : path[base]!);
    sum += rowCount[g]! + RATE * (g >= newest ? 10 : 1) * (100 + 10 * hops[g]! + 3 * path[g]!) / 1000;
  }
  return sum;
}

/** The least objective of all plans there are: every group on every group before it that fits. Branch and bound. */
function optimum({ size, states, state }: DeltaForest): number {
  const newest = size - Math.max(1, Math.ceil(size * 0.05));
  const predecessor = new Int32Array(size);
  const rowCount = new Int32Array(size);
  const hops = new Int32Array(size);
  const path = new Int32Array(size);
  let best = Infinity;
  const place = (g: number, sum: number): void => {
    if (sum >= best) return;
    if (g === size) {
      best = sum;
      return;
    }
    for (let base = NONE; base < g; base++) {
      const rows = base === NONE ? states.keyCount(state[g]!) : states.deltaSize(state[base]!, state[g]!);
      if (rows === NO_FIT) continue;
      [predecessor[g], rowCount[g]] = [base, rows];
      hops[g] = base === NONE ? 0 : hops[base]! + 1;
      path[g] = rows + (base === NONE ? 0 : path[base]!);
      place(g + 1, sum + rows + RATE * (g >= newest ? 10 : 1) * (100 + 10 * hops[g]! + 3 * path[g]!) / 1000);
    }
  };
  place(0, 0);
  return best;
}

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

Deno.test("LocalSearch comes within 2 % of the optimum of all plans, on average over small rooms", () => {
  let [ours, least, worst, exact] = [0, 0, 0, 0];
  const rooms = 150;
  for (let seed = 0; seed < rooms; seed++) {
    const room = build(randomRoom(seed, 8));
    const search = found(room);
    const mine = objective(room.size, search.predecessor, search.rowCount);
    const best = optimum(room);
    ok(mine >= best - 1e-6, `seed ${seed}: ${mine} is below the optimum ${best}: one of the two is wrong`);
    ours += mine;
    least += best;
    worst = Math.max(worst, mine / best - 1);
    if (mine < best + 1e-6) exact++;
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const text = `${percent(ours / least - 1)} above the optimum, at worst ${percent(worst)}; ${exact} of ${rooms} exact`;
  console.log(`    ${text}`);
  ok(ours <= least * 1.02, text);
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
