import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { details, drawBins, makeBins, table } from "../../../src/format/page/charts.ts";

Deno.test("makeBins() puts every value into a bin, and makes at most as many as asked for", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 2 ** 40 }),
    fc.integer({ min: 0, max: 10_000 }),
    fc.integer({ min: 1, max: 200 }),
    (from, span, most) => {
      const { starts, of } = makeBins(from, from + span, most);
      const bins = starts.length - 1;
      ok(bins >= 1 && bins <= most, `${bins} bins`);
      for (const value of [from, from + span, from + Math.floor(span / 2)]) {
        const bin = of(value);
        ok(bin >= 0 && bin < bins && value >= starts[bin]! && value < starts[bin + 1]!, `${value} in ${bin}`);
      }
    },
  ));
  deepStrictEqual(makeBins(1, 9, 3).starts, [1, 4, 7, 10]);
});

const CHART = {
  label: "Rows by <id>",
  xName: "id",
  yName: "Rows",
  nameOf: ({ from, to }: { from: number; to: number }) => `Groups ${from} to ${to - 1}`,
  bins: [{ from: 0, to: 10, before: 1234, after: 7 }, { from: 10, to: 20, before: 0, after: 0 }],
};

Deno.test("drawBins() has a tooltip for each bin, and its figures as a table", () => {
  const { text } = drawBins(CHART);
  match(text, /<title>Groups 0 to 9\s+Rows before: 1,234\s+Rows after: 7<\/title>/);
  // A bin in which there is nothing is hovered over, but no row of the table.
  strictEqual(text.match(/class="hover"/g)!.length, 2);
  deepStrictEqual([...text.matchAll(/<th scope="row">([^<]*)/g)].map((row) => row[1]), ["Groups 0 to 9"]);
  ok(text.includes("Rows by &#60;id&#62;") && !text.includes("NaN"));
});

Deno.test("drawBins() draws mirrored, and without bins, without a figure that is none", () => {
  const { text } = drawBins({ ...CHART, mirrored: true });
  match(text, /class="side before"/);
  for (const chart of [{ ...CHART, bins: [] }, { ...CHART, bins: [], mirrored: true }]) {
    ok(!/NaN|Infinity|undefined/.test(drawBins(chart).text));
  }
});

Deno.test("table() and details() say what they are to those who cannot see them", () => {
  match(table(["-Name", "", "Rows"], "", "Groups").text, /aria-label="Table: Groups"/);
  match(table(["-Name"], "", "x").text, /<th scope="col" class="text">Name<\/th>/);
  strictEqual(details("More", "<").text, "<details><summary>More</summary>&#60;</details>");
});
