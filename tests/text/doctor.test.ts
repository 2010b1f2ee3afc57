import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { explainDiagnosis, formatDiagnosis } from "../../src/text/doctor.ts";
import {
  type Diagnosis,
  FINDING_KINDS,
  type FindingKind,
  type Found,
  isHarmful,
  isSound,
} from "../../src/db/read/findings.ts";
import { WORDS } from "../../src/text/findings.ts";

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

for (const kind of FINDING_KINDS) {
  Deno.test(`formatDiagnosis() and explainDiagnosis() tell of ${kind}`, () => {
    const one = diagnosis(kind);
    const { title } = WORDS[kind];
    const harmful = isHarmful(kind);
    strictEqual(isSound(one), !harmful);
    const lines = formatDiagnosis(one);
    strictEqual(lines[0], "Looked at 1,234 state groups.");
    strictEqual(lines[2], `${kind}${harmful ? "" : " (harmless)"}: ${title}: 1`);
    match(lines[3]!, /^ {2}.*(9007199254740993|!a:test)/);
    deepStrictEqual(
      lines.slice(harmful ? -1 : -2),
      harmful ? ["Defects found: 1."] : ["Harmless left-overs: 1.", "No defects found."],
    );
    strictEqual(lines.some((line) => line.includes("undefined") || line.includes("\n")), false, lines.join("\n"));
    const { sound, findings } = explainDiagnosis(one);
    deepStrictEqual([sound, findings.map((finding) => finding.harmful)], [!harmful, [harmful]]);
  });
}
