/**
 * Broken data in a room's tables: what it is called, what it means, and how the edges are searched for it. Knows ids and
 * edges only; duplicate rows are found by the forest as the rows stream in. O(groups + edges).
 */
import { grown } from "./interner.ts";

/** "No such group" in every column of indices. */
export const NONE: number = -1;

/** What can be wrong with a state group. Synapse assumes none of these (storage/databases/state/bg_updates.py). */
export const DEFECT_KINDS = [
  "dangling-edge",
  "foreign-predecessor",
  "forward-edge",
  "cycle",
  "two-predecessors",
  "duplicate-row",
  "null-value",
] as const;

/** One of {@linkcode DEFECT_KINDS}. */
export type DefectKind = typeof DEFECT_KINDS[number];

/** One finding. The group and all that build on it are left out of compression: their full state is not sound. */
export interface Defect {
  /** What is wrong. */
  readonly kind: DefectKind;
  /** The group that it is about. */
  readonly groupId: number;
  /** The predecessor that the defect is about, where it is about one. */
  readonly predecessorId?: number;
  /** The finding as half a sentence: "state group 17 refers to missing predecessor 12". */
  readonly detail: string;
}

/** The edges of a room as read: group -> predecessor, by database id. */
interface EdgeList {
  readonly count: number;
  readonly groupId: Float64Array;
  /** NaN where the edge names none: a NULL in the table. */
  readonly predecessorId: Float64Array;
}

/** The index of `id` in ascending `ids`, or NONE. */
export function indexOf(ids: Float64Array, id: number): number {
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = ids[middle]!;
    if (at === id) return middle;
    if (at < id) low = middle + 1;
    else high = middle - 1;
  }
  return NONE;
}

/**
 * Turns edges into predecessor indices, and finds what is wrong with them. The same edge twice, which an old database without
 * the unique index may hold, counts once: it leads to the same state.
 *
 * @param groupId the groups, ascending
 * @param isForeign isForeign[g] is 1 where the group belongs to another room
 * @returns predecessor[g]: index of g's predecessor, or NONE (also where its edges are defective)
 */
export function linkEdges(
  groupId: Float64Array,
  edges: EdgeList,
  isForeign: Uint8Array,
): { predecessor: Int32Array<ArrayBuffer>; defects: Defect[] } {
  const predecessor = new Int32Array(groupId.length).fill(NONE);
  const linked = new Uint8Array(groupId.length);
  /** linkedTo[g]: the id that g's first edge names. */
  const linkedTo = new Float64Array(groupId.length);
  const defects: Defect[] = [];
  for (let edge = 0; edge < edges.count; edge++) {
    const id = edges.groupId[edge]!;
    const predecessorId = edges.predecessorId[edge]!;
    const group = indexOf(groupId, id);
    if (group === NONE) continue;
    const target = indexOf(groupId, predecessorId);
    const add = (kind: DefectKind, detail: string) => defects.push({ kind, groupId: id, predecessorId, detail });
    if (linked[group] === 1 && Object.is(linkedTo[group], predecessorId)) continue;
    if (Number.isNaN(predecessorId)) {
      defects.push({ kind: "null-value", groupId: id, detail: `state group ${id} has an edge to NULL` });
    } else if (linked[group] === 1) {
      add("two-predecessors", `state group ${id} has more than one predecessor, ${predecessorId} among them`);
    } else if (target === NONE) {
      add("dangling-edge", `state group ${id} refers to missing predecessor ${predecessorId}`);
    } else if (isForeign[target] === 1 && isForeign[group] === 0) {
      add("foreign-predecessor", `state group ${id} builds on state group ${predecessorId} of another room`);
    } else {
      predecessor[group] = target;
    }
    if (linked[group] === 0) linkedTo[group] = predecessorId;
    linked[group] = 1;
  }
  const cyclic = findCycles(predecessor);
  for (let group = 0; group < predecessor.length; group++) {
    const target = predecessor[group]!;
    if (target < group) continue;
    const id = groupId[group]!;
    const predecessorId = groupId[target]!;
    defects.push(
      cyclic[group] === 1
        ? {
          kind: "cycle",
          groupId: id,
          predecessorId,
          detail: target === group
            ? `state group ${id} is its own predecessor`
            : `state group ${id} leads back to itself, by predecessor ${predecessorId}`,
        }
        : {
          kind: "forward-edge",
          groupId: id,
          predecessorId,
          detail: `state group ${id} refers to predecessor ${predecessorId}, which has a higher id`,
        },
    );
  }
  return { predecessor, defects };
}

/** Marks the groups that lie on a cycle. Each group has one predecessor at most, so each is walked over once. */
function findCycles(predecessor: Int32Array): Uint8Array {
  const cyclic = new Uint8Array(predecessor.length);
  /** 0: not seen; else the number of the walk that saw it first. */
  const walk = new Int32Array(predecessor.length);
  for (let start = 0; start < predecessor.length; start++) {
    let group = start;
    while (group !== NONE && walk[group] === 0) {
      walk[group] = start + 1;
      group = predecessor[group]!;
    }
    if (group === NONE || walk[group] !== start + 1) continue;
    while (cyclic[group] === 0) {
      cyclic[group] = 1;
      group = predecessor[group]!;
    }
  }
  return cyclic;
}

/** Marks the groups with a defect and all that build on them, directly or not. O(groups), no recursion. */
export function markUnsound(predecessor: Int32Array, isDefective: Uint8Array): Uint8Array<ArrayBuffer> {
  const unsound = new Uint8Array(isDefective);
  /** 1 where the answer is known. */
  const known = new Uint8Array(isDefective);
  let path = new Int32Array(64);
  for (let start = 0; start < predecessor.length; start++) {
    let depth = 0;
    let group = start;
    while (group !== NONE && known[group] === 0) {
      known[group] = 1;
      if (depth === path.length) path = grown(path, depth + 1);
      path[depth++] = group;
      group = predecessor[group]!;
    }
    const verdict = group === NONE ? 0 : unsound[group]!;
    while (depth > 0) unsound[path[--depth]!] = verdict;
  }
  return unsound;
}
