import { ok, strictEqual } from "node:assert/strict";
import { estimateBytes, estimateRowBytes } from "../../../src/core/forest/bytes.ts";
import { forest } from "../../support/forest.ts";

const ROOM = forest("10{a=1,b=1,c=1}, 20{a=2,b=1,c=1}, 30{a=3,b=1,c=1}");

Deno.test("estimateRowBytes() grows with the key, and is what PostgreSQL takes for a small one", () => {
  const { keys } = ROOM;
  const long = forest(`1{${"x".repeat(100)}/${"y".repeat(100)}=1, a=1}`);
  const bytes = estimateRowBytes(long);
  ok(bytes[long.keys.internPair("x".repeat(100), "y".repeat(100))]! > bytes[long.keys.internPair("a", "")]! + 350);
  // 24 bytes of header, a number, four short texts and a line pointer; in the index a header, the number and two texts.
  strictEqual(keys.size, 3);
  for (const size of estimateRowBytes(ROOM)) ok(size > 70 && size < 110, String(size));
});

Deno.test("estimateBytes() adds up the rows of all groups", () => {
  strictEqual(estimateBytes(ROOM), 3 * estimateRowBytes(ROOM).reduce((a, b) => a + b));
  strictEqual(estimateBytes(forest("1{}")), 0);
});
