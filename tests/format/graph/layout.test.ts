import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { assignLanes, findBranches, layOut } from "../../../src/format/graph/layout.ts";

/** Any predecessors: earlier and later nodes, the node itself, none. */
const ANY = fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 40 })
  .map((bases) => bases.map((base) => base < bases.length ? base : -1));

Deno.test("findBranches() follows the biggest child, and begins a branch at every other", () => {
  // 0 <- 1 <- 2 <- 4 <- 5, and 1 <- 3
  const { count, branch, size } = findBranches([-1, 0, 1, 1, 2, 4]);
  deepStrictEqual([count, [...branch], [...size]], [2, [0, 0, 0, 1, 0, 0], [5, 1]]);
});

Deno.test("findBranches() cuts a cycle where it leads back", () => {
  deepStrictEqual([...findBranches([2, 0, 1]).branch], [0, 0, 0]);
  deepStrictEqual([...findBranches([0]).branch], [0]);
});

Deno.test("assignLanes() gives a lane again once its branch has ended", () => {
  const branches = findBranches([-1, 0, 0, 2, -1, 4]);
  const { count, lane } = assignLanes(branches, [0, 1, 2, 3, 4, 5]);
  deepStrictEqual([count, [...lane]], [2, [0, 1, 0]]);
});

Deno.test("assignLanes() knows nothing of what is not shown", () => {
  const branches = findBranches([-1, 0, 0, 2]);
  deepStrictEqual([...assignLanes(branches, [1]).lane], [-1, 0]);
});

Deno.test("assignLanes() never puts two branches on one lane at a time, for any predecessors", () => {
  fc.assert(fc.property(ANY, (predecessor) => {
    const branches = findBranches(predecessor);
    const { lane } = assignLanes(branches, predecessor.map((_, n) => n));
    const spans = new Map<number, [number, number]>();
    predecessor.forEach((_, n) => {
      const b = branches.branch[n]!;
      spans.set(b, [spans.get(b)?.[0] ?? n, n]);
    });
    for (const [a, [from, to]] of spans) {
      for (const [b, [first, last]] of spans) {
        if (a < b && lane[a] === lane[b]) ok(to < first || last < from, `branches ${a} and ${b}`);
      }
    }
  }));
});

Deno.test("layOut() puts every shown node on a place of its own, by id from left to right", () => {
  fc.assert(fc.property(ANY, fc.infiniteStream(fc.boolean()), (predecessor, dice) => {
    const isShown = Uint8Array.from(predecessor, () => dice.next().value ? 1 : 0);
    const { column, row } = layOut(predecessor, { isShown });
    const places = new Set<string>();
    let last = -1;
    predecessor.forEach((_, n) => {
      if (isShown[n] === 0) return strictEqual(column[n], -1);
      ok(column[n]! > last);
      last = column[n]!;
      places.add(`${column[n]} ${row[n]}`);
    });
    strictEqual(places.size, isShown.reduce((sum, shown) => sum + shown, 0));
  }));
});

Deno.test("layOut() breaks a long chain into lines, about as wide as they are high", () => {
  const { column, row, columns, rows } = layOut(Array.from({ length: 50_000 }, (_, n) => n - 1));
  ok(columns > rows && columns < 4 * rows, `${columns} x ${rows}`);
  strictEqual(new Set(column.map((x, n) => x * 1e6 + row[n]!)).size <= 50_000, true);
  deepStrictEqual([column[0], row[0], column[columns]], [0, 0, 0]);
  ok(row[columns]! > 1);
});
