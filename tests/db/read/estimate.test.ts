import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { countDrawn, estimate } from "../../../src/db/read/estimate.ts";
import { mulberry32 } from "../../../scripts/rooms.ts";

Deno.test("estimate() covers the truth about 19 times of 20, however the rows lie", () => {
  const random = mulberry32(3);
  const pages = Array.from({ length: 2_000 }, (_, i) => i % 10 < 3 ? 60 : Math.floor(random() * 4));
  const truth = pages.reduce((sum, rows) => sum + rows, 0);
  let covered = 0;
  for (let run = 0; run < 400; run++) {
    let [sum, squares] = [0, 0];
    const left = pages.slice();
    for (let drawn = 0; drawn < 200; drawn++) {
      const [rows] = left.splice(Math.floor(random() * left.length), 1);
      [sum, squares] = [sum + rows!, squares + rows! ** 2];
    }
    const { value, error } = estimate(pages.length, 200, sum, squares);
    if (Math.abs(value - truth) <= error) covered++;
  }
  ok(covered > 360 && covered < 396, `${covered}`);
});

Deno.test("estimate() says what it can of nothing, and of a single page", () => {
  strictEqual(estimate(1_000, 100, 0, 0).value, 0);
  ok(estimate(1_000, 100, 0, 0).error >= 30);
  deepStrictEqual(estimate(1_000, 1, 5, 25), { value: 5_000, error: 5_000 });
  strictEqual(estimate(100, 100, 50, 40).error, 0);
});

Deno.test("countDrawn() takes the pages that were seen, unless many must have been empty", () => {
  deepStrictEqual([countDrawn(10_000, 0.1, 990), countDrawn(10_000, 0.1, 500)], [990, 1000]);
});
