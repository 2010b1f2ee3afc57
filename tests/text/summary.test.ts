import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { compressRoom, compressServer, connect, type ReclaimReport } from "../../src/mod.ts";
import { summarizePruned, summarizeReclaimed, summarizeRoom, summarizeServer } from "../../src/text/summary.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";

const MIB = 1024 ** 2;

Deno.test("summarizeRoom() and summarizeServer() add up to the rows that are there, before and after", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const count = async (where: string) =>
    Number((await db.sql.unsafe(`SELECT count(*) FROM state_groups_state ${where}`))[0]!["count"]).toLocaleString("en");
  const ofRoom = `WHERE room_id = '${roomId}'`;
  const before = [await count(ofRoom), await count("")];
  await using session = await connect(db.url);
  const room = summarizeRoom(await compressRoom(session, { roomId, commit: true, prefer: "rows" }), 99 * MIB);
  match(room[0]!, /^ +before +after +freed$/);
  match(room[1]!, new RegExp(`^rows +${before[0]} +${await count(ofRoom)}  4,284 \\(42%\\)$`));
  match(room[2]!, /^space +about \d+ KiB inside the files$/);
  match(room[3]!, /^time {4}[\d.]+ s: [\d.]+ s to load, [\d.]+ s to compress, [\d.]+ s to verify, [\d.]+ s to write$/);
  deepStrictEqual(room.slice(4), ["memory  up to 99 MiB"]);
  const left = await count("");
  const server = summarizeServer(await compressServer(() => connect(db.url)), 99 * MIB);
  match(server[1]!, new RegExp(`^rows +${left} +${await count("")}  [\\d,]+ \\([\\d.]+%\\)$`));
  match(server[3]!, /^done {4}6,459 state groups in 9 rooms$/);
});

Deno.test("summarizeServer() says what was left alone, and why", async () => {
  await using db = await testDatabase();
  const report = await compressServer(() => connect(db.url));
  deepStrictEqual(summarizeServer(report, MIB).filter((line) => line.startsWith("left alone")), []);
  report.groupsSkipped = 3;
  report.skippedByKind.gone = 1;
  report.skippedByKind.contention = 2;
  report.groupsLeftOut = 4;
  report.roomsBusy.push("!a:b");
  deepStrictEqual(summarizeServer(report, MIB).filter((line) => line.startsWith("left alone")), [
    "left alone  3 state groups (1 deleted by Synapse meanwhile, 2 that other transactions locked or changed at every " +
    "attempt), 4 state groups (broken data)",
    "left alone  1 room (another compressor works on them)",
  ]);
});

Deno.test("summarizeReclaimed() adds the table and its indexes up, right-aligned", () => {
  const report: ReclaimReport = {
    outcome: "done",
    tableBytesBefore: 1500 * MIB,
    tableBytesAfter: 90 * MIB,
    indexBytesBefore: 500 * MIB,
    indexBytesAfter: 10 * MIB,
    idealBytes: 80 * MIB,
    rounds: 3,
    rowsMoved: 1,
    retries: 0,
    holders: [],
    seconds: 80,
  };
  deepStrictEqual(summarizeReclaimed(report, 99 * MIB), [
    "          before    after  freed",
    "table    1.5 GiB   90 MiB  1.4 GiB",
    "indexes  500 MiB   10 MiB  490 MiB",
    "files    2.0 GiB  100 MiB  1.9 GiB (95.0%)",
    "time     1 min 20 s",
    "memory   up to 99 MiB",
  ]);
});

Deno.test("summarizePruned() of nothing has no share", () => {
  strictEqual(summarizePruned({ rooms: [], failed: [] }, 1, MIB)[1], "rows         0      0  0");
});
