import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { compressServer, type ServerEvent } from "../../src/jobs/auto.ts";
import { gainOf, msLeftIn } from "../../src/jobs/tidy.ts";
import { digestRows, fileBytes } from "../support/bloat.ts";
import { testDatabase } from "../support/database.ts";
import { purgeMarked } from "../support/events.ts";
import { fullStates } from "../support/states.ts";
import { assertSound } from "../support/synapse.ts";

Deno.test("compressServer() with prune marks each room's unused groups once it is compressed", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  const before = await fullStates(db.sql);
  const events: ServerEvent[] = [];
  const report = await compressServer(
    () => connect(db.url),
    { prune: true, minAgeMs: 0, workers: 2 },
    { onEvent: (event) => events.push(event) },
  );
  const [marks] = await db.sql`SELECT count(*)::int AS count FROM state_groups_pending_deletion`;
  ok(report.groupsMarked > 1000);
  strictEqual(report.groupsMarked, marks!["count"]);
  strictEqual(events.filter(({ kind }) => kind === "pruned").length, report.rooms);
  const rooms = await db.sql`SELECT DISTINCT room_id FROM state_groups`;
  for (const { room_id } of rooms) {
    const { deleted, deDeltaed } = await purgeMarked(db.url, db.sql, room_id);
    deepStrictEqual(deDeltaed, []);
    for (const id of deleted) before.delete(id);
  }
  await assertSound(db.sql);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("compressServer() without prune marks nothing", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  const report = await compressServer(() => connect(db.url), { minAgeMs: 0 });
  strictEqual(report.groupsMarked, 0);
  const [marks] = await db.sql`SELECT count(*)::int AS count FROM state_groups_pending_deletion`;
  strictEqual(marks!["count"], 0);
});

Deno.test("compressServer() with prune refuses a Synapse without marks before it compresses anything", async () => {
  await using db = await testDatabase({ fixture: true, pendingDeletion: false });
  const rows = await digestRows(db.sql);
  await rejects(compressServer(() => connect(db.url), { prune: true }), /no table state_groups_pending_deletion/);
  deepStrictEqual(await digestRows(db.sql), rows);
});

Deno.test("compressServer() with reclaim gives space back at its end, outside its window it says what would come", async () => {
  await using db = await testDatabase({ bloat: { groups: 12_000 } });
  const [before, rows] = [await fileBytes(db.sql), await digestRows(db.sql)];
  const hour = new Date().getHours();
  const closed = { from: (hour + 2) % 24 * 60, to: (hour + 3) % 24 * 60 };
  const events: ServerEvent[] = [];
  const run = (reclaimWindow?: { from: number; to: number }) =>
    compressServer(() => connect(db.url), { reclaim: true, reclaimWindow }, { onEvent: (event) => events.push(event) });
  strictEqual((await run(closed)).reclaimed, undefined);
  const later = events.find((event) => event.kind === "reclaim-later");
  ok(later !== undefined && later.kind === "reclaim-later" && later.bytes > before.table / 2);
  deepStrictEqual(await fileBytes(db.sql), before);
  const { reclaimed } = await run();
  strictEqual(reclaimed?.outcome, "done");
  ok((await fileBytes(db.sql)).table < before.table / 4);
  deepStrictEqual(await digestRows(db.sql), rows);
  // Now there is nothing worth it.
  strictEqual((await run()).reclaimed, undefined);
});

Deno.test("gainOf() counts from a tenth of the files or 1 GiB on", () => {
  const sizes = { idealBytesError: 0, liveRows: 1, pages: 1, idealPages: 1, pageBytes: 8192 };
  const table = (tableBytes: number, idealBytes: number) => gainOf({ ...sizes, tableBytes, idealBytes, indexes: [] });
  strictEqual(table(1000, 950), undefined);
  strictEqual(table(1000, 900), 100);
  strictEqual(table(100e9, 98.9e9), 1.1e9);
  strictEqual(table(0, 0), undefined);
  const indexes = [{ name: "i", bytes: 500, idealBytes: 100 }, { name: "odd", bytes: 500, idealBytes: undefined }];
  strictEqual(gainOf({ ...sizes, tableBytes: 1000, idealBytes: 1000, indexes }), 400);
});

Deno.test("msLeftIn() counts to the window's end, past midnight too", () => {
  const at = (hour: number, minute = 0) => new Date(2026, 5, 15, hour, minute);
  const night = { from: 22 * 60, to: 5 * 60 };
  strictEqual(msLeftIn(undefined, at(12)), undefined);
  strictEqual(msLeftIn(night, at(12)), 0);
  strictEqual(msLeftIn(night, at(23)), 6 * 3_600_000);
  strictEqual(msLeftIn(night, at(4, 30)), 1_800_000);
  strictEqual(msLeftIn(night, at(5)), 0);
  strictEqual(msLeftIn({ from: 0, to: 0 }, at(13)), 11 * 3_600_000);
});
