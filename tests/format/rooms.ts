/** Small rooms to write SQL for: seeded, with forks, resets, groups without rows, and values that are hard to quote. */
import { compress, type Compression, findRewrites, type Rewrites } from "../../src/core/plan/compress.ts";
import type { DeltaForest } from "../../src/core/forest/forest.ts";
import type { TestSql } from "../support/database.ts";
import { build } from "../support/forest.ts";

/** A state group as the tables hold it. */
export interface Group {
  readonly id: number;
  readonly predecessor: number | undefined;
  readonly rows: readonly Row[];
}

/** type, state_key, event_id. */
export type Row = readonly [type: string, stateKey: string, eventId: string];

/** Values that broke one tool or another, or could. */
export const HARD_VALUES: readonly string[] = [
  "",
  "'",
  "''",
  "\\",
  "\\'",
  "\\\\",
  "'; DROP TABLE state_groups; --",
  "$$",
  "$$end$$$",
  "$guard$",
  "a\nb",
  "COMMIT;\n",
  "\r\n",
  "\t\b\f\v\x01\x1b\x7f",
  "👍🏽",
  "\uFEFFbom",
  "\uE000\u{10FFFF}",
  "w'32\\é",
  '{a,"b",NULL}',
  "NULL",
  "\\x41",
  "\\u0041",
  "%s :name :'name' \\gexec",
  "@" + "ü".repeat(127) + "x",
  "x".repeat(255),
];

/** A generator of numbers from 0 up to but not including `below`. */
export type Random = (below: number) => number;

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): Random {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A room of `count` groups: most build on a recent group, some stand alone. */
export function makeRoom(random: Random, count: number): Group[] {
  const keys: [string, string][] = HARD_VALUES.map((value, i) => [i % 3 === 0 ? `t${value}` : "m.room.member", value]);
  const groups: Group[] = [];
  const states: Map<string, Row>[] = [];
  let id = random(2) === 0 ? 1 : 2 ** 31 + 7;
  for (let g = 0; g < count; g++, id += 1 + random(5)) {
    const base = g === 0 ? -1 : Math.max(0, g - 1 - random(4));
    const changed = new Map<string, Row>();
    for (let i = random(3); i > 0; i--) {
      const [type, stateKey] = keys[random(keys.length)]!;
      changed.set(`${type}\0${stateKey}`, [type, stateKey, `$${id}.${i}${HARD_VALUES[random(HARD_VALUES.length)]}`]);
    }
    const state = new Map([...(base < 0 ? [] : states[base]!), ...changed]);
    const isSnapshot = base < 0 || random(4) === 0;
    if (isSnapshot && random(5) === 0) state.delete([...state.keys()][0] ?? "");
    states.push(state);
    groups.push({
      id,
      predecessor: isSnapshot ? undefined : groups[base]!.id,
      rows: [...(isSnapshot ? state : changed).values()],
    });
  }
  return groups;
}

/** The forest of a room. */
export function makeForest(roomId: string, groups: readonly Group[]): DeltaForest {
  return build({
    roomId,
    groups: groups.map(({ id, predecessor, rows }) => ({
      id,
      predecessors: predecessor === undefined ? [] : [predecessor],
      rows,
    })),
  });
}

/** A room compressed by the Rust tool's rule, by default with small levels, which change most groups. */
export function compressRoom(
  roomId: string,
  groups: readonly Group[],
  levels: readonly number[] = [3, 3],
): { compression: Compression; rewrites: Rewrites } {
  const compression = compress(makeForest(roomId, groups), { strategy: "levels", levels });
  return { compression, rewrites: findRewrites(compression) };
}

/** What the tables should hold once the rewrites are made. */
export function rewritten(groups: readonly Group[], { forest }: Compression, rewrites: Rewrites): Group[] {
  const wanted = new Map(groups.map((group) => [group.id, group]));
  for (let i = 0; i < rewrites.count; i++) {
    const rows: Row[] = [];
    for (let row = rewrites.rowStart[i]!; row < rewrites.rowStart[i + 1]!; row++) {
      const key = rewrites.key[row]!;
      rows.push([forest.keys.type(key), forest.keys.stateKey(key), forest.events.text(rewrites.event[row]!)]);
    }
    const predecessor = rewrites.predecessor[i]!;
    const id = forest.groupId[rewrites.group[i]!]!;
    wanted.set(id, { id, predecessor: predecessor < 0 ? undefined : forest.groupId[predecessor]!, rows });
  }
  return [...wanted.values()];
}

/** Puts a room into the tables. */
export async function insertRoom(sql: TestSql, roomId: string, groups: readonly Group[]): Promise<void> {
  for (const { id, predecessor, rows } of groups) {
    await sql`INSERT INTO state_groups (id, room_id, event_id) VALUES (${id}, ${roomId}, ${`$${id}`})`;
    if (predecessor !== undefined) await sql`INSERT INTO state_group_edges VALUES (${id}, ${predecessor})`;
    if (rows.length === 0) continue;
    await sql`INSERT INTO state_groups_state SELECT ${id}, ${roomId}, * FROM unnest(
      ${rows.map(([type]) => type)}::text[], ${rows.map(([, key]) => key)}::text[], ${
      rows.map(([, , event]) => event)
    }::text[])`;
  }
}

/** A room as text, a line for each group, to compare. */
export function describeRoom(groups: readonly Group[]): string[] {
  return groups.toSorted((a, b) => a.id - b.id).map(({ id, predecessor, rows }) =>
    JSON.stringify([id, predecessor ?? null, rows.map((row) => JSON.stringify(row)).sort()])
  );
}

/** Reads a room from the tables. */
export async function readRoom(sql: TestSql, roomId: string): Promise<Group[]> {
  const found = await sql<{ id: number; predecessors: number[]; rows: Row[] }[]>`
    SELECT id,
      ARRAY(SELECT prev_state_group FROM state_group_edges WHERE state_group = id) AS predecessors,
      (SELECT coalesce(json_agg(json_build_array(type, state_key, event_id)), '[]')
        FROM state_groups_state s WHERE state_group = id AND s.room_id = g.room_id) AS rows
    FROM state_groups g WHERE room_id = ${roomId}`;
  return found.map(({ id, predecessors, rows }) => {
    if (predecessors.length > 1) throw new Error(`state group ${id} has predecessors ${predecessors}`);
    return { id, predecessor: predecessors[0] === undefined ? undefined : Number(predecessors[0]), rows };
  });
}
