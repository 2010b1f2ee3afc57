import { strictEqual, throws } from "node:assert/strict";
import { insertUsage } from "../../scripts/usage.ts";

Deno.test("insertUsage() puts the help text between the markers, again and again", () => {
  const once = insertUsage("before <!-- usage --> old <!-- usage --> after", "Usage: x\n");
  strictEqual(once, "before <!-- usage -->\n\n```text\nUsage: x\n```\n\n<!-- usage --> after");
  strictEqual(insertUsage(once, "Usage: x\n"), once);
});

Deno.test("insertUsage() refuses a text without the two markers", () => {
  for (const text of ["", "<!-- usage -->"]) throws(() => insertUsage(text, "Usage"), /two <!-- usage --> markers/);
});
