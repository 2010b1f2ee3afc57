import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { visible } from "../../src/format/visible.ts";

Deno.test("visible() shows control characters, line breaks and bidirectional overrides as escapes", () => {
  strictEqual(visible("!a\x1b]0;title\x07:b"), "!a\\x1b]0;title\\x07:b");
  strictEqual(visible("a\r\nb\tc"), "a\\r\\nb\\tc");
  strictEqual(visible("\x9b31m\x7f\u202egnp.exe\u2066\u2028"), "\\x9b31m\\x7f\\u202egnp.exe\\u2066\\u2028");
});

Deno.test("visible() leaves what people write as it is, and is the same when it is done twice", () => {
  const plain = "!wOlkWNmgkAZFxbTaqj:matrix.org ä 漢字 🙂 عربي \\x1b";
  strictEqual(visible(plain), plain);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const shown = visible(text);
    strictEqual(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(shown), false);
    strictEqual(visible(shown), shown);
  }));
});
