import { deepStrictEqual, ok } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { type BlockPlace, BlockTable, type Prices } from "../../../src/core/plan/blocks.ts";

const PRICES: Prices = { hop: 0.05, row: 0.02, rewrite: 0.3, rootPath: 0.4 };

/** A line of blocks of one group each: which key each one changes, and what it weighs. */
interface Line {
  readonly changed: readonly number[];
  readonly weights: readonly number[];
}

const KEYS = 3;
const rowsBetween = ({ changed }: Line, j: number, k: number) => new Set(changed.slice(j, k)).size;

function tableOf(line: Line, snapshotRows = KEYS): BlockTable {
  const table = new BlockTable();
  table.reset(line.changed.length);
  line.weights.forEach((weight) => table.add({ weight, restRows: 0, restHops: 0, snapshotRows }));
  for (let k = 1; k <= line.changed.length; k++) {
    for (let j = 0; j < k; j++) table.setRows(j, k, rowsBetween(line, j, k), rowsBetween(line, j, k));
  }
  return table;
}

/** What places cost, worked out from the line alone. */
function costOf(line: Line, bases: readonly number[]): number {
  const hops = [PRICES.rootPath / PRICES.hop];
  const path = [0];
  let cost = 0;
  for (let k = 1; k <= line.changed.length; k++) {
    const base = bases[k]!;
    const rows = base < 0 ? KEYS : rowsBetween(line, base, k);
    hops[k] = base < 0 ? 0 : hops[base]! + 1;
    path[k] = rows + (base < 0 ? 0 : path[base]!);
    cost += rows + (base === k - 1 ? 0 : PRICES.rewrite) +
      line.weights[k - 1]! * (PRICES.hop * hops[k]! + PRICES.row * path[k]!);
  }
  return cost;
}

/** The least cost of all places: every block on any before it, or on none. */
function optimum(line: Line): number {
  const bases = [0];
  let best = Infinity;
  const place = (k: number) => {
    if (k > line.changed.length) {
      best = Math.min(best, costOf(line, bases));
      return;
    }
    for (let base = -1; base < k; base++) {
      bases[k] = base;
      place(k + 1);
    }
  };
  place(1);
  return best;
}

Deno.test("BlockTable.solve() comes within 1 % of the optimum of all places, on average over small lines", () => {
  const random = mulberry32(7);
  let [ours, least] = [0, 0];
  for (let i = 0; i < 60; i++) {
    const length = 3 + Math.floor(random() * 5);
    const line = {
      changed: Array.from({ length }, () => Math.floor(random() * KEYS)),
      weights: Array.from({ length }, () => 1 + Math.floor(random() * 30)),
    };
    const mine = costOf(line, tableOf(line).solve(PRICES).map(({ base }) => base));
    const best = optimum(line);
    ok(mine >= best - 1e-9, `${mine} is below the optimum ${best}: one of the two is wrong`);
    ours += mine;
    least += best;
  }
  ok(ours <= least * 1.01, `${(100 * (ours / least - 1)).toFixed(2)} % above the optimum`);
});

const bases = (places: readonly BlockPlace[]) => places.slice(1).map(({ base }) => base);
/** Each block changes the same key: the less hops the better. */
const FLAT: Line = { changed: Array(6).fill(0), weights: Array(6).fill(100) };

Deno.test("BlockTable.solve() builds on no base that is forbidden, and moves no block that is fixed", () => {
  deepStrictEqual(bases(tableOf(FLAT, 1_000).solve(PRICES)), [0, 0, 0, 0, 0, 0]);
  const table = tableOf(FLAT, 1_000);
  table.forbidBase(0, { head: true, end: true });
  deepStrictEqual(bases(table.solve(PRICES)), [0, 1, 1, 1, 1, 1], "the first may stay where it is");
  table.fix(4);
  deepStrictEqual(bases(table.solve(PRICES))[3], 3);
  for (let j = 1; j <= 6; j++) table.forbidBase(j, { head: true, end: true });
  for (let k = 1; k <= 6; k++) table.fix(k);
  deepStrictEqual(bases(table.solve(PRICES)), [0, 1, 2, 3, 4, 5], "as it stands is always possible");
});

Deno.test("BlockTable.solve() begins with a snapshot where the line builds on nothing, and ends paths where that is cheaper", () => {
  const table = tableOf(FLAT, 1_000);
  table.forbidRoot();
  deepStrictEqual(bases(table.solve(PRICES)), [-1, 1, 1, 1, 1, 1]);
  deepStrictEqual(bases(tableOf(FLAT, 1_000).solve({ ...PRICES, rootPath: 100 })), [-1, 1, 1, 1, 1, 1]);
});

Deno.test("BlockTable.solve() tells a block's head from its end, on which less is missing and more is read", () => {
  const places = [1, 1_000].map((weight) => {
    const table = new BlockTable();
    table.reset(3);
    for (let k = 1; k <= 3; k++) table.add({ weight, restRows: 20, restHops: 20, snapshotRows: 500 });
    for (const [j, k] of [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]] as const) {
      table.setRows(j, k, j === 0 ? 400 * k : 21 * (k - j), j === 0 ? 400 * k : 21 * (k - j) - 20);
    }
    return table.solve({ ...PRICES, rewrite: 0 })[2];
  });
  deepStrictEqual(places, [{ base: 1, isOnHead: false }, { base: 1, isOnHead: true }]);
});
