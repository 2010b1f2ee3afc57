import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { noSkips } from "../../src/db/write/skips.ts";
import type { ChunkReport } from "../../src/jobs/chunk.ts";
import { Tally } from "../../src/jobs/tally.ts";

const chunk = (roomId: string, some: Partial<ChunkReport> = {}): ChunkReport => ({
  roomId,
  outcome: "written",
  groups: 10,
  ownRows: 50,
  lastGroup: 10,
  rowsBefore: 100,
  rowsAfter: 60,
  groupsRewritten: 5,
  groupsUnchanged: 0,
  groupsSkipped: 0,
  skipped: [],
  skippedByKind: noSkips(),
  groupsLeft: 0,
  retries: 1,
  rowsSaved: 40,
  bytesFreed: 4000,
  defects: [],
  groupsLeftOut: 0,
  replaced: [],
  isLast: true,
  ...some,
});
const unfinished = (roomId: string) =>
  chunk(roomId, {
    outcome: "unfinished",
    groupsSkipped: 2,
    skippedByKind: { ...noSkips(), contention: 2 },
    groupsRewritten: 3,
    rowsSaved: 10,
  });

Deno.test("Tally adds up chunks, and counts a room once", () => {
  const tally = new Tally(9);
  for (const one of [chunk("!a:b"), chunk("!a:b", { outcome: "skipped", rowsSaved: 0 }), chunk("!c:d")]) {
    tally.count(one);
  }
  const { roomsFound, rooms, chunks, chunksSkipped, groups, rowsSaved, retries } = tally.finish();
  deepStrictEqual([roomsFound, rooms, chunks, chunksSkipped, groups, rowsSaved, retries], [9, 2, 3, 1, 30, 80, 3]);
});

Deno.test("Tally counts of a chunk that is tried again the groups once, and what was written at every try", () => {
  const tally = new Tally(1);
  tally.count(unfinished("!a:b"));
  strictEqual(tally.tries("!a:b"), 1);
  tally.count(unfinished("!a:b"));
  tally.count(chunk("!a:b"));
  strictEqual(tally.tries("!a:b"), 0);
  const { chunks, groups, groupsRewritten, groupsSkipped, rowsSaved, roomsUnfinished } = tally.finish();
  deepStrictEqual([chunks, groups, groupsRewritten, groupsSkipped, rowsSaved], [1, 10, 11, 0, 60]);
  deepStrictEqual(roomsUnfinished, []);
});

Deno.test("Tally names the rooms that were never finished, unless their groups are gone", () => {
  const tally = new Tally(2);
  for (const room of ["!a:b", "!c:d"]) tally.count(unfinished(room));
  tally.drop("!c:d");
  const { roomsUnfinished, groupsSkipped, skippedByKind, chunks } = tally.finish();
  deepStrictEqual([roomsUnfinished, groupsSkipped, skippedByKind.contention, chunks], [["!a:b"], 2, 2, 1]);
});
