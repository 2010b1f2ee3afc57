import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { DEFECT_KINDS } from "../../src/core/forest/defects.ts";
import { type Diagnosis, explainDiagnosis, formatDiagnosis, isSound } from "../../src/format/doctor.ts";
import { FINDING_KINDS, type FindingKind, type Found, WORDS } from "../../src/format/findings.ts";

const FOUND: Found = {
  groupId: "9007199254740993",
  roomId: "!a:test",
  predecessorId: 7,
  predecessorIds: [7, 8],
  otherRoomId: "!b:test",
  count: 3,
  key: 't "k"',
  events: 2,
  column: "state_groups_state.type",
};

function diagnosis(...kinds: FindingKind[]): Diagnosis {
  const findings = FINDING_KINDS.map((kind) =>
    kinds.includes(kind) ? { kind, count: 1, first: [FOUND] } : { kind, count: 0, first: [] }
  );
  return { roomId: undefined, groups: 1234, findings, unused: { groups: 2000, unreferenced: 5 } };
}

Deno.test("WORDS has a kind for every defect that keeps groups from being compressed, and calls it harmful", () => {
  for (const kind of DEFECT_KINDS) {
    strictEqual(FINDING_KINDS.includes(kind), true, kind);
    strictEqual(WORDS[kind].isHarmful, true, kind);
  }
  const harmless = FINDING_KINDS.filter((kind) => !WORDS[kind].isHarmful);
  deepStrictEqual(harmless, ["orphan-edge", "orphan-row", "missing-head", "gone-room"]);
});

for (const kind of FINDING_KINDS) {
  Deno.test(`formatDiagnosis() and explainDiagnosis() tell of ${kind}`, () => {
    const one = diagnosis(kind);
    const { isHarmful, title } = WORDS[kind];
    strictEqual(isSound(one), !isHarmful);
    const lines = formatDiagnosis(one);
    strictEqual(lines[0], "Looked at 1,234 state groups.");
    strictEqual(lines[2], `${kind}${isHarmful ? "" : " (harmless)"}: ${title}: 1`);
    match(lines[3]!, /^ {2}.*(9007199254740993|!a:test)/);
    deepStrictEqual(
      lines.slice(isHarmful ? -1 : -2),
      isHarmful ? ["Defects found: 1."] : ["Harmless left-overs: 1.", "No defects found."],
    );
    strictEqual(lines.some((line) => line.includes("undefined") || line.includes("\n")), false, lines.join("\n"));
    const { sound, findings } = explainDiagnosis(one);
    deepStrictEqual([sound, findings.map(({ harmful }) => harmful)], [!isHarmful, [isHarmful]]);
  });
}
