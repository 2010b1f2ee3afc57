import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatBytes, formatCount, formatDuration, formatPercent, formatUnits } from "../../src/format/numbers.ts";

Deno.test("formatCount() separates thousands, whatever the system's language", () => {
  strictEqual(formatCount(2695939), "2,695,939");
  strictEqual(formatCount(-1000), "-1,000");
  strictEqual(formatCount(0), "0");
});

Deno.test("formatUnits() knows one from many", () => {
  deepStrictEqual([0, 1, 2000].map((n) => formatUnits(n, "row")), ["0 rows", "1 row", "2,000 rows"]);
  strictEqual(formatUnits(2, "index", "indexes"), "2 indexes");
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

Deno.test("formatDuration() names two units at most", () => {
  const shown = [0, 420, 9994, 12_345, 59_940, 59_960, 80_000, 3_600_000, 7_500_000, 273_600_000].map(formatDuration);
  deepStrictEqual(shown, [
    "0.00 s",
    "0.42 s",
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

Deno.test("formatPercent() shows a share", () => {
  strictEqual(formatPercent(0.04061, 2), "4.06 %");
});
