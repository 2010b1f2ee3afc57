import { doesNotThrow, throws } from "node:assert/strict";
import { apart, checkBound, checkRange, needs } from "../../src/cli/options.ts";
import { UsageError } from "../../src/errors.ts";

const bound = (some: Partial<Parameters<typeof checkBound>[0]>) => () =>
  checkBound({ levels: undefined, maxHops: undefined, prefer: undefined, strategy: undefined, ...some });

Deno.test("checkBound() refuses two bounds on hops, and a preference that would be ignored", () => {
  for (const fine of [{}, { levels: [9] }, { maxHops: 9 }, { prefer: "reads" }, { strategy: "levels", levels: [9] }]) {
    doesNotThrow(bound(fine as object), JSON.stringify(fine));
  }
  for (
    const wrong of [{ levels: [9], maxHops: 9 }, { levels: [9], prefer: "reads" }, { strategy: "levels", maxHops: 9 }, {
      strategy: "levels",
      prefer: "rows",
    }]
  ) throws(bound(wrong as object), UsageError, JSON.stringify(wrong));
});

Deno.test("checkRange() refuses a range that can hold no group", () => {
  doesNotThrow(() => checkRange({ minGroup: 5, maxGroup: 6 }));
  doesNotThrow(() => checkRange({ minGroup: 5, maxGroup: undefined }));
  throws(() => checkRange({ minGroup: 5, maxGroup: 5 }), /above 5 and up to 5: there are none/);
});

Deno.test("needs() and apart() name both flags", () => {
  throws(() => needs(true, "--vacuum", undefined, "-c", "Add -c."), /Cannot use --vacuum without -c/);
  doesNotThrow(() => needs(undefined, "--vacuum", undefined, "-c", "Add -c."));
  throws(() => apart(1, "x", "-a and -b", "One."), /Cannot use -a and -b together/);
  doesNotThrow(() => apart(undefined, "x", "-a and -b", "One."));
});
