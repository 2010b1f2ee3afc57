import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { runProgram, workFolder } from "../support/cli.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { draw } from "../support/forest.ts";
import { insertRooms, readRoom } from "../support/tables.ts";

const ROOM = "!room:test";
/** A sound part with something to save: snapshots that could be deltas. */
const SOUND = "1{a=$1,b=$1,c=$1}, 2{a=$1,b=$1,c=$2}, 3{a=$1,b=$1,c=$3}, 4{a=$1,b=$1,c=$4}";

const DEFECTS: readonly [what: string, drawing: string, sentence: string, leftOut: number[]][] = [
  ["a dangling edge", "?99 <- 10 <- 11", "state group 10 refers to missing predecessor 99", [10, 11]],
  ["a cycle", "10 <- 11 <- 10, 11 <- 12", "state group 10 leads back to itself, by predecessor 11", [10, 11, 12]],
  ["a group that is its own predecessor", "10 <- 10", "state group 10 is its own predecessor", [10]],
  [
    "a predecessor with a higher id",
    "11 <- 10 <- 12",
    "state group 10 refers to predecessor 11, which has a higher id",
    [10, 12],
  ],
  ["two predecessors", "8 <- 10, 9 <- 10", "state group 10 has more than one predecessor, 9 among them", [10]],
  [
    "two rows for one key",
    "10{t/k=$a, t/k=$b} <- 11",
    'state group 10 has more than one row for one key (t "k")',
    [10, 11],
  ],
  [
    "a predecessor of another room",
    "9@ <- 10 <- 11",
    "state group 10 builds on state group 9 of another room",
    [10, 11],
  ],
];

async function prepare(drawing: string): Promise<TestDatabase> {
  const db = await testDatabase();
  await insertRooms(db.sql, draw(`${SOUND}, ${drawing}`));
  return db;
}

async function list(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

for (const [what, drawing, sentence, leftOut] of DEFECTS) {
  Deno.test(`a room with ${what}: named, left alone, and the rest compressed`, async () => {
    await using db = await prepare(drawing);
    const before = await readRoom(db.sql, ROOM);
    const { code, stdout, stderr } = await runProgram(["-p", db.url, "-r", ROOM, "-c", "--json"]);
    strictEqual(code, 0, stderr);
    const lines = stderr.split("\n");
    strictEqual(lines.includes(`warning: ${sentence}: left as it is`), true, stderr);
    const report = JSON.parse(stdout);
    strictEqual(report.outcome, "written");
    strictEqual(report.defects.length, 1);
    strictEqual(report.defects[0].detail, sentence);
    const after = await readRoom(db.sql, ROOM);
    const parts = ({ groups }: typeof after, ids: readonly number[]) => groups.filter(({ id }) => ids.includes(id));
    deepStrictEqual(parts(after, leftOut), parts(before, leftOut));
    const rows = parts(after, [1, 2, 3, 4]).reduce((sum, group) => sum + group.rows.length, 0);
    strictEqual(rows, 6);
  });

  Deno.test(`a room with ${what}: refused by --strict, nothing written`, async () => {
    await using db = await prepare(drawing);
    await using folder = await workFolder();
    const before = await readRoom(db.sql, ROOM);
    for (const flags of [["-o", "out.sql", "-g"], ["-c"]]) {
      const args = ["-p", db.url, "-r", ROOM, "--strict", "--quiet", ...flags];
      const { code, stdout, stderr } = await runProgram(args, { cwd: folder.path });
      deepStrictEqual([code, stdout], [1, ""]);
      const [message, hint] = stderr.trimEnd().split("\n");
      strictEqual(message, `Cannot compress room "${ROOM}": ${sentence}`);
      match(hint!, /^hint: .*doctor/);
      strictEqual(stderr.trimEnd().split("\n").length, 2, stderr);
    }
    deepStrictEqual(await list(folder.path), []);
    deepStrictEqual(await readRoom(db.sql, ROOM), before);
  });
}

Deno.test("a sound room passes --strict", async () => {
  await using db = await prepare("10 <- 11");
  const { code, stderr } = await runProgram(["-p", db.url, "-r", ROOM, "--strict"]);
  strictEqual(code, 0, stderr);
  strictEqual(stderr.includes("warning"), false);
});
