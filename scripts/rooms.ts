/**
 * Synthetic rooms for the bench: a seeded random history of joins, leaves and profile changes along branches, stored as
 * Synapse stores it (a delta on the predecessor, a snapshot after 100 hops or where an entry was lost). Yields groups one
 * by one, so that a room of any size can be streamed into a database. Same seed, same room.
 */

import { type DeltaForest, ForestBuilder } from "../src/core/forest/forest.ts";

/** One row: type, state key, event id. */
export type Row = readonly [type: string, stateKey: string, eventId: string];

/** A state group as Synapse would store it. */
export interface StoredGroup {
  readonly groupId: number;
  readonly predecessorId: number | null;
  readonly rows: readonly Row[];
}

/** How a room came about. */
export interface RoomPlan {
  readonly roomId: string;
  readonly seed: number;
  readonly groups: number;
  /** Members at the start, and how many users there are to join. */
  readonly startMembers: number;
  readonly users: number;
  /** Long-lived branches, each blind to what happens on the others. */
  readonly branches: number;
  /** The chance of a join, while there are users left. @default 0.3 */
  readonly join?: number;
  /** How much profile changes lean to a few members: a power, 1 is not at all. @default 8 */
  readonly skew?: number;
  /** Chances, a group: a short fork off the trunk, a merge of two branches, a loss of recent entries, a needless snapshot. */
  readonly fork?: number;
  readonly merge?: number;
  readonly loss?: number;
  readonly snapshot?: number;
  /** @default 1 */
  readonly firstGroupId?: number;
}

/** MAX_STATE_DELTA_HOPS of synapse/storage/databases/state/bg_updates.py. */
const MAX_HOPS = 100;

/** The rooms of the bench, by name; `scale` multiplies the groups. */
export function benchRoom(name: string, scale = 1): RoomPlan {
  const at = (groups: number) => Math.round(groups * scale);
  switch (name) {
    case "chain":
      return plan(name, { groups: at(73_904), startMembers: 1, users: 5_200, join: 0.12, branches: 1, fork: 0.02 });
    case "spam":
      return plan(name, {
        groups: at(17_197),
        startMembers: 3_000,
        users: 9_000,
        branches: 40,
        merge: 0.002,
        loss: 0.01,
      });
    case "hard":
      return plan(name, {
        groups: at(3_000),
        startMembers: 1_200,
        users: 2_400,
        branches: 8,
        merge: 0.002,
        snapshot: 0.9,
      });
    case "snapshots":
      return plan(name, {
        groups: at(10_000),
        startMembers: 2_000,
        users: 3_000,
        branches: 3,
        merge: 0.002,
        snapshot: 0.95,
      });
    default:
      throw new Error(`no room is called ${JSON.stringify(name)}: chain, spam, hard, snapshots`);
  }
}

/** 1,500 rooms of 2 to some thousand groups (Pareto): a server's many small rooms. */
export function smallRooms(count = 1500): RoomPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const groups = Math.min(4000, Math.round(2 * (count / (i + 0.5)) ** 1.608));
    const room = plan(`small${i}`, {
      groups,
      startMembers: 1,
      users: 2 + Math.round(groups ** 0.75),
      join: 0.12,
      branches: 1,
      fork: 0.02,
    });
    return { ...room, seed: room.seed + i };
  });
}

function plan(name: string, rest: Omit<RoomPlan, "roomId" | "seed">): RoomPlan {
  return { roomId: `!${name}:bench.test`, seed: 20_240_117, ...rest };
}

/** A branch's newest group: its id, its hops, its members, and the keys that changed last. */
interface Tip {
  groupId: number;
  hops: number;
  state: Map<string, Row>;
  recent: string[];
}

/** A room's forest, as it is loaded. */
export function makeForest(plan: RoomPlan): DeltaForest {
  const groups = [...makeRoom(plan)];
  const builder = new ForestBuilder(plan.roomId);
  for (const { groupId } of groups) builder.addGroup(groupId);
  for (const { groupId, predecessorId } of groups) if (predecessorId !== null) builder.addEdge(groupId, predecessorId);
  for (const { groupId, rows } of groups) {
    for (const [type, key, event] of rows) {
      builder.addRow(groupId, builder.keys.internPair(type, key), builder.events.internText(event));
    }
  }
  return builder.finish();
}

/** The history of a room, group by group, ids ascending with gaps. */
export function* makeRoom(plan: RoomPlan): Generator<StoredGroup> {
  const random = mulberry32(plan.seed);
  const below = (n: number) => Math.floor(random() * n);
  let id = plan.firstGroupId ?? 1;
  let events = 0;
  const eventId = () => `$${hash43(plan.seed, ++events)}`;
  const row = (type: string, key: string): Row => [type, key, eventId()];
  const user = (n: number) => `@user${n}:bench.test`;

  const state = new Map<string, Row>();
  const put = (entries: Map<string, Row>, [type, key, event]: Row) => entries.set(`${type} ${key}`, [type, key, event]);
  yield { groupId: id, predecessorId: null, rows: [] };
  for (const type of ["create", "power_levels", "join_rules", "history_visibility", "name", "topic"]) {
    put(state, row(`m.room.${type}`, ""));
  }
  for (let n = 0; n < plan.startMembers; n++) put(state, row("m.room.member", user(n)));
  id += 1 + below(3);
  yield { groupId: id, predecessorId: null, rows: [...state.values()] };

  let nextUser = plan.startMembers;
  const tips: Tip[] = [{ groupId: id, hops: 0, state, recent: [] }];
  const forkOff = (tip: Tip): Tip => ({ ...tip, state: new Map(tip.state), recent: [...tip.recent] });
  while (tips.length < plan.branches) tips.push(forkOff(tips[0]!));
  let short: { tip: Tip; left: number } | undefined;

  for (let made = 2; made < plan.groups; made++) {
    id += 1 + below(4);
    if (short === undefined && plan.fork !== undefined && random() < plan.fork) {
      short = { tip: forkOff(tips[0]!), left: 1 + below(4) };
    }
    const onFork = short !== undefined && random() < 0.5;
    let tip = onFork ? short!.tip : tips[below(tips.length)]!;
    const delta: Row[] = [];
    let whole = random() < (plan.snapshot ?? 0);
    if (plan.merge !== undefined && random() < plan.merge && tips.length > 1) {
      const other = tips[below(tips.length)]!;
      for (const [key, entry] of other.state) {
        if (!tip.state.has(key) && delta.length < 40) delta.push(entry);
      }
    } else if (plan.loss !== undefined && random() < plan.loss && tip.recent.length >= 5) {
      for (const key of tip.recent.splice(-5)) tip.state.delete(key);
      whole = true;
    }
    if (delta.length === 0 && !whole || whole && random() < 0.9) delta.push(change());
    for (const entry of delta) {
      const key = `${entry[0]} ${entry[1]}`;
      if (!tip.state.has(key)) tip.recent.push(key);
      put(tip.state, entry);
    }
    if (tip.recent.length > 40) tip.recent.splice(0, tip.recent.length - 40);
    whole ||= tip.hops >= MAX_HOPS;
    yield { groupId: id, predecessorId: whole ? null : tip.groupId, rows: whole ? [...tip.state.values()] : delta };
    tip.groupId = id;
    tip.hops = whole ? 0 : tip.hops + 1;
    if (short !== undefined && onFork && --short.left === 0) {
      // The fork is merged: what it changed comes to the trunk in one group.
      tip = tips[0]!;
      const merged = [...short.tip.state].filter(([key, entry]) => tip.state.get(key)?.[2] !== entry[2]).slice(0, 4);
      for (const [, entry] of merged) put(tip.state, entry);
      if (merged.length > 0 && ++made < plan.groups) {
        id += 1 + below(4);
        const full = tip.hops >= MAX_HOPS;
        yield {
          groupId: id,
          predecessorId: full ? null : tip.groupId,
          rows: full ? [...tip.state.values()] : merged.map(([, entry]) => entry),
        };
        tip.groupId = id;
        tip.hops = full ? 0 : tip.hops + 1;
      }
      short = undefined;
    }
  }

  /** A join while there are users left to join; else, and often, a change by one of the few who change most. */
  function change(): Row {
    const dice = random();
    if (dice < (plan.join ?? 0.3) && nextUser < plan.users) return row("m.room.member", user(nextUser++));
    if (dice < 0.32) return row("m.room.topic", "");
    const skewed = Math.floor(Math.min(nextUser, plan.users) * random() ** (plan.skew ?? 8));
    return row("m.room.member", user(skewed));
  }
}

/** A small seeded generator: Tommy Ettinger's mulberry32. Numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** 43 characters that look like an event id's hash. */
function hash43(seed: number, n: number): string {
  const random = mulberry32(seed ^ Math.imul(n, 0x9e3779b1));
  let text = "";
  for (let i = 0; i < 43; i++) text += ALPHABET[Math.floor(random() * 64)];
  return text;
}
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
