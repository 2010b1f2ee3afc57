import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { DEFAULT_LEVELS, makeLevels, parseLevels, pushLevels } from "../../../src/core/plan/levels.ts";

Deno.test("parseLevels() reads what the command line and the settings give", () => {
  deepStrictEqual(parseLevels("100,50,25"), [100, 50, 25]);
  deepStrictEqual(parseLevels(" 100 , 50,25 "), [100, 50, 25]);
  deepStrictEqual(parseLevels("7"), [7]);
  deepStrictEqual(parseLevels("2147483647,1"), [2147483647, 1]);
  strictEqual(DEFAULT_LEVELS.reduce((a, b) => a + b), 175);
});

Deno.test("parseLevels() refuses all else, and says what it got", () => {
  const wrong = [
    "",
    " ",
    ",",
    "100,",
    ",100",
    "100,,50",
    "100,x",
    "0",
    "100,0",
    "-5",
    "1.5",
    "1e2",
    "0x10",
    "+3",
    "1 2",
    "2147483648",
    "١",
  ];
  for (const text of wrong) {
    throws(
      () => parseLevels(text),
      (error) => error instanceof SyntaxError && error.message.includes(JSON.stringify(text)),
    );
  }
});

Deno.test("makeLevels() makes empty ones, and refuses sizes that are none", () => {
  deepStrictEqual(makeLevels([3, 2]), [{ maxLength: 3, length: 0, head: -1 }, { maxLength: 2, length: 0, head: -1 }]);
  for (const size of [0, -1, 1.5, NaN, 2 ** 31]) throws(() => makeLevels([3, size]), RangeError);
});

Deno.test("pushLevels() proposes heads in the Rust tool's order", () => {
  const levels = makeLevels([3, 2]);
  const proposed = Array.from({ length: 10 }, (_, g) => pushLevels(levels, g));
  // A snapshot; two deltas on it; a head of the second level, on the snapshot's place there (none yet); …
  deepStrictEqual(proposed, [-1, 0, 1, -1, 3, 4, 3, 6, 7, -1]);
});

Deno.test("pushLevels() never proposes more hops than the levels' sum", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }), (sizes) => {
    const levels = makeLevels(sizes);
    const bound = sizes.reduce((a, b) => a + b);
    const hops: number[] = [];
    for (let g = 0; g < 300; g++) {
      const base = pushLevels(levels, g);
      ok(base < g);
      hops.push(base === -1 ? 0 : hops[base]! + 1);
      ok(hops[g]! < bound, `${hops[g]} hops, levels ${sizes}`);
      for (const level of levels) ok(level.length <= level.maxLength);
    }
  }));
});
