import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { noSkips } from "../../src/db/write/skips.ts";
import { CompressorError } from "../../src/errors.ts";
import type { ChunkReport } from "../../src/jobs/chunk.ts";
import { Tally } from "../../src/jobs/tally.ts";
import { describeServerEnd, describeServerEvent, explainServer } from "../../src/text/auto.ts";

const CHUNK: ChunkReport = {
  roomId: "!a:b",
  outcome: "written",
  groups: 10_000,
  ownRows: 90_000,
  lastGroup: 123_456,
  rowsBefore: 90_000,
  rowsAfter: 60_000,
  groupsRewritten: 5000,
  groupsUnchanged: 0,
  groupsSkipped: 0,
  skipped: [],
  skippedByKind: noSkips(),
  groupsLeft: 0,
  retries: 0,
  rowsSaved: 30_000,
  bytesFreed: 4000,
  defects: [],
  groupsLeftOut: 0,
  replaced: [],
  isLast: true,
};
const say = (some: Partial<ChunkReport>) =>
  describeServerEvent({ kind: "chunk", report: { ...CHUNK, ...some }, seconds: 1 });

Deno.test("describeServerEvent() has counts with separators, and an id without", () => {
  strictEqual(
    say({}),
    'room "!a:b": 10,000 state groups up to 123456: 30,000 rows saved, 5,000 state groups rewritten',
  );
  strictEqual(say({ outcome: "skipped" }), 'room "!a:b": 10,000 state groups up to 123456: nothing to save, skipped');
});

Deno.test("describeServerEvent() names what went wrong in a chunk", () => {
  match(say({ retries: 1 })!, /; 1 transaction repeated because another one was in the way$/);
  match(say({ outcome: "unfinished" })!, /; not finished, so no progress is saved$/);
  match(
    say({ replaced: [{ head: 7, reason: "gone", by: undefined }, { head: 9, reason: "ahead", by: 8 }] })!,
    /saved level head 7 is gone: its level starts again; .* 9 is above the saved progress: continued from 8$/,
  );
  const skipped = Array.from({ length: 12 }, (_, i) => ({ groupId: i, kind: "gone" as const, reason: "it is gone" }));
  const skippedByKind = { ...noSkips(), gone: 12 };
  match(say({ skipped, skippedByKind, groupsSkipped: 12 })!, /12 state groups skipped \(12 deleted .*\): 0, .*, 9 …$/);
});

Deno.test("describeServerEnd() begins with the Rust tool's line, digit by digit", () => {
  const tally = new Tally(3);
  tally.count(CHUNK);
  const report = tally.finish();
  report.failed.push({ roomId: "!c:d", error: new CompressorError("Cannot") });
  report.outcome = "out-of-time";
  deepStrictEqual(describeServerEnd(report), [
    "Finished running compressor. Saved 30000 rows. Skipped 0/1 chunks",
    "Rooms that failed (1): !c:d",
    "Time limit reached; the next run continues where this one stopped",
  ]);
  deepStrictEqual(explainServer(report)["failed"], [{ roomId: "!c:d", error: "Cannot" }]);
});
