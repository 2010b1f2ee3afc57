import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import stringWidth from "string-width";
import { countRows, formatLine, formatPlain, type Measured } from "../../../src/cli/progress/line.ts";
import { Meter } from "../../../src/cli/progress/meter.ts";
import type { Phase } from "../../../src/cli/progress/phase.ts";

/** A phase that began 4 s ago at nothing, and went on evenly. */
function measured(phase: Phase): Measured {
  const meter = new Meter();
  const part = (value: number | undefined, s: number) => value === undefined ? undefined : value * s / 4;
  for (let s = 0; s <= 4; s++) meter.note(s * 1000, part(phase.share, s), part(phase.done, s));
  return { phase, meter, startedAt: 0 };
}

const READING = measured({ name: "reading rows", share: 0.4, unit: "row", done: 1_200_000 });

Deno.test("formatLine() has a bar, the percentage, the count, the rate and the time left", () => {
  strictEqual(
    formatLine(READING, 4000, 100),
    "reading rows  [========            ]   40%  1,200,000 rows  300,000 rows/s  6 s left",
  );
});

Deno.test("formatLine() leaves the least important out where it is narrow", () => {
  deepStrictEqual([100, 79, 66, 52, 40, 20, 8, 1].map((width) => formatLine(READING, 4000, width)), [
    "reading rows  [========            ]   40%  1,200,000 rows  300,000 rows/s  6 s left",
    "reading rows  [========            ]   40%  1,200,000 rows  6 s left",
    "reading rows  [========            ]   40%  6 s left",
    "reading rows  [========            ]   40%  6 s left",
    "reading rows   40%  6 s left",
    "reading rows   40%",
    "reading ",
    "r",
  ]);
});

Deno.test("formatLine() shows how long it has taken where nothing tells how long it will", () => {
  strictEqual(formatLine(measured({ name: "vacuuming the table" }), 75_000, 79), "vacuuming the table  1 min 15 s");
});

Deno.test("formatLine() fits any width, whatever a room is called", () => {
  const share = fc.option(fc.double({ min: -1, max: 2, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      share,
      fc.nat(1e9),
      fc.integer({ min: 1, max: 200 }),
      (name, ...rest) => {
        const [share, done, width] = rest;
        const line = formatLine(measured({ name, share, unit: "row", done, details: ["漢字", name] }), 4000, width);
        ok(stringWidth(line) <= width, JSON.stringify(line));
        ok(!/\p{Cc}/u.test(line), JSON.stringify(line));
      },
    ),
  );
});

Deno.test("formatPlain() is one line for a log, without a bar", () => {
  strictEqual(formatPlain(READING, 4000), "reading rows: 40%, 1,200,000 rows, 300,000 rows/s, 6 s left");
});

Deno.test("countRows() counts a wide character as two columns", () => {
  deepStrictEqual([countRows("", 10), countRows("0123456789", 10), countRows("漢字漢字漢字", 10)], [1, 1, 2]);
});
