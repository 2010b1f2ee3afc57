import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { Judge, type Standing, type StandingGroup } from "../../../src/db/write/judge.ts";
import { makeTask } from "../../../src/db/write/rows.ts";
import { RowsDigest } from "../../../src/format/sql/digest.ts";
import { forest } from "../../support/forest.ts";

const ROOM = forest("10{a=1,b=1,c=1}, 20{a=2,b=1,c=1}, 30{a=3,b=1,c=1}");
const REWRITES = findRewrites(compress(ROOM, { prefer: "rows" }));
/** 20 is to stand on 10, 30 on 20, each with one row. */
const [TWENTY, THIRTY] = [0, 1].map((i) => makeTask(ROOM, REWRITES, i)) as [Task, Task];
type Task = ReturnType<typeof makeTask>;

const AS_READ: StandingGroup = { bases: null, edges: 0, rows: 3, newer: 0 };
const STANDING: Standing = {
  locked: new Set([10, 20, 30]),
  groups: new Map([[20, AS_READ], [30, AS_READ]]),
  marked: new Set(),
};

const digest = new RowsDigest(ROOM.keys, ROOM.events);
const readDigest = (g: number) => digest.of((visit) => ROOM.forEachRow(g, visit));

/** What becomes of 20 and 30: w is written, u unchanged, else why it is skipped. */
async function judge(standing: Partial<Standing>, digests: Record<number, string> = {}, tasks = [TWENTY, THIRTY]) {
  const verdict = await new Judge(ROOM, REWRITES).judge(
    tasks,
    [],
    { ...STANDING, ...standing },
    (ids) => Promise.resolve(new Map(ids.map((id) => [id, digests[id]]))),
  );
  const of = ({ groupId }: Task) =>
    verdict.write.some((task) => task.groupId === groupId)
      ? "w"
      : verdict.unchanged.some((task) => task.groupId === groupId)
      ? "u"
      : verdict.skip.find(({ task }) => task.groupId === groupId)!.kind;
  return tasks.map(of).join(" ");
}

const with20 = (change: Partial<StandingGroup>) => ({
  groups: new Map([[20, { ...AS_READ, ...change }], [30, AS_READ]]),
});

Deno.test("Judge writes what stands as it was read, without a look at rows that are known to be old", async () => {
  strictEqual(await judge({}), "w w");
});

Deno.test("Judge skips what is gone or marked, and what would be built on that", async () => {
  strictEqual(await judge({ locked: new Set([10, 20]) }), "w gone");
  strictEqual(await judge({ locked: new Set([20, 30]) }), "base-gone w");
  strictEqual(await judge({ marked: new Set([20]) }), "marked base-marked");
});

Deno.test("Judge skips a group with another predecessor; what is built on it is right all the same", async () => {
  strictEqual(await judge(with20({ bases: "7", edges: 1 })), "changed w");
});

Deno.test("Judge skips a group whose rows changed, and all that would be built on it from then on", async () => {
  strictEqual(await judge(with20({ rows: 4 })), "changed base-changed");
  strictEqual(await judge(with20({ newer: 1 }), { 20: "other rows" }), "changed base-changed");
  const one = new Judge(ROOM, REWRITES);
  const look = (tasks: Task[], standing: Partial<Standing>) =>
    one.judge(tasks, [], { ...STANDING, ...standing }, () => Promise.resolve(new Map()));
  await look([TWENTY], with20({ rows: 4 }));
  deepStrictEqual((await look([THIRTY], {})).skip.map(({ kind, reason }) => [kind, reason]), [
    ["base-changed", "its new predecessor 20 has changed"],
  ]);
});

Deno.test("Judge looks at rows that may be new, and takes what is as wanted for done", async () => {
  strictEqual(await judge(with20({ newer: 3 }), { 20: readDigest(1) }), "w w");
  const wanted = new RowsDigest(ROOM.keys, ROOM.events).of((visit) =>
    visit(REWRITES.key[REWRITES.rowStart[0]!]!, REWRITES.event[REWRITES.rowStart[0]!]!)
  );
  strictEqual(await judge(with20({ bases: "10", edges: 1, rows: 1, newer: 1 }), { 20: wanted }), "u w");
});
