/**
 * Every group's full state in a database, as Synapse reads it: edges followed, and of each (type, state_key) the row of the
 * highest group. Read whole and worked out here, since tests ask often: time grows with the rows, not with groups times hops.
 * states.test.ts holds it equal to Synapse's own query.
 */
import { createHash } from "node:crypto";
import type { TestSql } from "./database.ts";

/** Sum of its rows' hashes, so that it can be carried from a state to the next. */
export type StateDigest = string;

/** The digest of a state with these rows, one a key. */
export function digestState(rows: Iterable<readonly [type: string, stateKey: string, eventId: string]>): StateDigest {
  let sum = 0n;
  for (const row of rows) sum += hashRow(row);
  return `${sum}`;
}

/** The first 60 bits of the row's md5, which fit PostgreSQL's bigint. */
function hashRow(row: readonly string[]): bigint {
  return BigInt(`0x${createHash("md5").update(row.join("\x01")).digest("hex").slice(0, 15)}`);
}

interface Entry {
  readonly group: number;
  readonly hash: bigint;
}

/** The digest of every group's full state, by group id, ascending. */
export async function fullStates(sql: TestSql): Promise<Map<number, StateDigest>> {
  const [groups, edges, rows] = await sql.begin("isolation level repeatable read read only", async (sql) => [
    await sql`SELECT id FROM state_groups ORDER BY id`,
    // The same edge twice leads to the same state.
    await sql`SELECT DISTINCT state_group, prev_state_group FROM state_group_edges`,
    await sql`SELECT state_group, type, state_key, event_id FROM state_groups_state`,
  ]);
  const rowsOf = new Map<number, [key: string, hash: bigint][]>();
  for (const { state_group, type, state_key, event_id } of rows!) {
    if (!rowsOf.has(state_group)) rowsOf.set(state_group, []);
    rowsOf.get(state_group)!.push([`${type}\x01${state_key}`, hashRow([type, state_key, event_id])]);
  }
  const successors = new Map<number, number[]>();
  const hasPredecessor = new Set<number>();
  for (const { state_group, prev_state_group } of edges!) {
    if (hasPredecessor.has(state_group)) throw new Error(`state group ${state_group} has two predecessors`);
    hasPredecessor.add(state_group);
    if (!successors.has(prev_state_group)) successors.set(prev_state_group, []);
    successors.get(prev_state_group)!.push(state_group);
  }

  // Depth first, with one state that is changed on the way up and put back on the way down.
  const digests = new Map<number, StateDigest>();
  const state = new Map<string, Entry>();
  let sum = 0n;
  const set = (key: string, entry: Entry | undefined): Entry | undefined => {
    const old = state.get(key);
    sum += (entry?.hash ?? 0n) - (old?.hash ?? 0n);
    if (entry === undefined) state.delete(key);
    else state.set(key, entry);
    return old;
  };
  const roots = new Set([...groups!.map(({ id }) => id), ...successors.keys()].filter((id) => !hasPredecessor.has(id)));
  const todo: (number | (() => void))[] = [...roots];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (typeof next === "function") {
      next();
      continue;
    }
    const group = next;
    for (const [key, hash] of rowsOf.get(group) ?? []) {
      const old = state.get(key);
      if (old !== undefined && old.group > group) continue;
      set(key, { group, hash });
      todo.push(() => set(key, old));
    }
    digests.set(group, `${sum}`);
    todo.push(...successors.get(group) ?? []);
  }
  return new Map(groups!.map(({ id }) => {
    const digest = digests.get(id);
    if (digest === undefined) throw new Error(`state group ${id} is on a cycle`);
    return [id, digest];
  }));
}
