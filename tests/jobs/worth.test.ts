import { strictEqual, throws } from "node:assert/strict";
import { checkCut, isBloated, isWorthMoving } from "../../src/jobs/worth.ts";

Deno.test("isWorthMoving() wants more than a tenth, and more than a few pages", () => {
  strictEqual(isWorthMoving({ pages: 1101, idealPages: 1000 }), true);
  strictEqual(isWorthMoving({ pages: 1100, idealPages: 1000 }), false);
  strictEqual(isWorthMoving({ pages: 5, idealPages: 1 }), true);
  strictEqual(isWorthMoving({ pages: 4, idealPages: 1 }), false);
});

Deno.test("isBloated() wants a fifth more than a fresh index has, and 1 MiB at least", () => {
  const MIB = 1024 ** 2;
  const index = (bytes: number, idealBytes: number | undefined) => isBloated({ name: "i", bytes, idealBytes });
  strictEqual(index(121 * MIB, 100 * MIB), true);
  strictEqual(index(120 * MIB, 100 * MIB), false);
  strictEqual(index(MIB, MIB / 2), false);
  // An index with an expression: nobody knows what a fresh one would take.
  strictEqual(index(900 * MIB, undefined), false);
});

Deno.test("checkCut() refuses a table that VACUUM never cuts, and says how to change that", () => {
  checkCut({ truncateOff: undefined });
  for (
    const [truncateOff, hint] of [["table", /RESET \(vacuum_truncate\)/], [
      "server",
      /SET \(vacuum_truncate = on\)/,
    ]] as const
  ) {
    throws(() => checkCut({ truncateOff }), (error) => hint.test((error as { hint: string }).hint));
  }
});
