import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { splitLine, toBash } from "../../../src/cli/guide/line.ts";

Deno.test("splitLine() takes quotes and escapes as a POSIX shell does, open ones too", () => {
  for (
    const [line, words, current, quote] of [
      ["a b", ["a"], "b", ""],
      ["a b ", ["a", "b"], "", ""],
      ["a -r '!x y", ["a", "-r"], "!x y", "'"],
      ["a -r '!x' ", ["a", "-r", "!x"], "", ""],
      ['a "b\\"c', ["a"], 'b"c', '"'],
      ["a \\!b\\ c", ["a"], "!b c", ""],
      ["a --room='!b", ["a"], "--room=!b", "'"],
      ["a ''", ["a"], "", ""],
      ["a b'c'd", ["a"], "bcd", ""],
      ["a 'b\\", ["a"], "b\\", "'"],
      ["", [], "", ""],
    ] as const
  ) {
    const { words: found, current: last, quote: open } = splitLine(line);
    deepStrictEqual([found, last, open], [words, current, quote], line);
  }
});

Deno.test("toBash() quotes what a shell would take for more than a word, for where the cursor is", () => {
  const room = "!a$(touch x):h.org";
  for (
    const [line, replaced, value, inserted] of [
      ["p -r ", "", "!ab:h", "'!ab:h'"],
      ["p -r !a", "!a", "!ab:h", "'!ab:h'"],
      ["p -r '!a", "!a", "!ab:h", "!ab:h"],
      ["p -r '!a", "!a", room, room],
      ["p -r ", "", room, `'${room}'`],
      // readline breaks words at a colon: it keeps what is before.
      ["p -r \\!ab:h", "h", "!ab:h.org", "h.org"],
      ["p -r \\!ab:h", "h", "!ab:h $x", "h\\ \\$x"],
      ["p --room=", "", "--room=!ab:h", "\\!ab:h"],
      ["p ", "", "--strategy", "--strategy"],
      ["p -r ", "", "!it's:h", "'!it'\\''s:h'"],
      // What cannot be said there is not offered.
      ["p -r '!it", "!it", "!it's:h", undefined],
      ['p -r "!a', "!a", "!ab:h", undefined],
      ['p "au', "au", "auto", "auto"],
      ["p -r !b", "!b", "!ab:h", undefined],
    ] as const
  ) strictEqual(toBash(value, splitLine(line), replaced), inserted, `${line} ${value}`);
});
