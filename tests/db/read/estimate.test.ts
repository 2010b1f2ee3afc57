import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { countDrawn, estimate } from "../../../src/db/read/estimate.ts";

Deno.test("estimate() of all pages is the sum, without an error", () => {
  deepStrictEqual(estimate(4, 4, 10, 30), { value: 10, error: 0 });
});

Deno.test("estimate()'s interval holds the truth about 19 times in 20", () => {
  const random = mulberry32(7);
  // Some pages are full, most hold little: as rows of one room lie together.
  const pages = Array.from({ length: 2000 }, () => random() < 0.1 ? 60 : Math.floor(random() * 5));
  const truth = pages.reduce((sum, rows) => sum + rows, 0);
  let covered = 0;
  for (let round = 0; round < 400; round++) {
    const drawn = pages.map((rows) => [random(), rows] as const).sort(([a], [b]) => a - b).slice(0, 200);
    const sum = drawn.reduce((total, [, rows]) => total + rows, 0);
    const squares = drawn.reduce((total, [, rows]) => total + rows * rows, 0);
    const { value, error } = estimate(pages.length, drawn.length, sum, squares);
    if (Math.abs(value - truth) <= error) covered++;
  }
  ok(covered > 360 && covered < 397, `${covered} of 400`);
});

Deno.test("estimate() is honest where a sample saw nothing, or next to nothing", () => {
  deepStrictEqual(estimate(1000, 100, 0, 0), { value: 0, error: 1800 });
  deepStrictEqual(estimate(1000, 1, 6, 36), { value: 6000, error: 6000 });
});

Deno.test("countDrawn() believes what it sees, unless pages without rows must be missing", () => {
  strictEqual(countDrawn(10_000, 0.1, 985), 985);
  strictEqual(countDrawn(10_000, 0.1, 400), 1000);
});
