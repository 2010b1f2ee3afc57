import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { CompressorError } from "../../src/errors.ts";
import type { PruneReport } from "../../src/jobs/prune.ts";
import { formatOldMark, formatPruned, formatPrunedServer, formatUnused } from "../../src/text/prune.ts";

const DAY_MS = 86_400_000;
const REPORT: PruneReport = {
  roomId: "!a:b",
  outcome: "written",
  groups: 100,
  unused: 1200,
  mayGo: 1100,
  goes: 1000,
  rowsBefore: 50_000,
  rowsAfter: 20_000,
  rowsGone: 40_000,
  groupsChanged: 10,
  groupsRewritten: 10,
  skipped: [],
  marked: 990,
  leftAlone: 10,
  seconds: { load: 0, compress: 0, verify: 0, write: 0 },
};

Deno.test("formatPruned() says what goes, and why the rest stays", () => {
  strictEqual(
    formatPruned(REPORT),
    "990 unused state groups marked for deletion; 50,000 rows now, 20,000 once Synapse has deleted them; " +
      "10 left alone because they are in use again or other groups still build on them",
  );
  match(
    formatPruned({ ...REPORT, outcome: "planned" }),
    /^1,000 of 1,200 unused state groups would be deleted; 50,000/,
  );
  match(formatPruned({ ...REPORT, outcome: "nothing-to-prune", mayGo: 0 }), /none of them old enough to delete$/);
  match(formatPruned({ ...REPORT, outcome: "nothing-to-prune" }), /hold rows that used ones need: nothing to prune$/);
  const skipped = [{ groupId: 1, kind: "contention" as const, reason: "x" }];
  match(formatPruned({ ...REPORT, skipped }), /run it again$/);
});

Deno.test("formatPrunedServer() adds up, and names the rooms that were skipped", () => {
  const failed = [{ roomId: "!c:d", error: new CompressorError("Cannot prune") }];
  deepStrictEqual(formatPrunedServer({ rooms: [REPORT, REPORT], failed }), [
    "Marked for deletion: 1,980 state groups in 2 rooms. Synapse deletes them after ten minutes or more; " +
    "that removes 60,000 rows.",
    'room "!c:d": skipped: Cannot prune',
  ]);
});

Deno.test("formatUnused() lists twenty rooms, and adds up the others and all", () => {
  const rooms = Array.from({ length: 22 }, (_, i) => ({
    roomId: `!r${i}:b`,
    groups: 9,
    unused: 2,
    leaves: 1,
    mayGo: 1,
    rows: 1000,
    bytes: 2048,
  }));
  const lines = formatUnused({ rooms, oldestMarkMs: undefined });
  strictEqual(lines[21], "           4           2           2       2,000     4.0 KiB  2 more rooms");
  match(lines[22]!, / 44 +22 +22 +22,000 +44 KiB {2}all 22 rooms$/);
  match(formatUnused({ rooms: [], oldestMarkMs: undefined })[0]!, /there is nothing to prune/);
});

Deno.test("formatOldMark() warns of marks that are older than a day", () => {
  strictEqual(formatOldMark(undefined), undefined);
  strictEqual(formatOldMark(10 * DAY_MS, 11 * DAY_MS - 1), undefined);
  match(formatOldMark(10 * DAY_MS, 11 * DAY_MS)!, /^Groups have been marked for deletion since 1970-01-11,/);
});
