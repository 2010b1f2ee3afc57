import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { grown, Interner, KeyInterner } from "../../../src/core/forest/interner.ts";
import { CapacityError } from "../../../src/errors.ts";

const encoder = new TextEncoder();

Deno.test("Interner numbers distinct bytes densely, as a Map of their texts does", () => {
  // Few letters and many lengths, so that strings come again and differ in one byte.
  const bytes = fc.uint8Array({ max: 2, maxLength: 9 });
  fc.assert(fc.property(fc.array(bytes, { maxLength: 200, size: "max" }), (strings) => {
    const interner = new Interner();
    const ids = new Map<string, number>();
    for (const string of strings) {
      const name = string.join();
      strictEqual(interner.find(string, 0, string.length), ids.get(name) ?? -1);
      if (!ids.has(name)) ids.set(name, ids.size);
      strictEqual(interner.intern(string, 0, string.length), ids.get(name));
    }
    strictEqual(interner.size, ids.size);
    for (const [name, id] of ids) strictEqual(interner.view(id).join(), name);
  }));
});

Deno.test("Interner reads a slice of a larger buffer, and nothing beside it", () => {
  const interner = new Interner();
  const bytes = encoder.encode("xxabcabcabdab");
  const id = interner.intern(bytes, 2, 5);
  strictEqual(interner.intern(bytes, 5, 8), id);
  ok(interner.equals(id, bytes, 5, 8));
  ok(!interner.equals(id, bytes, 8, 11));
  ok(!interner.equals(id, bytes, 11, 13));
  strictEqual(interner.find(bytes, 8, 11), -1);
  strictEqual(interner.text(id), "abc");
});

Deno.test("Interner keeps 400,000 strings apart, though some of their hashes are equal", () => {
  // By the birthday bound some 18 pairs among these share all 32 bits, whatever the seed.
  const interner = new Interner();
  const count = 400_000;
  const bytes = new Uint8Array(8);
  const words = new Uint32Array(bytes.buffer);
  const fill = (n: number) => {
    words[0] = Math.imul(n, 0x9e3779b1);
    words[1] = n;
  };
  for (let n = 0; n < count; n++) {
    fill(n);
    if (interner.intern(bytes, 0, 8) !== n) throw new Error(`string ${n} was taken for another one`);
  }
  strictEqual(interner.size, count);
  for (let n = 0; n < count; n++) {
    fill(n);
    if (interner.find(bytes, 0, 8) !== n) throw new Error(`string ${n} is not found again`);
  }
});

Deno.test("Interner holds strings longer than its first arena, empty ones, and odd bytes", () => {
  const interner = new Interner();
  const long = new Uint8Array(3 * 65_536 + 1).map((_, i) => i * 31);
  const other = long.slice();
  other[100_000]! ^= 1;
  strictEqual(interner.intern(long, 0, long.length), 0);
  strictEqual(interner.internText(""), 1);
  strictEqual(interner.intern(other, 0, other.length), 2);
  strictEqual(interner.intern(long, 0, long.length), 0);
  strictEqual(interner.internText(""), 1);
  deepStrictEqual(interner.view(0).slice(), long);
  strictEqual(interner.view(1).length, 0);
  strictEqual(interner.text(1), "");
  const odd = interner.intern(new Uint8Array([0xff, 0xc0, 0x80]), 0, 3);
  throws(() => interner.text(odd), TypeError);
  deepStrictEqual([...interner.view(odd)], [0xff, 0xc0, 0x80]);
  strictEqual(interner.label(odd), "\ufffd\ufffd\ufffd");
  strictEqual(interner.text(interner.internText("\ufeff🦀")), "\ufeff🦀");
});

Deno.test("Interner takes bytes out of its own arena", () => {
  const interner = new Interner();
  const id = interner.internText("a".repeat(60_000) + "b");
  const view = interner.view(id);
  const slice = interner.intern(view, 1, view.length);
  strictEqual(interner.text(slice), "a".repeat(59_999) + "b");
  strictEqual(interner.text(id), "a".repeat(60_000) + "b");
});

Deno.test("Interner.view() refuses ids that it never gave", () => {
  const interner = new Interner();
  interner.internText("a");
  for (const id of [-1, 1, 1_000]) throws(() => interner.view(id), RangeError);
});

Deno.test("KeyInterner keeps type and state key apart, and gives both back", () => {
  const keys = new KeyInterner();
  const pairs = [["a", "bc"], ["ab", "c"], ["abc", ""], ["", "abc"], ["", ""], ["m.room.member", "@u:h"]] as const;
  const ids = pairs.map(([type, stateKey]) => keys.internPair(type, stateKey));
  strictEqual(new Set(ids).size, pairs.length);
  pairs.forEach((pair, i) => deepStrictEqual([keys.type(ids[i]!), keys.stateKey(ids[i]!)], pair));
});

Deno.test("KeyInterner.label() names a key in a message, whatever its bytes", () => {
  const keys = new KeyInterner();
  strictEqual(keys.label(keys.internPair("m.room.member", 'a"b')), 'm.room.member "a\\"b"');
  strictEqual(keys.label(keys.intern(Uint8Array.of(0xff, 0, 0, 0, 1, 0xfe), 0, 6)), '\ufffd "\ufffd"');
});

Deno.test("KeyInterner gives back any pair of texts without NUL", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 }).map((text) => text.replaceAll("\0", "").toWellFormed());
  fc.assert(fc.property(text, text, (type, stateKey) => {
    const keys = new KeyInterner();
    const id = keys.internPair(type, stateKey);
    strictEqual(keys.type(id), type);
    strictEqual(keys.stateKey(id), stateKey);
  }));
});

Deno.test("KeyInterner takes a pair as it lies in a binary COPY row", () => {
  const keys = new KeyInterner();
  const row = [...encoder.encode("m.room.topic"), 0, 0, 1, 4, ...encoder.encode("k".repeat(260))];
  const id = keys.intern(Uint8Array.from(row), 0, row.length);
  strictEqual(keys.internPair("m.room.topic", "k".repeat(260)), id);
});

Deno.test("grown() keeps what was there, and refuses more than there can be", () => {
  deepStrictEqual([...grown(Int32Array.of(1, 2), 3)], [1, 2, 0, 0]);
  strictEqual(grown(new Uint8Array(3), 100).length, 100);
  strictEqual(grown(new Uint8Array(60), 61, 100).length, 100);
  throws(() => grown(new Uint8Array(60), 101, 100), CapacityError);
  throws(() => grown(new Float64Array(1), 2 ** 31), CapacityError);
  throws(() => grown(new Float64Array(1), 2 ** 50, 2 ** 51), CapacityError, "no machine has that much memory");
});
