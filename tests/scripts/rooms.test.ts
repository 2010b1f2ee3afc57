import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { benchRoom, makeRoom, mulberry32, type StoredGroup } from "../../scripts/rooms.ts";
import { build, type PlainForest } from "../support/forest.ts";

const NAMES = ["chain", "spam", "hard", "snapshots"];

function toPlain(groups: readonly StoredGroup[]): PlainForest {
  return {
    roomId: "!r",
    groups: groups.map(({ groupId, predecessorId, rows }) => {
      return { id: groupId, predecessors: predecessorId === null ? [] : [predecessorId], rows };
    }),
  };
}

for (const name of NAMES) {
  Deno.test(`makeRoom() makes the same ${name} from the same seed, and another from another`, () => {
    const plan = benchRoom(name, 0.02);
    const room = [...makeRoom(plan)];
    deepStrictEqual([...makeRoom(plan)], room);
    notDeepStrictEqual([...makeRoom({ ...plan, seed: plan.seed + 1 })], room);
    strictEqual(room.length, plan.groups);
  });

  Deno.test(`makeRoom() stores ${name} as Synapse would: a forest without a defect, at most 100 hops`, () => {
    const groups = [...makeRoom(benchRoom(name, 0.02))];
    const room = build(toPlain(groups));
    deepStrictEqual(room.defects, []);
    strictEqual(room.size, groups.length);
    const hops = new Map<number, number>();
    let last = 0;
    for (const { groupId, predecessorId } of groups) {
      ok(groupId > last, "ids ascend");
      last = groupId;
      hops.set(groupId, predecessorId === null ? 0 : hops.get(predecessorId)! + 1);
      ok(hops.get(groupId)! <= 100);
    }
    // An event id is of one event: it never stands for two keys.
    const keyOf = new Map<string, string>();
    for (const { rows } of groups) {
      for (const [type, stateKey, event] of rows) {
        const key = JSON.stringify([type, stateKey]);
        strictEqual(keyOf.get(event) ?? key, key);
        keyOf.set(event, key);
        strictEqual(event.length, 44);
      }
    }
  });
}

Deno.test("makeRoom() makes as many groups as it is asked for, wherever they begin", () => {
  for (const groups of [2, 3, 50]) {
    const room = [...makeRoom({ ...benchRoom("chain"), groups, firstGroupId: 2 ** 40 })];
    strictEqual(room.length, groups);
    strictEqual(room[0]!.groupId, 2 ** 40);
    strictEqual(room[0]!.rows.length, 0);
  }
});

Deno.test("benchRoom() knows its rooms, and refuses others", () => {
  for (const name of NAMES) strictEqual(benchRoom(name).roomId, `!${name}:bench.test`);
  strictEqual(benchRoom("chain", 4).groups, 4 * 73_904);
  throws(() => benchRoom("no such room"), /chain, spam, hard, snapshots/);
});

Deno.test("mulberry32() gives the same numbers for the same seed, between 0 and 1", () => {
  const [a, b] = [mulberry32(1), mulberry32(1)];
  for (let i = 0; i < 1_000; i++) {
    const n = a();
    ok(n >= 0 && n < 1);
    strictEqual(n, b());
  }
});
