/**
 * Which groups of a batch may be written, once they are locked: those that stand as they were read, on a base that stands.
 * What is as wanted already counts as done: after a stop, a run simply begins again. Knows what Synapse may have done since
 * the room was read; only looks. Cost: one digest of each group whose rows are not known to be old.
 */
import type { Rewrites } from "../../core/plan/compress.ts";
import { RowsDigest, type RowVisitor } from "../../format/sql/digest.ts";
import { formatCount, formatUnits } from "../../format/numbers.ts";
import type { SkipKind } from "../../format/sql/skips.ts";
import type { ReadForest, Task } from "./rows.ts";

/** A group as it stands. */
export interface StandingGroup {
  /** Its predecessors, separated by spaces, or null for none. */
  readonly bases: string | null;
  /** Its edges; one may be there twice. */
  readonly edges: number;
  readonly rows: number;
  /** Rows that are not known to be older than the forest. */
  readonly newer: number;
}

/** What stands once the locks are held. */
export interface Standing {
  readonly locked: ReadonlySet<number>;
  readonly groups: ReadonlyMap<number, StandingGroup>;
  readonly marked: ReadonlySet<number>;
}

/** A group that is left as it is, and why. */
export interface Skip {
  readonly task: Task;
  readonly kind: SkipKind;
  readonly reason: string;
}

/** Which groups are to be written, are as wanted, are to be skipped. */
export interface Verdict {
  readonly write: Task[];
  readonly unchanged: Task[];
  readonly skip: Skip[];
}

/** What stands of a group, against what was read and what is wanted. */
type Finding =
  | { readonly is: "read" | "wanted" }
  | { readonly is: "changed"; readonly why: string; readonly isSuspect: boolean };

/** Resolves to the digests of the rows of groups as they stand, by id. */
type FindDigests = (groupIds: readonly number[]) => Promise<ReadonlyMap<number, unknown>>;

/** Judges the batches of one room, one after the other. */
export class Judge {
  readonly #forest: ReadForest;
  readonly #rewrites: Rewrites;
  readonly #digest: RowsDigest;
  /** Groups whose rows changed in a way that is not Synapse's: what was to be built on them is not known to be right. */
  readonly #suspect = new Set<number>();

  constructor(forest: ReadForest, rewrites: Rewrites) {
    this.#forest = forest;
    this.#rewrites = rewrites;
    this.#digest = new RowsDigest(forest.keys, forest.events);
  }

  /** Judges `tasks`; `bases` are new bases whose own turn comes later, and are only looked at. */
  async judge(
    tasks: readonly Task[],
    bases: readonly Task[],
    { locked, groups, marked }: Standing,
    findDigests: FindDigests,
  ): Promise<Verdict> {
    const [write, unchanged, skips]: [Task[], Task[], Skip[]] = [[], [], []];
    const skip = (task: Task, kind: SkipKind, reason: string) => skips.push({ task, kind, reason });
    const found = await this.#compare([...tasks, ...bases], groups, findDigests);
    for (const [{ groupId }, finding] of found) {
      if (locked.has(groupId) && finding.is === "changed" && finding.isSuspect) this.#suspect.add(groupId);
    }
    for (const task of tasks) {
      const { groupId, baseId } = task;
      const finding = found.get(task)!;
      const base = `its new predecessor ${baseId}`;
      if (!locked.has(groupId)) skip(task, "gone", "it is gone");
      else if (baseId !== undefined && !locked.has(baseId)) skip(task, "base-gone", `${base} is gone`);
      else if (finding.is === "changed") skip(task, "changed", finding.why);
      else if (finding.is === "wanted") unchanged.push(task);
      else if (marked.has(groupId)) skip(task, "marked", "Synapse has marked it for deletion");
      else if (baseId !== undefined && marked.has(baseId)) {
        skip(task, "base-marked", `Synapse has marked ${base} for deletion`);
      } else if (baseId !== undefined && this.#suspect.has(baseId)) skip(task, "base-changed", `${base} has changed`);
      else write.push(task);
    }
    return { write, unchanged, skip: skips };
  }

  async #compare(
    tasks: readonly Task[],
    groups: Standing["groups"],
    findDigests: FindDigests,
  ): Promise<Map<Task, Finding>> {
    const found = new Map<Task, Finding>();
    const unsure: { task: Task; asRead: boolean; asWanted: boolean }[] = [];
    for (const task of tasks) {
      const { groupId, baseId, readBaseId, readRows, newRows } = task;
      const { bases, rows, newer } = groups.get(groupId)!;
      const hasReadBase = bases === (readBaseId?.toString() ?? null);
      const hasNewBase = bases === (baseId?.toString() ?? null);
      const asRead = hasReadBase && rows === readRows;
      const asWanted = hasNewBase && rows === newRows;
      const changed = (why: string, isSuspect: boolean) => found.set(task, { is: "changed", why, isSuspect });
      if (asRead && newer === 0) found.set(task, { is: "read" });
      else if (asRead || asWanted) unsure.push({ task, asRead, asWanted });
      else if (hasReadBase) {
        changed(`it had ${formatUnits(readRows, "row")} when it was read and has ${formatCount(rows)} now`, true);
      } else {changed(
          `its predecessor was ${readBaseId ?? "none"} when it was read and is ${bases ?? "none"} now`,
          false,
        );}
    }
    const digests = unsure.length === 0 ? new Map() : await findDigests(unsure.map(({ task }) => task.groupId));
    for (const { task, asRead, asWanted } of unsure) {
      const stands = digests.get(task.groupId);
      if (asWanted && stands === this.#digest.of((visit) => this.forEachNewRow(task, visit))) {
        found.set(task, { is: "wanted" });
      } else if (asRead && stands === this.#digest.of((visit) => this.forEachReadRow(task, visit))) {
        found.set(task, { is: "read" });
      } else {
        found.set(task, { is: "changed", why: "its rows are not those that were read", isSuspect: true });
      }
    }
    return found;
  }

  forEachReadRow(task: Task, visit: Parameters<RowVisitor>[0]): void {
    this.#forest.forEachRow(this.#rewrites.group[task.index]!, visit);
  }

  forEachNewRow(task: Task, visit: Parameters<RowVisitor>[0]): void {
    const { rowStart, key, event } = this.#rewrites;
    for (let row = rowStart[task.index]!; row < rowStart[task.index + 1]!; row++) visit(key[row]!, event[row]!);
  }
}
