import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  formatBytes,
  formatCompact,
  formatCount,
  formatDuration,
  formatFigure,
  formatMean,
  formatMicroseconds,
  formatPercent,
  formatUnits,
} from "../../src/format/numbers.ts";

Deno.test("formatCount() separates thousands, whatever the system's language", () => {
  strictEqual(formatCount(2695939), "2,695,939");
  strictEqual(formatCount(-1000), "-1,000");
  strictEqual(formatCount(0), "0");
});

Deno.test("formatUnits() knows one from many", () => {
  deepStrictEqual([0, 1, 2000].map((n) => formatUnits(n, "row")), ["0 rows", "1 row", "2,000 rows"]);
  strictEqual(formatUnits(2, "index", "indexes"), "2 indexes");
});

Deno.test("formatMean() has one digit after the point, formatCompact() three digits in all", () => {
  deepStrictEqual([0, 49.44, 1234].map(formatMean), ["0.0", "49.4", "1,234.0"]);
  deepStrictEqual([0, 999, 1234, 2_751_145].map(formatCompact), ["0", "999", "1.23K", "2.75M"]);
});

Deno.test("formatBytes() counts in binary units and never shows 1,024 of one", () => {
  const shown = [0, 1, 1023, 1024, 1536, 1024 ** 2 - 1, 12.4 * 1024 ** 2, 9.96 * 1024 ** 3, 3e15, -2048].map(
    formatBytes,
  );
  deepStrictEqual(shown, [
    "0 bytes",
    "1 byte",
    "1,023 bytes",
    "1.0 KiB",
    "1.5 KiB",
    "1.0 MiB",
    "12 MiB",
    "10 GiB",
    "2,728 TiB",
    "-2.0 KiB",
  ]);
});

Deno.test("formatDuration() names two units at most, and no digits that a round time does not have", () => {
  const shown = [0, 420, 5000, 9994, 12_345, 59_940, 59_960, 80_000, 3_599_600, 7_500_000, 273_600_000].map(
    formatDuration,
  );
  deepStrictEqual(shown, [
    "0 s",
    "0.42 s",
    "5 s",
    "9.99 s",
    "12.3 s",
    "59.9 s",
    "1 min",
    "1 min 20 s",
    "1 h",
    "2 h 5 min",
    "3 d 4 h",
  ]);
});

Deno.test("formatPercent() shows a share, and rounds nothing to none or all", () => {
  const shown = [0, 1e-5, 0.0003, 0.00096, 0.042, 0.0996, 0.5, 0.904, 0.9993, 0.99996, 1, 1.04].map((share) =>
    formatPercent(share)
  );
  deepStrictEqual(shown, [
    "0%",
    "under 0.01%",
    "0.03%",
    "0.1%",
    "4.2%",
    "10%",
    "50%",
    "90.4%",
    "99.9%",
    "over 99.9%",
    "100%",
    "104.0%",
  ]);
  deepStrictEqual([formatPercent(3, 4), formatPercent(0, 0)], ["75%", "0%"]);
});

Deno.test("formatFigure() rounds to what the error leaves; formatMicroseconds() takes the unit that fits", () => {
  strictEqual(
    [
      formatFigure(1234, 0),
      formatFigure(1_234_567, 12_345),
      formatFigure(1_234_567, 400_000),
      formatFigure(10, 20),
      formatFigure(3 * 1024 ** 3, 1024 ** 3 / 4, formatBytes),
    ].join(" | "),
    "1,234 | 1,230,000 ±1.0% | 1,200,000 ±32% | under 30 | 3.0 GiB ±8.3%",
  );
  strictEqual(
    [1, 850, 1_234, 34_000, 2_000_000].map(formatMicroseconds).join(" | "),
    "1 µs | 850 µs | 1.2 ms | 34 ms | 2,000 ms",
  );
});
