import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { formatFreed } from "../../src/text/room.ts";

const freed = (bytesFreed: number, vacuumed = false) =>
  formatFreed({ rowsDeleted: 300, rowsInserted: 30, bytesFreed, vacuumed });

Deno.test("formatFreed() says in one line what becomes of little space, and names reclaim where it is worth a command", () => {
  deepStrictEqual(freed(22_000), [
    "New rows can use the freed space after the next autovacuum; the files do not shrink.",
  ]);
  match(freed(22_000, true)[0]!, /can use the freed space now; the files do not shrink\.$/);
  strictEqual(freed(100 * 1024 ** 2 - 1).length, 1);
  match(freed(3_000_000_000)[1]!, /^To give the space back to the system: `synapse_compress_state reclaim`/);
  deepStrictEqual(formatFreed({ rowsDeleted: 5, rowsInserted: 5, bytesFreed: 0, vacuumed: false }), []);
});
