import { match, strictEqual } from "node:assert/strict";
import { frontierSection } from "../../../src/format/page/frontier.ts";

Deno.test("frontierSection() marks each setting, and has every point in its table", () => {
  const { text } = frontierSection([
    { name: "now", rows: 9000, readMs: 1 },
    { name: "rows", rows: 3000, readMs: 3 },
    { rate: 0.4, rows: 4000, readMs: 1.1 },
  ]);
  match(text, /as it stands: 9,000 rows, 1\.00 ms a read/);
  match(text, />--prefer rows<\/text>/);
  strictEqual(text.split("<circle").length - 1, 2);
  strictEqual(text.split("<tr>").length - 1, 4);
  match(text, /at 0\.4 rows a millisecond/);
});
