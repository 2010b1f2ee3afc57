/** A diagnosis of the state tables as text and as data. Knows figures; the words are in findings.ts. */
import {
  countFindings,
  type Diagnosis,
  type FindingKind,
  type Found,
  isHarmful,
  isSound,
  type Unused,
} from "../db/read/findings.ts";
import { formatCount } from "../format/numbers.ts";
import { WORDS } from "./findings.ts";

/** A diagnosis for people: for each kind that was found what, how many, which, what it means, and what one can do. */
export function formatDiagnosis(diagnosis: Diagnosis): string[] {
  const { roomId, groups, findings, unused } = diagnosis;
  const lines = [`Looked at ${formatCount(groups)} state groups${roomId === undefined ? "" : ` of room ${roomId}`}.`];
  for (const { kind, count, first } of findings) {
    if (count === 0) continue;
    const { title, detail, meaning, remedy } = WORDS[kind];
    lines.push("", `${kind}${isHarmful(kind) ? "" : " (harmless)"}: ${title}: ${formatCount(count)}`);
    for (const found of first) {
      const isNamed = kind === "missing-head" || kind === "gone-room";
      const room = roomId === undefined && !isNamed && found.roomId !== undefined ? ` (${found.roomId})` : "";
      lines.push(`  ${detail(found)}${room}`);
    }
    if (count > first.length) lines.push(`  and ${formatCount(count - first.length)} more`);
    lines.push(`  What it means: ${meaning}`, `  What to do: ${remedy}`);
  }
  lines.push("");
  if (unused === undefined) {
    lines.push("State groups that no event uses: not known, since event_to_state_groups is not in this database.");
  } else {
    lines.push(
      `State groups that no event uses: ${formatCount(unused.groups)}, of which ${
        formatCount(unused.unreferenced)
      } have no other group built on them. This is not a defect, but they take up space: Synapse searched for unused groups ` +
        "once, after the upgrade to 1.128 or later, and keeps those that became unused since then. The prune command makes it delete them.",
    );
  }
  const [harmful, harmless] = [countFindings(diagnosis, true), countFindings(diagnosis, false)];
  if (harmless > 0) lines.push(`Harmless left-overs: ${formatCount(harmless)}.`);
  lines.push(harmful === 0 ? "No defects found." : `Defects found: ${formatCount(harmful)}.`);
  return lines;
}

/** A finding with its words. */
export interface ExplainedFinding {
  /** What it is. */
  readonly kind: FindingKind;
  /** Whether it does harm. */
  readonly harmful: boolean;
  /** How many there are. */
  readonly count: number;
  /** What it is, in a few words. */
  readonly title: string;
  /** What it means. */
  readonly meaning: string;
  /** What can be done. */
  readonly remedy: string;
  /** The first of them. */
  readonly first: readonly (Found & {
    /** What was found, as half a sentence. */
    readonly detail: string;
  })[];
}

/** A diagnosis as data. */
export interface ExplainedDiagnosis {
  /** Null: all rooms. */
  readonly roomId: string | null;
  /** How many groups were looked at. */
  readonly groups: number;
  /** What was found. */
  readonly findings: readonly ExplainedFinding[];
  /** Null: not known, since Synapse keeps event_to_state_groups in another database. */
  readonly unused: Unused | null;
  /** Whether nothing does harm. */
  readonly sound: boolean;
}

/** A diagnosis as data: each finding with its words. */
export function explainDiagnosis(diagnosis: Diagnosis): ExplainedDiagnosis {
  return {
    ...diagnosis,
    roomId: diagnosis.roomId ?? null,
    unused: diagnosis.unused ?? null,
    sound: isSound(diagnosis),
    findings: diagnosis.findings.filter(({ count }) => count > 0).map(({ kind, count, first }) => ({
      kind,
      harmful: isHarmful(kind),
      count,
      title: WORDS[kind].title,
      meaning: WORDS[kind].meaning,
      remedy: WORDS[kind].remedy,
      first: first.map((found) => ({ ...found, detail: WORDS[kind].detail(found) })),
    })),
  };
}
