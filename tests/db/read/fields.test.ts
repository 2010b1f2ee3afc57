import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Fields } from "../../../src/db/read/fields.ts";

/** Fields as binary COPY sends them: a length and the bytes, or -1 for NULL. */
function row(...fields: (Uint8Array | null)[]): Uint8Array {
  return Uint8Array.from(fields.flatMap((field) => {
    const length = new DataView(new ArrayBuffer(4));
    length.setInt32(0, field === null ? -1 : field.length);
    return [...new Uint8Array(length.buffer), ...field ?? []];
  }));
}

function int64(value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, value);
  return new Uint8Array(view.buffer);
}

const utf8 = new TextEncoder();

Deno.test("Fields reads ids, counts and texts in their order, and NULLs as undefined", () => {
  const bytes = row(int64(17n), utf8.encode("!ä:b"), null, null, int64(-5n), int64(2n ** 53n), utf8.encode(""));
  const fields = new Fields(Uint8Array.of(9, 9, ...bytes), 2);
  deepStrictEqual([fields.id(), fields.text(), fields.id(), fields.text()], [17, "!ä:b", undefined, undefined]);
  deepStrictEqual([fields.count(), fields.id(), fields.text()], [-5, "9007199254740992", ""]);
});

Deno.test("Fields.text() replaces bytes that are not UTF-8", () => {
  strictEqual(new Fields(row(Uint8Array.of(0x61, 0xff)), 0).text(), "a\ufffd");
});
