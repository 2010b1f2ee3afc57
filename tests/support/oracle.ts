/**
 * The slow, obvious version of what src/core does fast: Maps of Maps, one full state a group, no trees, no ids. It judges
 * ours. Synapse's own rule for a full state, and the Rust tool's rule for levels (matrix-org compressor.rs).
 */
import { nameOf, type PlainForest, type PlainGroup, type PlainRow } from "./forest.ts";

/** (type, state_key), by nameOf -> the row. */
export type FullState = ReadonlyMap<string, PlainRow>;

/** A group's full state as Synapse reads it: of all rows along the chain, for each key the one of the highest group. */
export function fullState(groups: ReadonlyMap<number, PlainGroup>, id: number): FullState {
  const best = new Map<string, { group: number; row: PlainRow }>();
  for (let group = groups.get(id); group !== undefined; group = groups.get(group.predecessors[0] ?? NaN)) {
    for (const row of group.rows) {
      const old = best.get(nameOf(row));
      if (old === undefined || group.id > old.group) best.set(nameOf(row), { group: group.id, row });
    }
  }
  return new Map([...best].sort(([a], [b]) => a < b ? -1 : 1).map(([key, { row }]) => [key, row]));
}

/** Every group's full state, by id. */
export function fullStates(plain: PlainForest): Map<number, FullState> {
  const groups = new Map(plain.groups.map((group) => [group.id, group]));
  return new Map(plain.groups.map(({ id }) => [id, fullState(groups, id)]));
}

/** A full state as one text, to compare it by. */
export function textOf(state: FullState): string {
  return JSON.stringify([...state.values()].map((row) => [nameOf(row), row[2]]).sort());
}

/** The group ids whose full state is not the same in both. */
export function differingGroups(before: PlainForest, after: PlainForest): number[] {
  const now = fullStates(after);
  return [...fullStates(before)].flatMap(([id, state]) => {
    const other = now.get(id);
    return other !== undefined && textOf(other) === textOf(state) ? [] : [id];
  });
}

/** The hops of every group, by id. */
export function hopsOf(plain: PlainForest): Map<number, number> {
  const hops = new Map<number, number>();
  for (const { id, predecessors } of plain.groups) {
    hops.set(id, predecessors.length === 0 ? 0 : hops.get(predecessors[0]!)! + 1);
  }
  return hops;
}

/** A level, its head a group id. */
export interface OracleLevel {
  max: number;
  length: number;
  head: number | undefined;
}

/** What the Rust tool makes of a room (or of a range of it, its context groups marked). */
export interface OracleResult {
  readonly after: PlainForest;
  readonly resets: number;
  readonly resetRows: number;
  readonly groupsChanged: number;
}

/** Fresh levels. */
export function oracleLevels(sizes: readonly number[]): OracleLevel[] {
  return sizes.map((max) => ({ max, length: 0, head: undefined }));
}

/**
 * The Rust tool's rule, and one of ours: a group marked for deletion stays as it is and becomes no group's new base (where it is
 * met, the one under it is looked at instead).
 */
export function levelsRule(plain: PlainForest, levels: OracleLevel[]): OracleResult {
  const states = fullStates(plain);
  const before = new Map(plain.groups.map((group) => [group.id, group]));
  const after = new Map(before);
  let [resets, resetRows, groupsChanged] = [0, 0, 0];
  for (const group of plain.groups) {
    if (group.isContext || group.isPending) continue;
    let base = propose(levels, group.id);
    const old = group.predecessors[0];
    if (base === old) continue;
    groupsChanged++;
    const state = states.get(group.id)!;
    const wasProposed = base !== undefined;
    const fits = (id: number) =>
      (id === old || !before.get(id)!.isPending) && [...states.get(id)!.keys()].every((key) => state.has(key));
    while (base !== undefined && !fits(base)) base = after.get(base)!.predecessors[0];
    if (base === undefined) {
      if (wasProposed) {
        resets++;
        resetRows += state.size;
      }
      after.set(group.id, { ...group, predecessors: [], rows: [...state.values()] });
    } else {
      const under = states.get(base)!;
      const rows = [...state].filter(([key, row]) => under.get(key)?.[2] !== row[2]).map(([, row]) => row);
      after.set(group.id, { ...group, predecessors: [base], rows });
    }
  }
  return { after: { ...plain, groups: [...after.values()] }, resets, resetRows, groupsChanged };
}

function propose(levels: OracleLevel[], group: number): number | undefined {
  for (const level of levels) {
    const head = level.head;
    level.head = group;
    if (level.length < level.max) {
      level.length++;
      return head;
    }
    level.length = 1;
  }
  return undefined;
}
