import { strictEqual } from "node:assert/strict";
import { printable } from "../../src/format/text.ts";

Deno.test("printable() shows what a terminal would obey", () => {
  const shown: [text: string, expected: string][] = [
    ["!\x1b[2J\x1b]0;title\x07:x", "!\\x1b[2J\\x1b]0;title\\x07:x"],
    ["a\nDefects found: 0.\r\tb\0", "a\\nDefects found: 0.\\r\\tb\\x00"],
    ["\x7f\x80\x9b31m\u2028\u2029", "\\x7f\\x80\\x9b31m\\u2028\\u2029"],
    ["!gro\u202etxt.exe\u2066\u200f", "!gro\\u202etxt.exe\\u2066\\u200f"],
    ["half \ud83e", "half \\ud83e"],
  ];
  for (const [text, expected] of shown) {
    strictEqual(printable(text), expected);
    strictEqual(printable(expected), expected);
  }
});

Deno.test("printable() leaves all else as it is", () => {
  for (
    const text of [
      "",
      "!room:test",
      "🦀 ßéñ 日本 עברית",
      'm.room.member "@u:h"',
      "a\\b $$ 'c'",
      "\u200d zero-width joiner",
    ]
  ) {
    strictEqual(printable(text), text);
  }
});
