/**
 * A batch's rewrites as the statements take them: groups, edges and rows as one array a column. Knows PostgreSQL's text form
 * of arrays. Memory is a batch's.
 */
import { type DeltaForest, NONE } from "../../core/forest/forest.ts";
import type { Rewrites } from "../../core/plan/compress.ts";
import type { LoadedForest } from "../read/load.ts";
import { idArray, textArray } from "./statements.ts";

/** A forest to write to; one that knows when it was read is compared faster with what stands. */
export type ReadForest = DeltaForest & Partial<LoadedForest>;

/** One rewrite in database terms. */
export interface Task {
  /** Its place among the rewrites. */
  readonly index: number;
  readonly groupId: number;
  readonly baseId: number | undefined;
  readonly readBaseId: number | undefined;
  readonly readRows: number;
  readonly newRows: number;
}

/** The task of a rewrite, by its place among the rewrites. */
export function makeTask({ groupId, predecessor, rowCount }: DeltaForest, rewrites: Rewrites, index: number): Task {
  const g = rewrites.group[index]!;
  const idOf = (base: number) => base === NONE ? undefined : groupId[base]!;
  return {
    index,
    groupId: groupId[g]!,
    baseId: idOf(rewrites.predecessor[index]!),
    readBaseId: idOf(predecessor[g]!),
    readRows: rowCount[g]!,
    newRows: rewrites.rowStart[index + 1]! - rewrites.rowStart[index]!,
  };
}

/** Rows as one array a column. */
export class RowArrays {
  readonly #groups: number[] = [];
  readonly #types: string[] = [];
  readonly #stateKeys: string[] = [];
  readonly #events: string[] = [];

  get count(): number {
    return this.#groups.length;
  }

  add(group: number, type: string, stateKey: string, event: string): void {
    this.#groups.push(group);
    this.#types.push(type);
    this.#stateKeys.push(stateKey);
    this.#events.push(event);
  }

  texts(): [groups: string, types: string, stateKeys: string, events: string] {
    return [idArray(this.#groups), textArray(this.#types), textArray(this.#stateKeys), textArray(this.#events)];
  }
}

/** The ids of the groups. */
export function groupArray(tasks: readonly Task[]): string {
  return idArray(tasks.map(({ groupId }) => groupId));
}

/** The new edges of groups that all have a new base. */
export function edgeArrays(tasks: readonly Task[]): [groups: string, bases: string] {
  return [groupArray(tasks), idArray(tasks.map(({ baseId }) => baseId!))];
}

/** The groups and their new bases, ascending, each once. */
export function withBases(tasks: readonly Task[]): number[] {
  const ids = tasks.flatMap(({ groupId, baseId }) => baseId === undefined ? [groupId] : [groupId, baseId]);
  return [...new Set(ids)].sort((a, b) => a - b);
}
