import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatCoverage, formatRanges, parseLcov } from "../../scripts/coverage.ts";

const LCOV = `SF:/p/src/b.ts
DA:1,5
DA:2,0
DA:3,0
DA:9,0
end_of_record
SF:/p/src/a.ts
DA:1,1
end_of_record
`;

Deno.test("parseLcov() lists the lines that never ran, by file", () => {
  deepStrictEqual(parseLcov(LCOV, "/p/"), [
    { path: "src/a.ts", lines: 1, missed: [] },
    { path: "src/b.ts", lines: 4, missed: [2, 3, 9] },
  ]);
});

Deno.test("formatRanges() joins neighbours", () => {
  strictEqual(formatRanges([1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
  strictEqual(formatRanges([]), "");
});

Deno.test("formatCoverage() leaves out files without a gap, and ends with the sum", () => {
  strictEqual(formatCoverage(parseLcov(LCOV, "/p/")), "src/b.ts 25.0%: 2-3, 9\n2 of 5 lines covered (40.0%)");
});
