import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  addSkips,
  countSkips,
  isUnfinished,
  isWorthAnotherLook,
  noSkips,
  type SkipCounts,
  totalSkips,
} from "../../../src/db/write/skips.ts";
import { SKIP_KINDS, type SkipKind } from "../../../src/format/sql/skips.ts";

const counts = (some: Partial<SkipCounts>): SkipCounts => ({ ...noSkips(), ...some });

Deno.test("countSkips(), addSkips() and totalSkips() add up, every kind by itself", () => {
  const groups = (["gone", "bound", "gone"] as const).map((kind, i) => ({ groupId: i, kind, reason: "it is" }));
  const sum = countSkips(groups);
  deepStrictEqual(sum, counts({ gone: 2, bound: 1 }));
  addSkips(sum, counts({ gone: 1, contention: 4 }));
  deepStrictEqual([sum.gone, sum.bound, sum.contention, totalSkips(sum)], [3, 1, 4, 8]);
  strictEqual(totalSkips(noSkips()), 0);
});

Deno.test("isUnfinished(): another run writes what others held, and what is too long for now", () => {
  const unfinished = SKIP_KINDS.filter((kind) => isUnfinished(counts({ [kind]: 1 })));
  deepStrictEqual(unfinished, ["bound", "contention"] satisfies SkipKind[]);
});

Deno.test("isWorthAnotherLook(): all but groups that are gone or about to be", () => {
  const idle = SKIP_KINDS.filter((kind) => !isWorthAnotherLook(counts({ [kind]: 1 })));
  deepStrictEqual(idle, ["gone", "marked"] satisfies SkipKind[]);
  strictEqual(isWorthAnotherLook(counts({ gone: 3, changed: 1 })), true);
});
