import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { measure } from "../../src/core/figures.ts";
import { compress } from "../../src/core/plan/compress.ts";
import { makeReport } from "../../src/jobs/report.ts";
import { forest } from "../support/forest.ts";

Deno.test("makeReport() has the figures of the compression, and nothing done yet", () => {
  const compression = compress(forest("1{a=1,b=1}, 2{a=2,b=1}, 3{a=3,b=1}"));
  const report = makeReport(compression);
  const figures = measure(compression);
  for (const [name, value] of Object.entries(figures)) {
    deepStrictEqual(report[name as keyof typeof figures], value, name);
  }
  const { outcome, groupsRewritten, groupsSkipped, rowsDeleted, rowsInserted, retries, vacuumed } = report;
  deepStrictEqual([outcome, groupsRewritten, groupsSkipped, rowsDeleted, rowsInserted, retries, vacuumed], [
    "planned",
    0,
    0,
    0,
    0,
    0,
    false,
  ]);
});

Deno.test("makeReport() plans nothing where no row is saved", () => {
  strictEqual(makeReport(compress(forest("1{a=1} <- 2{a=2}"))).outcome, "nothing-to-save");
});
