/**
 * Rooms for tests as plain data: drawn ("1 <- 2 <- 3, 2 <- 4"), or grown at random from a list of steps, by a seed or by
 * fast-check (which shrinks a failing room to a few steps). `build` makes the DeltaForest; `rewritten` applies rewrites to
 * plain data again, reading nothing but the rewrites, so that what comes out can be judged by tests/support/oracle.ts.
 */
import fc from "fast-check";
import { mulberry32 } from "../../scripts/rooms.ts";
import type { Rewrites } from "../../src/core/plan/compress.ts";
import { type DeltaForest, ForestBuilder, NONE } from "../../src/core/forest/forest.ts";

/** One row: type, state key, event id. */
export type PlainRow = readonly [type: string, stateKey: string, eventId: string];

/** A state group as the tables hold it. More than one predecessor, or a missing one, is a defect. */
export interface PlainGroup {
  readonly id: number;
  readonly predecessors: readonly number[];
  readonly rows: readonly PlainRow[];
  readonly isContext?: boolean;
  readonly isPending?: boolean;
  readonly isForeign?: boolean;
}

/** A room's groups, by ascending id. */
export interface PlainForest {
  readonly roomId: string;
  readonly groups: readonly PlainGroup[];
}

/**
 * Reads a drawing: chains of groups separated by commas, `1 <- 2` meaning that 2 builds on 1. Rows follow the group's first
 * mention: `2{a=x, m.room.member/@u:h=y}`; `{}` is a group without rows, and one never given rows has the single row
 * `g<id>=$<id>`. `2~` is a context group, `2!` pending deletion, `2@` of another room; `?9 <- 2` refers to a 9 that is missing.
 */
export function draw(text: string, roomId = "!room:test"): PlainForest {
  interface Drawn {
    predecessors: number[];
    rows: PlainRow[] | undefined;
    marks: string;
  }
  const groups = new Map<number, Drawn>();
  for (const chain of text.split(/,(?![^{]*\})/)) {
    let predecessor: number | undefined;
    for (const node of chain.split("<-")) {
      const match = /^(\??)(\d+)([~!@]*)(?:\{([^}]*)\})?$/.exec(node.trim());
      if (match === null) throw new SyntaxError(`not a group: ${JSON.stringify(node)}`);
      const id = Number(match[2]);
      if (match[1] !== "?") {
        let group = groups.get(id);
        if (group === undefined) groups.set(id, group = { predecessors: [], rows: undefined, marks: "" });
        if (predecessor !== undefined) group.predecessors.push(predecessor);
        group.marks += match[3];
        if (match[4] !== undefined) {
          group.rows = match[4].split(",").map((row) => row.trim()).filter(Boolean).map(drawRow);
        }
      }
      predecessor = id;
    }
  }
  return {
    roomId,
    groups: [...groups].sort(([a], [b]) => a - b).map(([id, { predecessors, rows, marks }]) => ({
      id,
      predecessors,
      rows: rows ?? [[`g${id}`, "", `$${id}`]],
      ...(marks.includes("~") ? { isContext: true } : {}),
      ...(marks.includes("!") ? { isPending: true } : {}),
      ...(marks.includes("@") ? { isForeign: true } : {}),
    })),
  };
}

function drawRow(text: string): PlainRow {
  const [key, event] = text.split("=") as [string, string];
  const slash = key.indexOf("/");
  return slash === -1 ? [key, "", event] : [key.slice(0, slash), key.slice(slash + 1), event];
}

/** The DeltaForest of a drawing. */
export function forest(drawing: string): DeltaForest {
  return build(draw(drawing));
}

/** The DeltaForest of plain data. Of `all` groups those that are not in it are outside. */
export function build(plain: PlainForest, all: readonly PlainGroup[] = []): DeltaForest {
  const builder = new ForestBuilder(plain.roomId);
  for (const { id, isContext = false, isPending = false, isForeign = false } of plain.groups) {
    builder.addGroup(id, { isContext, isPending, isForeign });
  }
  for (const { id, predecessors } of plain.groups) {
    for (const predecessor of predecessors) builder.addEdge(id, predecessor);
  }
  const inside = new Set(plain.groups.map(({ id }) => id));
  for (const { id, predecessors } of all) {
    if (inside.has(id)) continue;
    if (predecessors.length === 0) builder.addOutside(id);
    for (const predecessor of predecessors) builder.addOutside(id, predecessor);
  }
  for (const { id, rows } of plain.groups) {
    for (const [type, stateKey, event] of rows) {
      builder.addRow(id, builder.keys.internPair(type, stateKey), builder.events.internText(event));
    }
  }
  return builder.finish();
}

/** What the tables would hold after the rewrites; nothing but the rewrites' own columns is read. */
export function rewritten(plain: PlainForest, forest: DeltaForest, rewrites: Rewrites): PlainForest {
  const groups = new Map(plain.groups.map((group) => [group.id, group]));
  for (let i = 0; i < rewrites.count; i++) {
    const id = forest.groupId[rewrites.group[i]!]!;
    const base = rewrites.predecessor[i]!;
    const rows: PlainRow[] = [];
    for (let row = rewrites.rowStart[i]!; row < rewrites.rowStart[i + 1]!; row++) {
      const key = rewrites.key[row]!;
      rows.push([forest.keys.type(key), forest.keys.stateKey(key), forest.events.text(rewrites.event[row]!)]);
    }
    groups.set(id, { ...groups.get(id)!, predecessors: base === NONE ? [] : [forest.groupId[base]!], rows });
  }
  return { ...plain, groups: [...groups.values()] };
}

/** Rows of all groups. */
export function countRows(plain: PlainForest): number {
  return plain.groups.reduce((sum, { rows }) => sum + rows.length, 0);
}

/** One step of a room's growth. The numbers are dice: each is used modulo what there is to choose from. */
export interface Step {
  readonly kind: "change" | "merge" | "reset" | "snapshot" | "empty" | "needless" | "root";
  /** Which group it builds on: 0 the newest, 1 the one before, … */
  readonly from: number;
  /** Which group is merged in; which keys change or are lost. */
  readonly other: number;
  /** How many rows, and ids left to other rooms before this one. */
  readonly rows: number;
  readonly gap: number;
  readonly isPending: boolean;
}

/** Where the ids begin: small, at the edge of int32, and far past it. */
export const FIRST_IDS: readonly number[] = [1, 2 ** 31 - 4, 2 ** 40];

/** Values that have to survive every layer: quotes, backslashes, newlines, dollars, emoji. */
const ODD_KEYS = ["", "it's", "w'32\\é", "a\nb\tc", "$$end$$$", "🦀", "{,}"];

/** Grows a room: each step adds one group. What Synapse may store, and nothing broken. */
export function growRoom(steps: readonly Step[], firstId = 1, roomId = "!room:test"): PlainForest {
  const groups: PlainGroup[] = [];
  const states: Map<string, PlainRow>[] = [];
  let id = firstId;
  let events = 0;
  const stepRow = (n: number): PlainRow => {
    const key = n % 23;
    const type = key < 16 ? "m.room.member" : "m.room.thing";
    return [type, ODD_KEYS[key] ?? `@user${key}:test`, `$event${events++}`];
  };
  steps.forEach((step, i) => {
    const add = (predecessors: number[], rows: PlainRow[], state: Map<string, PlainRow>) => {
      groups.push({ id, predecessors, rows, ...(step.isPending ? { isPending: true } : {}) });
      states.push(state);
    };
    if (i > 0) id += 1 + step.gap;
    const at = i - 1 - step.from % Math.max(i, 1);
    if (i === 0 || step.kind === "root") return add([], [], new Map());
    const base = groups[at]!;
    const state = new Map(states[at]);
    const put = (row: PlainRow) => state.set(nameOf(row), row);
    const rows: PlainRow[] = [];
    for (let row = 0; row < 1 + step.rows % 4; row++) rows.push(stepRow(step.other + row));
    switch (step.kind) {
      case "change":
        rows.forEach(put);
        return add([base.id], rows, state);
      case "empty":
        return add([base.id], [], state);
      case "needless": {
        const kept = [...state.values()].slice(0, 1 + step.other % 3);
        const changed = rows.slice(0, step.rows % 2).filter((row) =>
          !kept.some((other) => nameOf(other) === nameOf(row))
        );
        changed.forEach(put);
        return add([base.id], [...kept, ...changed], state);
      }
      case "merge": {
        const merged = [...states[step.other % states.length]!].filter(([key, row]) => state.get(key)?.[2] !== row[2]);
        for (const [, row] of merged) put(row);
        return add([base.id], merged.map(([, row]) => row), state);
      }
      case "reset":
        for (const key of [...state.keys()].slice(-1 - step.rows % 5)) state.delete(key);
        if (step.other % 2 === 0) rows.slice(0, 1).forEach(put);
        return add([], [...state.values()], state);
      case "snapshot":
        rows.forEach(put);
        return add([], [...state.values()], state);
    }
  });
  return { roomId, groups };
}

/** `type` and `state_key` as one text that no other pair has. */
export function nameOf([type, stateKey]: PlainRow): string {
  return JSON.stringify([type, stateKey]);
}

const KINDS: readonly Step["kind"][] = [
  ...Array<Step["kind"]>(9).fill("change"),
  "change",
  "merge",
  "merge",
  "reset",
  "snapshot",
  "empty",
  "needless",
  "root",
];

/** Steps by a seed. `pending` is the chance that a group is marked for deletion. */
export function randomSteps(seed: number, groups: number, pending = 0): Step[] {
  const random = mulberry32(seed);
  const below = (n: number) => Math.floor(random() * n);
  return Array.from({ length: groups }, () => ({
    kind: KINDS[below(KINDS.length - (random() < 0.8 ? 1 : 0))]!,
    from: random() < 0.6 ? 0 : below(8),
    other: below(1000),
    rows: below(8),
    gap: below(3),
    isPending: random() < pending,
  }));
}

/** A room by a seed. */
export function randomRoom(seed: number, groups: number, pending = 0): PlainForest {
  return growRoom(randomSteps(seed, groups, pending), FIRST_IDS[seed % FIRST_IDS.length]);
}

/** Rooms that share one sequence of ids, as on a real server. */
export function randomRooms(seed: number, rooms: number, groups: number, firstId = 1): PlainForest[] {
  const random = mulberry32(seed ^ 0x5eed);
  const order = Array.from({ length: rooms * groups }, (_, i) => i % rooms);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return Array.from({ length: rooms }, (_, room) => {
    const ids = order.flatMap((owner, i) => owner === room ? [firstId + i] : []);
    const plain = growRoom(randomSteps(seed + room, groups), 0, `!room${room}:test`);
    const renamed = new Map(plain.groups.map((group, i) => [group.id, ids[i]!]));
    return {
      roomId: plain.roomId,
      groups: plain.groups.map((group) => ({
        ...group,
        id: renamed.get(group.id)!,
        predecessors: group.predecessors.map((id) => renamed.get(id)!),
      })),
    };
  });
}

/** Any room: forks, merges, resets, groups without rows, needless rows and snapshots, ids of any size. */
export function anyRoom(options: { maxGroups?: number; pending?: boolean } = {}): fc.Arbitrary<PlainForest> {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom(...KINDS),
    from: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(7) }),
    other: fc.nat(1000),
    rows: fc.nat(7),
    gap: fc.nat(3),
    isPending: options.pending ? fc.nat(5).map((dice) => dice === 5) : fc.constant(false),
  });
  return fc.tuple(
    fc.array(step, { minLength: 1, maxLength: options.maxGroups ?? 80, size: "max" }),
    fc.constantFrom(...FIRST_IDS),
  ).map(([steps, firstId]) => growRoom(steps, firstId));
}

/** Any list of levels, small enough that they fill up. */
export function anyLevels(): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
}

/** Any range of a room, as -b, -n and -s give it. */
export function anyRange(plain: PlainForest): fc.Arbitrary<Range> {
  const id = fc.constantFrom(...plain.groups.map((group) => group.id));
  return fc.record({ minGroup: id, maxGroup: id, groups: fc.integer({ min: 1, max: plain.groups.length }) }, {
    requiredKeys: [],
  });
}

/** -b (exclusive), -s (inclusive) and -n of the command line. */
export interface Range {
  minGroup?: number;
  maxGroup?: number;
  groups?: number;
}

/** What is loaded for a range: its groups, and as context groups those under them. */
export function loadRange(plain: PlainForest, range: Range): PlainForest {
  const { minGroup = -Infinity, maxGroup = Infinity, groups = Infinity } = range;
  const inRange = plain.groups.filter(({ id }) => id > minGroup && id <= maxGroup).slice(0, groups);
  const byId = new Map(plain.groups.map((group) => [group.id, group]));
  const loaded = new Map(inRange.map((group) => [group.id, group]));
  const open = [...inRange];
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    for (const id of group.predecessors) {
      const under = byId.get(id);
      if (under === undefined || loaded.has(id)) continue;
      loaded.set(id, { ...under, isContext: true });
      open.push(under);
    }
  }
  return { ...plain, groups: [...loaded.values()].sort((a, b) => a.id - b.id) };
}
