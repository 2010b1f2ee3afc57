import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { pruneRoom } from "../../src/jobs/prune.ts";
import { compressRoom } from "../../src/jobs/room.ts";
import { tryRoom } from "../../src/jobs/trial.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../support/database.ts";

const size = (roomId: string, rows: number, groups: number) => ({
  roomId,
  rows,
  rowsError: 0,
  share: 1,
  uncompressedRows: rows,
  uncompressedRowsError: 0,
  groups,
  groupsError: 0,
});
/** As long as it takes. */
const end = performance.now() + 3_600_000;
/** Pruning by itself may cost rows where reads count, too. */
const how = { prefer: "rows" } as const;

/**
 * 4,000 snapshots of 30 rows on two branches, each about a row from the one before on its branch. The later, the more changes: no
 * two quarters of the room are alike, whatever chunks are drawn.
 */
async function fill({ sql }: TestDatabase): Promise<void> {
  await sql.unsafe(`INSERT INTO state_groups SELECT id, '!big:test', '$' || id FROM generate_series(1, 4000) AS id;
    INSERT INTO state_groups_state SELECT id, '!big:test', 'm.room.member', '@' || n, '$' || id % 2 || n || '.' || (id * id + n * 8000) / 240000
      FROM generate_series(1, 4000) AS id, generate_series(1, 30) AS n; ANALYZE`).simple();
}

Deno.test("tryRoom() of a small room tells what compressing and pruning it come to, and what reads cost", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using session = await connect(db.url, { readOnly: true });
  const roomId = await biggestRoom(db);
  const sampled = { ...size(roomId, 9_000, 4_000), rowsError: 99, share: 0.5 };
  const { saving, rows, rowsError, share } = await tryRoom(session, sampled, {
    how,
    end,
    events: session,
  });
  const report = await compressRoom(session, { roomId, ...how });
  const pruned = await pruneRoom(session, session, roomId, how);
  deepStrictEqual([rows, rowsError, saving!.rowsError], [report.rowsBefore, 0, 0]);
  strictEqual(share, 0.5 * rows / sampled.rows);
  strictEqual(saving!.rows, report.rowsBefore - report.rowsAfter);
  strictEqual(saving!.pruned!.rows, report.rowsAfter - pruned.rowsAfter);
  ok(saving!.readUsBefore > 100 && saving!.readUsAfter > 100);
  strictEqual((await tryRoom(session, size(roomId, 9_000, 4_000), { how, end })).saving!.pruned, undefined);
});

Deno.test("tryRoom() of a big room tells from small chunks about what all of it comes to", async () => {
  await using db = await testDatabase();
  await fill(db);
  await using session = await connect(db.url, { readOnly: true });
  const room = size("!big:test", 120_000, 4_000);
  const whole = (await tryRoom(session, room, { how, end, chunk: { rows: 1e6, groups: 50 } })).saving!;
  strictEqual(whole.groupsTried, 4_000);
  for (const chunk of [{ rows: 8_000, groups: 8 }, { rows: 600, groups: 8 }]) {
    const { saving } = await tryRoom(session, room, { how, end, chunk });
    ok(saving!.groupsTried < 2_000 && saving!.rowsError > 0, `${saving!.groupsTried}`);
    // A chunk builds on a few groups before it, not on all of the room, and needs no snapshot of its own.
    ok(Math.abs(saving!.share - whole.share) < 0.1, `${saving!.share} of ${whole.share}`);
  }
});

Deno.test("tryRoom() of a big room in which nothing is to be saved leaves its size as it was, and claims no certainty", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '!big:test', '$' || id FROM generate_series(1, 10400) AS id;
    INSERT INTO state_group_edges SELECT id, id - 1 FROM state_groups WHERE id % 50 > 0;
    INSERT INTO state_groups_state SELECT id, '!big:test', 'm.room.topic', '', '$' || id FROM state_groups; ANALYZE`)
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  const room = { ...size("!big:test", 10_300, 10_500), rowsError: 200, groupsError: 100 };
  const { saving, ...after } = await tryRoom(session, room, {
    how,
    end,
    chunk: { rows: 2_000, groups: 8 },
  });
  deepStrictEqual(after, room);
  strictEqual(saving!.groupsTried, 2_000);
  deepStrictEqual([saving!.rows, saving!.rowsError], [0, Math.ceil(room.rows * 3 / 2_000)]);
});

Deno.test("tryRoom() without time left leaves the saving unknown, and the session usable", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const { saving, failure } = await tryRoom(session, size(await biggestRoom(db), 10_088, 4_234), { how, end: 0 });
  deepStrictEqual([saving, failure], [undefined, undefined]);
  strictEqual((await session.sql.unsafe("SELECT 1 AS one"))[0]!["one"], 1);
});
