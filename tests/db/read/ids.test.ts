import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { IdColumn, IdReader, parseId, readId } from "../../../src/db/read/ids.ts";
import { CapacityError } from "../../../src/errors.ts";

function int64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
}

const SAFE = 2n ** 53n - 1n;

Deno.test("readId() reads every int64: as a number, or as digits where a number would lose some", () => {
  for (const value of [0n, 1n, -1n, -(2n ** 31n), 2n ** 32n - 1n, 2n ** 40n, SAFE, -SAFE]) {
    strictEqual(readId(int64(value), 0), Number(value));
  }
  for (const value of [SAFE + 1n, SAFE + 2n, -SAFE - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    strictEqual(readId(int64(value), 0), String(value));
  }
});

Deno.test("parseId() and IdReader refuse what a number cannot hold, by its digits", () => {
  strictEqual(parseId("-12"), -12);
  throws(
    () => parseId("9007199254740993"),
    (error) => error instanceof CapacityError && /9007199254740993/.test(error.message),
  );
  const reader = new IdReader();
  strictEqual(reader.read(int64(7n), 0), 7);
  reader.check();
  strictEqual(reader.read(int64(SAFE + 2n), 0), NaN);
  reader.read(int64(-SAFE - 5n), 0);
  throws(() => reader.check(), /state group 9007199254740993:/);
});

Deno.test("IdColumn holds more ids than a Set of V8, in their order", () => {
  const ids = new IdColumn();
  strictEqual(ids.last, undefined);
  const count = 2 ** 24 + 2;
  for (let id = 0; id < count; id++) ids.add(id);
  deepStrictEqual([ids.size, ids.last, ids.all().length], [count, count - 1, count]);
  strictEqual(ids.all()[2 ** 24], 2 ** 24);
});
