import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { DEFECT_KINDS } from "../../../src/core/forest/defects.ts";
import { countFindings, type Diagnosis, FINDING_KINDS, isHarmful, isSound } from "../../../src/db/read/findings.ts";

Deno.test("isHarmful() holds for every defect that keeps groups from being compressed, and not for left-overs", () => {
  for (const kind of DEFECT_KINDS) ok(FINDING_KINDS.includes(kind) && isHarmful(kind), kind);
  deepStrictEqual(FINDING_KINDS.filter((kind) => !isHarmful(kind)), [
    "orphan-edge",
    "orphan-row",
    "missing-head",
    "gone-room",
  ]);
});

Deno.test("isSound() counts what does harm, and nothing else", () => {
  const diagnosis = (counts: Partial<Record<typeof FINDING_KINDS[number], number>>): Diagnosis => ({
    roomId: undefined,
    groups: 9,
    findings: FINDING_KINDS.map((kind) => ({ kind, count: counts[kind] ?? 0, first: [] })),
    unused: { groups: 5, unreferenced: 2 },
  });
  strictEqual(isSound(diagnosis({ "orphan-row": 3, "gone-room": 1 })), true);
  const broken = diagnosis({ cycle: 2, "null-value": 1, "orphan-edge": 4 });
  strictEqual(isSound(broken), false);
  deepStrictEqual([countFindings(broken, true), countFindings(broken, false)], [3, 4]);
});
