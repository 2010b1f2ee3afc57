/** What a run promises, on a real database: the bound on hops, every full state, and figures that are true afterwards. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { connect } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { compressChunk } from "../../src/jobs/chunk.ts";
import type { RoomReport } from "../../src/jobs/report.ts";
import { compressRoom, type RoomEvent } from "../../src/jobs/room.ts";
import { createProgressTables } from "../../src/db/write/progress.ts";
import { applySql, splitStatements } from "../format/sql/apply.ts";
import { biggestRoom, type TestDatabase, testDatabase, type TestSql } from "../support/database.ts";
import { anyRange, anyRoom, type PlainForest, randomRoom, type Range } from "../support/forest.ts";
import { fullStates } from "../support/states.ts";
import { assertSound, Synapse } from "../support/synapse.ts";
import { clearTables, insertRooms } from "../support/tables.ts";

/** Every group's hops, by id; of all rooms. */
async function readHops(sql: TestSql): Promise<Map<number, number>> {
  const groups = await sql`SELECT g.id, e.prev_state_group AS base FROM state_groups AS g
    LEFT JOIN state_group_edges AS e ON e.state_group = g.id ORDER BY g.id`;
  const hops = new Map<number, number>();
  for (const { id, base } of groups) hops.set(id, base === null ? 0 : hops.get(base)! + 1);
  return hops;
}

/** The figures that a report gives, from the tables. */
function figures(hops: ReadonlyMap<number, number>, bound: number) {
  const all = [...hops.values()];
  return {
    max: Math.max(...all),
    mean: (all.reduce((a, b) => a + b, 0) / all.length).toFixed(6),
    snapshots: all.filter((hops) => hops === 0).length,
    over: all.filter((hops) => hops > bound).length,
  };
}

async function countRows(sql: TestSql): Promise<number> {
  return (await sql`SELECT count(*)::int AS rows FROM state_groups_state`)[0]!["rows"];
}

for (const name of ["-n", "-s", "-b"]) {
  Deno.test(`compressRoom() with ${name}: no chain of the room is longer than the bound, and the report says what stands`, async () => {
    await using db = await testDatabase({ fixture: true });
    const roomId = await biggestRoom(db);
    await using session = await connect(db.url);
    const ofRoom = async () => {
      const ids = new Set((await db.sql`SELECT id FROM state_groups WHERE room_id = ${roomId}`).map(({ id }) => id));
      return new Map([...await readHops(db.sql)].filter(([id]) => ids.has(id)));
    };
    const all = await ofRoom();
    const middle = [...all.keys()][2000]!;
    const options =
      { "-n": { groups: 2000 }, "-s": { maxGroup: middle }, "-b": { minGroup: middle, groups: 1000 } }[name];
    const before = figures(all, 100);
    const report = await compressRoom(session, { roomId, ...options, maxHops: 100, commit: true });
    const after = figures(await ofRoom(), 100);
    strictEqual(report.outcome, "written");
    ok(report.groupsRewritten > 0 && report.groupsOutside > 1000);
    ok(after.max <= 100, `${after.max} hops`);
    deepStrictEqual({
      max: report.maxHopsAfter,
      mean: report.meanHopsAfter.toFixed(6),
      snapshots: report.snapshotsAfter,
      over: report.groupsOverBound,
    }, after);
    deepStrictEqual([report.maxHopsBefore, report.snapshotsBefore], [before.max, before.snapshots]);
  });
}

Deno.test("compressRoom() says of chains outside the range that are too long already, and makes none longer", async () => {
  await using db = await testDatabase();
  // 1 is a snapshot, 2 to 40 a chain on it; and 101 to 140 a room of many snapshots that could be one chain.
  const room = (rows: (id: number) => [string, string, string][]) => (id: number, predecessors: number[]) => ({
    id,
    predecessors,
    rows: rows(id),
  });
  const delta = room((id) => [["t", `k${id % 5}`, `$${id}`]]);
  const whole = room((id) => Array.from({ length: 20 }, (_, key) => ["t", `k${key}`, key === 0 ? `$${id}` : "$same"]));
  const groups = Array.from({ length: 40 }, (_, i) => i === 0 ? delta(1, []) : delta(i + 1, [i]));
  for (let id = 101; id <= 140; id++) groups.push(whole(id, []));
  await insertRooms(db.sql, { roomId: "!room:test", groups });
  await using session = await connect(db.url);
  const before = await readHops(db.sql);
  const report = await compressRoom(session, { roomId: "!room:test", minGroup: 100, maxHops: 10, commit: true });
  const after = await readHops(db.sql);
  strictEqual(report.outcome, "written");
  for (const [id, hops] of after) ok(hops <= Math.max(10, before.get(id)!));
  deepStrictEqual([report.maxHops, report.maxHopsAfter, report.groupsOverBound], [10, 39, 29]);
});

const BOUND = 20;

/** The biggest real room, whose chains are up to 99 edges long, and what it takes to compress it to a bound of 20. */
async function realRoom() {
  const db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const session = await connect(db.url);
  const synapse = new Synapse(db.url, { pendingDeletion: false });
  const ids = (await db.sql`SELECT id FROM state_groups WHERE room_id = ${roomId} ORDER BY id`).map(({ id }) => id);
  return {
    db,
    session,
    synapse,
    options: { roomId, prefer: "rows" as const, maxHops: BOUND, batch: 1, commit: true },
    /** Synapse deletes every tenth group, and de-deltas what was built on them. */
    async purge() {
      const purged = ids.filter((_, i) => i % 10 === 3);
      await synapse.purgeUnreferenced(roomId, new Map(purged.map((id) => [id, 0])));
    },
    /** Synapse builds five groups on each of some groups, one on the other. */
    async grow() {
      for (const id of ids.filter((_, i) => i % 40 === 0)) {
        let base: number | undefined = id;
        for (let n = 0; n < 5; n++) base = await synapse.storeGroup(roomId, base, [["t", "new", `$${id}.${n}`]]);
      }
    },
    async [Symbol.asyncDispose]() {
      await synapse[Symbol.asyncDispose]();
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

Deno.test("compressRoom() that is stopped after any batch leaves no chain longer than the bound, or than it was", async () => {
  await using room = await realRoom();
  const { db, options } = room;
  const before = await look(db);
  let stops = 0;
  for (let isOver = false; !isOver;) {
    // Each run goes on where the last one was stopped.
    await using session = await connect(db.url);
    const controller = new AbortController();
    const onEvent = (event: RoomEvent) => {
      if (event.kind === "writing" && event.done >= 150) controller.abort();
    };
    isOver = await compressRoom(session, options, { signal: controller.signal, onEvent }).then(() => true, (error) => {
      if (!(error instanceof StoppedError)) throw error;
      return false;
    });
    if (!isOver) stops++;
    await check(db, BOUND, before, before.hops);
  }
  ok(stops >= 3, `${stops} stops`);
  ok(Math.max(...(await look(db)).hops.values()) > BOUND, "other rooms are as they were");
});

/** What a report's figures "after" are to be: counted in the database. */
async function countStanding({ sql }: TestDatabase, roomId: string, bound: number) {
  const groups = await sql`SELECT id FROM state_groups WHERE room_id = ${roomId}`;
  const all = await readHops(sql);
  const [rows] = await sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE room_id = ${roomId}`;
  return { rows: rows!["rows"], ...figures(new Map(groups.map(({ id }) => [id, all.get(id)!])), bound) };
}

function figuresAfter(report: RoomReport) {
  return {
    rows: report.rowsAfter,
    max: report.maxHopsAfter,
    mean: report.meanHopsAfter.toFixed(6),
    snapshots: report.snapshotsAfter,
    over: report.groupsOverBound,
  };
}

Deno.test("compressRoom() that is stopped, or skips what others hold, reports what stands in the database", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const options = { roomId, commit: true, batch: 5 };
  await using planning = await connect(db.url);
  const plan = await compressRoom(planning, { roomId });
  const controller = new AbortController();
  const onEvent = (event: RoomEvent) => event.kind === "writing" && event.done >= 20 && controller.abort();
  await using stopping = await connect(db.url);
  const stopped = await compressRoom(stopping, options, { signal: controller.signal, onEvent })
    .then(() => undefined, (error) => error);
  ok(stopped instanceof StoppedError);
  const report = stopped.report as RoomReport;
  ok(report.groupsRewritten > 0 && report.groupsLeft > 0);
  deepStrictEqual(figuresAfter(report), await countStanding(db, roomId, report.maxHops));
  ok(report.rowsAfter > plan.rowsAfter);

  // Of what is left, one group is held at every try.
  let held: RoomReport;
  await using session = await connect(db.url);
  const { promise: isDone, resolve: done } = Promise.withResolvers<void>();
  let holder: Promise<unknown> | undefined;
  try {
    held = await compressRoom(session, options, {
      async onCompression({ forest, predecessor }) {
        const id = forest.groupId[predecessor.findIndex((base, g) => base !== forest.predecessor[g])]!;
        const { promise: isLocked, resolve: lock } = Promise.withResolvers<void>();
        holder = db.sql.begin(async (txn) => {
          await txn`SELECT FROM state_groups WHERE id = ${id} FOR UPDATE`;
          lock();
          await isDone;
        });
        await isLocked;
      },
    });
  } finally {
    done();
    await holder;
  }
  ok(held.skippedByKind.contention > 0 && held.groupsRewritten > 0);
  deepStrictEqual(figuresAfter(held), await countStanding(db, roomId, held.maxHops));
});

for (const what of ["purge", "grow"] as const) {
  const name = { purge: "deleted groups", grow: "stored groups" }[what];
  Deno.test(`compressRoom() keeps the bound where Synapse ${name} after they were read`, async () => {
    await using room = await realRoom();
    const read = await look(room.db);
    let before = read;
    const report = await compressRoom(room.session, room.options, {
      async onCompression() {
        await room[what]();
        before = await look(room.db);
      },
    });
    ok(report.groupsRewritten > 100 && report.groupsSkipped > 0, `${report.groupsRewritten}, ${report.groupsSkipped}`);
    await check(room.db, BOUND, before, read.hops);
    // The next run finishes it.
    const next = await compressRoom(room.session, room.options);
    strictEqual(next.groupsSkipped, 0);
  });

  Deno.test(`the SQL file of compressRoom() keeps the bound where Synapse ${name} after it was made`, async () => {
    await using room = await realRoom();
    const read = await look(room.db);
    const sql = new Text();
    await compressRoom(room.session, { ...room.options, commit: false }, { sql });
    await room[what]();
    const before = await look(room.db);
    const { errors, warnings } = await applySql(room.db.url, sql.text);
    deepStrictEqual(errors, []);
    ok(
      warnings.some((warning) => /a chain would be longer than 20 edges/.test(warning)),
      `${warnings.length} warnings`,
    );
    await check(room.db, BOUND, before, read.hops);
  });
}

/** A sink that keeps what it gets. */
class Text {
  text = "";

  write(part: string): void {
    this.text += part;
  }

  async commit(): Promise<void> {}
  async abort(): Promise<void> {}
}

interface Case {
  readonly plain: PlainForest;
  readonly range: Range;
  readonly maxHops: number;
  readonly batch: number;
  /** How many groups a run writes before it is stopped, or how many statements of a file are run. */
  readonly stopAfter: number;
  /** Of each group whether Synapse deletes it, and whether it builds a new group on it, between the load and the writing. */
  readonly isPurged: readonly boolean[];
  readonly isBuiltOn: readonly boolean[];
}

const anyCase: fc.Arbitrary<Case> = anyRoom({ maxGroups: 40 }).chain((plain) => {
  const some = fc.array(fc.nat(5).map((dice) => dice === 0), { minLength: 40, maxLength: 40 });
  const calm = { isPurged: fc.constant([]), isBuiltOn: fc.constant([]) };
  return fc.oneof(fc.record(calm), fc.record({ isPurged: some, isBuiltOn: some })).chain((interference) =>
    fc.record({
      plain: fc.constant(plain),
      range: fc.oneof(fc.constant({}), anyRange(plain)),
      maxHops: fc.integer({ min: 1, max: 10 }),
      batch: fc.integer({ min: 1, max: 4 }),
      stopAfter: fc.oneof(fc.constant(Infinity), fc.nat(8)),
      isPurged: fc.constant(interference.isPurged),
      isBuiltOn: fc.constant(interference.isBuiltOn),
    })
  );
});

/** One case of each kind, so that what is seen in the end does not depend on luck. */
const CALM: Case = {
  plain: randomRoom(1, 40),
  range: {},
  maxHops: 10,
  batch: 1,
  stopAfter: Infinity,
  isPurged: [],
  isBuiltOn: [],
};
const STOPPED: Case = { ...CALM, stopAfter: 0 };
const DISTURBED: Case = { ...CALM, isPurged: Array(40).fill(true), isBuiltOn: Array(40).fill(true) };

/** Synapse deletes some groups, de-deltas what was built on them, and builds new groups. */
async function interfere(db: TestDatabase, { plain, isPurged, isBuiltOn }: Case): Promise<void> {
  await using synapse = new Synapse(db.url, { pendingDeletion: false });
  const purged = plain.groups.filter((_, g) => isPurged[g]).map(({ id }) => id);
  if (purged.length > 0) await synapse.purgeUnreferenced(plain.roomId, new Map(purged.map((id) => [id, 0])));
  for (const [g, { id }] of plain.groups.entries()) {
    if (!isBuiltOn[g]) continue;
    const first = await synapse.storeGroup(plain.roomId, id, [["t", "new", `$new${id}`]]);
    if (first !== undefined) await synapse.storeGroup(plain.roomId, first, [["t", "new", `$newer${id}`]]);
  }
}

async function prepareTables(db: TestDatabase, plain: PlainForest): Promise<void> {
  await clearTables(db.sql);
  await insertRooms(db.sql, plain);
  await db.sql`SELECT setval('state_group_id_seq', ${plain.groups.at(-1)!.id}::bigint + 1)`;
}

/**
 * What must hold in the end, whatever happened: no group has more hops than the bound, or than it had when the room was read
 * or when the writing began; for a new group, as it would have had.
 *
 * @param read the hops when the room was read
 */
async function check(
  db: TestDatabase,
  maxHops: number,
  before: Awaited<ReturnType<typeof look>>,
  read: ReadonlyMap<number, number>,
): Promise<void> {
  const most = new Map<number, number>();
  for (const [id, hops] of before.hops) {
    most.set(id, Math.max(maxHops, hops, read.get(id) ?? 1 + (most.get(before.bases.get(id)!) ?? 0)));
  }
  const after = await look(db);
  await assertSound(db.sql);
  deepStrictEqual(after.states, before.states);
  for (const [id, hops] of after.hops) {
    ok(hops <= most.get(id)!, `${id} has ${hops} hops, of ${maxHops}; ${before.hops.get(id)} before`);
  }
}

async function look(db: TestDatabase) {
  const edges = await db.sql`SELECT state_group, prev_state_group FROM state_group_edges`;
  return {
    states: await fullStates(db.sql),
    hops: await readHops(db.sql),
    bases: new Map<number, number>(edges.map((edge) => [edge["state_group"], edge["prev_state_group"]])),
    rows: await countRows(db.sql),
  };
}

Deno.test("compressRoom() keeps its promises for any range, stopped anywhere, beside a Synapse that deletes and stores", async () => {
  await using db = await testDatabase();
  const seen = { stopped: 0, skipped: 0, whole: 0 };
  await fc.assert(
    fc.asyncProperty(anyCase, async (one) => {
      await prepareTables(db, one.plain);
      await using session = await connect(db.url);
      const controller = new AbortController();
      const read = await look(db);
      let before = read;
      const { maxHops, batch } = one;
      const options = { roomId: one.plain.roomId, ...one.range, prefer: "rows" as const, maxHops, batch, commit: true };
      const isQuiet = !one.isPurged.includes(true) && !one.isBuiltOn.includes(true);
      const report = await compressRoom(session, options, {
        signal: controller.signal,
        async onCompression() {
          if (isQuiet) return;
          await interfere(db, one);
          before = await look(db);
        },
        onEvent(event) {
          if (event.kind === "writing" && event.done >= one.stopAfter) controller.abort();
        },
      }).catch((error) => {
        if (error instanceof StoppedError) return undefined;
        throw error;
      });
      await check(db, one.maxHops, before, read.hops);
      if (report === undefined) {
        seen.stopped++;
        return;
      }
      seen.skipped += report.groupsSkipped;
      strictEqual(before.rows - await countRows(db.sql), report.rowsDeleted - report.rowsInserted);
      // Where no group is in the range, nothing was read that could be told of.
      if (report.groupsSkipped > 0 || !isQuiet || report.outcome === "no-groups") return;
      seen.whole++;
      const { max, mean, snapshots, over } = figures(await readHops(db.sql), one.maxHops);
      deepStrictEqual(
        [report.maxHopsAfter, report.meanHopsAfter.toFixed(6), report.snapshotsAfter, report.groupsOverBound],
        [max, mean, snapshots, over],
      );
    }),
    { numRuns: 60, examples: [[CALM], [STOPPED], [DISTURBED]] },
  );
  ok(seen.stopped > 0 && seen.skipped > 0 && seen.whole > 0, JSON.stringify(seen));
});

Deno.test("the SQL file of compressRoom() keeps the bound and the states, run in part, after Synapse deleted and stored", async () => {
  await using db = await testDatabase();
  let skipped = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async (one) => {
      await prepareTables(db, one.plain);
      const read = await readHops(db.sql);
      const sql = new Text();
      {
        await using session = await connect(db.url, { readOnly: true });
        const { range, maxHops } = one;
        await compressRoom(session, { roomId: one.plain.roomId, ...range, prefer: "rows", maxHops }, { sql });
      }
      await interfere(db, one);
      const before = await look(db);
      // The settings and the procedure come first.
      const statements = [...splitStatements(sql.text)].slice(0, one.stopAfter + 5);
      const { errors, warnings } = await applySql(db.url, statements.map((statement) => `${statement};\n`).join(""));
      deepStrictEqual(errors, []);
      skipped += warnings.length;
      await check(db, one.maxHops, before, read);
    }),
    { numRuns: 40, examples: [[CALM], [STOPPED], [DISTURBED]] },
  );
  ok(skipped > 0);
});

Deno.test("compressChunk() after chunk keeps the bound for the whole room, and every state, with chunks of any size", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await createProgressTables(session);
  const anyChunks = fc.record({
    plain: anyRoom({ maxGroups: 60 }),
    chunkSize: fc.integer({ min: 1, max: 25 }),
    maxHops: fc.integer({ min: 1, max: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(anyChunks, async ({ plain, chunkSize, maxHops }) => {
      await prepareTables(db, plain);
      await db.sql`TRUNCATE state_compressor_state, state_compressor_progress`;
      const before = await look(db);
      let rows = before.rows;
      for (let chunk; (chunk = await compressChunk(session, plain.roomId, { chunkSize, maxHops })) !== undefined;) {
        await check(db, maxHops, before, before.hops);
        const now = await countRows(db.sql);
        strictEqual(chunk.rowsSaved, rows - now);
        ok(now <= rows);
        rows = now;
      }
    }),
    { numRuns: 30 },
  );
});
