import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { mulberry32 } from "../../scripts/rooms.ts";
import { compress, findRewrites, type Rewrites } from "../../src/core/plan/compress.ts";
import { type DeltaForest, isRewritable, NONE } from "../../src/core/forest/forest.ts";
import { verify } from "../../src/core/verify.ts";
import { MismatchError } from "../../src/errors.ts";
import { build, forest, loadRange, type PlainForest, randomRoom, rewritten } from "../support/forest.ts";
import { differingGroups } from "../support/oracle.ts";

/** Rewrites as a list, to be changed and made columns again. */
interface Rewrite {
  group: number;
  base: number;
  rows: [key: number, event: number][];
}

function toList(rewrites: Rewrites): Rewrite[] {
  return Array.from({ length: rewrites.count }, (_, i) => {
    const rows: [number, number][] = [];
    for (let row = rewrites.rowStart[i]!; row < rewrites.rowStart[i + 1]!; row++) {
      rows.push([rewrites.key[row]!, rewrites.event[row]!]);
    }
    return { group: rewrites.group[i]!, base: rewrites.predecessor[i]!, rows };
  });
}

function toColumns(list: readonly Rewrite[]): Rewrites {
  const rows = list.flatMap((rewrite) => rewrite.rows);
  const rowStart = [0];
  for (const rewrite of list) rowStart.push(rowStart.at(-1)! + rewrite.rows.length);
  return {
    count: list.length,
    group: Int32Array.from(list, ({ group }) => group),
    predecessor: Int32Array.from(list, ({ base }) => base),
    rowStart: Int32Array.from(rowStart),
    key: Int32Array.from(rows, ([key]) => key),
    event: Int32Array.from(rows, ([, event]) => event),
  };
}

/** Many rooms, some of them only in part, with what each strategy makes of them. */
function* cases(
  rooms: number,
): Generator<{ plain: PlainForest; room: DeltaForest; list: Rewrite[]; random: () => number }> {
  for (let seed = 0; seed < rooms; seed++) {
    const whole = randomRoom(seed, 20 + seed % 30, seed % 3 === 0 ? 0.15 : 0);
    const plain = seed % 4 === 1 ? loadRange(whole, { minGroup: whole.groups[8]!.id }) : whole;
    const room = build(plain);
    const options = seed % 2 === 0 ? { strategy: "levels" as const, levels: [3, 2] } : { maxHops: 5 };
    const list = toList(findRewrites(compress(room, options)));
    yield { plain, room, list, random: mulberry32(seed) };
  }
}

/** Rooms whose rewrites are not sound to begin with would make every mutation look caught. */
const sound = [...cases(120)].filter(({ room, list }) => {
  try {
    verify(room, toColumns(list));
    return list.length > 0;
  } catch {
    return false;
  }
});

function refused(room: DeltaForest, list: readonly Rewrite[], what: string): MismatchError {
  try {
    verify(room, toColumns(list));
  } catch (error) {
    ok(error instanceof MismatchError, `${what}: ${error}`);
    return error;
  }
  throw new Error(`not caught: ${what}`);
}

/** Calls `mutate` for every rewrite of every room; it returns the mutant, or undefined where there is none. */
function eachRewrite(
  mutate: (rewrite: Rewrite, room: DeltaForest, random: () => number) => Rewrite | undefined,
  check: (mutant: Rewrite[], room: DeltaForest, plain: PlainForest, what: string) => void,
): number {
  let mutants = 0;
  for (const { plain, room, list, random } of sound) {
    list.forEach((rewrite, i) => {
      const mutant = mutate({ ...rewrite, rows: rewrite.rows.map((row) => [...row]) }, room, random);
      if (mutant === undefined) return;
      mutants++;
      check(list.with(i, mutant), room, plain, `${JSON.stringify(rewrite)} -> ${JSON.stringify(mutant)}`);
    });
  }
  ok(mutants > 300, `only ${mutants} mutants`);
  return mutants;
}

const caught = (mutant: Rewrite[], room: DeltaForest, _plain: PlainForest, what: string) =>
  void refused(room, mutant, what);

Deno.test("verify() passes what compress() makes", () => {
  ok(sound.length > 60, `${sound.length} rooms`);
  for (const { plain, room, list } of sound) {
    deepStrictEqual(differingGroups(plain, rewritten(plain, room, toColumns(list))), []);
  }
});

Deno.test("verify() catches a dropped row", () => {
  eachRewrite((rewrite, _, random) => {
    if (rewrite.rows.length === 0) return undefined;
    rewrite.rows.splice(Math.floor(random() * rewrite.rows.length), 1);
    return rewrite;
  }, caught);
});

Deno.test("verify() catches a wrong event id", () => {
  eachRewrite((rewrite, room, random) => {
    const row = rewrite.rows[Math.floor(random() * rewrite.rows.length)];
    if (row === undefined || room.events.size < 2) return undefined;
    row[1] = (row[1] + 1 + Math.floor(random() * (room.events.size - 1))) % room.events.size;
    return rewrite;
  }, caught);
});

Deno.test("verify() catches a wrong key", () => {
  eachRewrite((rewrite, room, random) => {
    const row = rewrite.rows[Math.floor(random() * rewrite.rows.length)];
    if (row === undefined) return undefined;
    const free = room.keys.size - rewrite.rows.length;
    if (free < 1) return undefined;
    const used = new Set(rewrite.rows.map(([key]) => key));
    row[0] = Array.from({ length: room.keys.size }, (_, key) => key).filter((key) => !used.has(key))[
      Math.floor(random() * free)
    ]!;
    rewrite.rows.sort(([a], [b]) => a - b);
    return rewrite;
  }, caught);
});

Deno.test("verify() catches a row too many", () => {
  eachRewrite((rewrite, room) => {
    const has = (key: number) => room.states.get(room.state[rewrite.group]!, key) !== -1;
    const key = Array.from({ length: room.keys.size }, (_, key) => key).find((key) => !has(key));
    if (key === undefined) return undefined;
    rewrite.rows.push([key, 0]);
    rewrite.rows.sort(([a], [b]) => a - b);
    return rewrite;
  }, caught);
});

Deno.test("verify() catches two rows for one key, though they say the same", () => {
  eachRewrite((rewrite) => {
    if (rewrite.rows.length === 0) return undefined;
    rewrite.rows.splice(1, 0, [...rewrite.rows[0]!]);
    return rewrite;
  }, caught);
});

Deno.test("verify() catches values that were never read", () => {
  const places: ((row: [number, number], room: DeltaForest) => void)[] = [
    (row, room) => row[0] = room.keys.size,
    (row) => row[0] = -1,
    (row, room) => row[1] = room.events.size,
    (row) => row[1] = -1,
    (row) => row[0] = 2 ** 31 - 1,
  ];
  for (const place of places) {
    eachRewrite((rewrite, room) => {
      const row = rewrite.rows.at(-1);
      if (row === undefined) return undefined;
      place(row, room);
      return rewrite;
    }, caught);
  }
});

Deno.test("verify() lets a base be swapped exactly where every full state stays", () => {
  let [harmless, harmful] = [0, 0];
  eachRewrite((rewrite, room, random) => {
    const base = Math.floor(random() * (rewrite.group + 1)) - 1;
    if (base === rewrite.base || base >= 0 && room.isPending[base] === 1) return undefined;
    return { ...rewrite, base };
  }, (mutant, room, plain, what) => {
    if (differingGroups(plain, rewritten(plain, room, toColumns(mutant))).length === 0) {
      verify(room, toColumns(mutant));
      harmless++;
    } else {
      refused(room, mutant, what);
      harmful++;
    }
  });
  ok(harmless > 10 && harmful > 100, `${harmless} harmless, ${harmful} harmful`);
});

Deno.test("verify() catches a base that is not before the group", () => {
  for (const by of [0, 1, 5, 1_000]) {
    eachRewrite((rewrite) => ({ ...rewrite, base: rewrite.group + by }), caught);
  }
  eachRewrite((rewrite) => ({ ...rewrite, base: -2 }), caught);
});

Deno.test("verify() catches a new base that is pending deletion or left out, even where it would fit", () => {
  const pending = forest("1!{a=1} <- 2{a=2}, 3{a=1}");
  const list = [{ group: 2, base: 0, rows: [] }];
  match(refused(pending, list, "pending base").message, /state group 3 would be put on state group 1/);
  verify(forest("1{a=1} <- 2{a=2}, 3{a=1}"), toColumns(list));
  const leftOut = forest("?9 <- 1{} , 3{a=1}");
  refused(leftOut, [{ group: 1, base: 0, rows: [[0, 0]] }], "left-out base");
  // The present predecessor may stay, though it is pending.
  verify(forest("1!{a=1} <- 3{a=1,b=1}"), toColumns([{ group: 1, base: 0, rows: [[1, 0]] }]));
});

Deno.test("verify() catches a rewrite of a context, pending or left-out group, even to what it was", () => {
  let tried = 0;
  for (const { room, list } of sound) {
    for (let g = 0; g < room.size; g++) {
      if (isRewritable(room, g)) continue;
      const rows: [number, number][] = [];
      room.forEachRow(g, (key, event) => rows.push([key, event]));
      rows.sort(([a], [b]) => a - b);
      const mutant = [...list, { group: g, base: room.predecessor[g]!, rows }].sort((a, b) => a.group - b.group);
      refused(room, mutant, `group ${g} must not be touched`);
      tried++;
    }
  }
  ok(tried > 100, `only ${tried}`);
  refused(forest("?9 <- 1{a=1}"), [{ group: 0, base: NONE, rows: [[0, 0]] }], "left-out group");
});

Deno.test("verify() catches rewrites out of order, twice, or of no group", () => {
  for (const { room, list } of sound) {
    if (list.length > 1) refused(room, list.toReversed(), "order");
    refused(room, [...list, list.at(-1)!], "twice");
    refused(room, [...list, { group: room.size, base: NONE, rows: [] }], "past the end");
    refused(room, [{ group: -1, base: NONE, rows: [] }, ...list], "before the start");
  }
});

Deno.test("verify() catches rows that belong to another rewrite", () => {
  for (const { room, list } of sound) {
    const columns = toColumns(list);
    for (let i = 1; i < columns.count; i++) {
      for (const by of [-1, 1]) {
        const rowStart = columns.rowStart.slice();
        rowStart[i]! += by;
        throws(() => verify(room, { ...columns, rowStart }), MismatchError);
      }
    }
    const short = columns.rowStart.slice();
    short[columns.count]! += 1;
    throws(() => verify(room, { ...columns, rowStart: short }), MismatchError);
    short.fill(1, 0, 1);
    throws(() => verify(room, { ...columns, rowStart: short }), MismatchError);
  }
});

Deno.test("verify() passes any part of the rewrites: each keeps its own group's full state", () => {
  for (const { plain, room, list, random } of sound) {
    const part = list.filter(() => random() < 0.5);
    verify(room, toColumns(part));
    deepStrictEqual(differingGroups(plain, rewritten(plain, room, toColumns(part))), []);
  }
});

Deno.test("verify() says which group, which key, what was and what would be", () => {
  const room = forest("5{a=1,m.room.member/@u:h=2} <- 8{a=3}");
  const member = room.keys.internPair("m.room.member", "@u:h");
  const a = room.keys.internPair("a", "");
  const [one, two, three] = ["1", "2", "3"].map((text) => room.events.internText(text)) as [number, number, number];
  const changed = refused(room, [{ group: 1, base: NONE, rows: [[a, three], [member, one]] }], "changed");
  deepStrictEqual(
    [changed.groupId, changed.key, changed.before, changed.after],
    [8, 'm.room.member "@u:h"', "2", "1"],
  );
  strictEqual(
    changed.message,
    'Verification failed: the full state of state group 8 would change: m.room.member "@u:h" was 2, would be 1',
  );
  strictEqual(changed.exitCode, 3);
  match(changed.hint!, /Nothing was written/);
  const lost = refused(room, [{ group: 1, base: NONE, rows: [[a, three]] }], "lost");
  deepStrictEqual([lost.before, lost.after], ["2", undefined]);
  match(lost.message, /was 2, would be absent$/);
  const gained = refused(room, [{ group: 0, base: NONE, rows: [[a, one]] }, { group: 1, base: 0, rows: [] }], "gained");
  deepStrictEqual([gained.groupId, gained.before, gained.after], [5, "2", undefined]);
  const more = refused(forest("1{a=1} <- 2{b=1}"), [{ group: 0, base: NONE, rows: [[0, 0], [1, 0]] }], "more");
  deepStrictEqual([more.before, more.after], [undefined, "1"]);
  strictEqual(two, 1);
});

Deno.test("verify() tells two events apart whose bytes are no text, and says so", () => {
  const plain = build({ roomId: "!r", groups: [{ id: 1, predecessors: [], rows: [["a", "", "x"]] }] });
  const odd = plain.events.intern(new Uint8Array([0xff]), 0, 1);
  refused(plain, [{ group: 0, base: NONE, rows: [[0, odd]] }], "odd bytes");
});
