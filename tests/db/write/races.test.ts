/**
 * Every order in which Synapse's steps and ours can follow each other, with locks really held: each step of either side is
 * let go by a scheduler, which goes on with the other side where one waits for a lock. Each order has a room of its own.
 */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { compress, findRewrites, type Rewrites } from "../../../src/core/plan/compress.ts";
import { type DeltaForest, NONE } from "../../../src/core/forest/forest.ts";
import { verify } from "../../../src/core/verify.ts";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import { BEGIN_BATCH, TOUCH_GROUPS } from "../../../src/db/write/statements.ts";
import { type WriteReport, writeRewrites } from "../../../src/db/write/write.ts";
import { formatRewrites } from "../../../src/format/sql/sql.ts";
import { applySql } from "../../format/sql/apply.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../../support/database.ts";
import { Actor, gated, inOrder, orders } from "../../support/race.ts";
import { fullStates } from "../../support/states.ts";
import { assertSound, type State, Synapse } from "../../support/synapse.ts";

/** Each room's groups, by number: what a group builds on, and its rows as `key=event`. */
const ROOM: Readonly<Record<number, readonly [base: number | undefined, rows: string]>> = {
  1: [undefined, ""],
  2: [undefined, "a=2 b=2 c=2 d=2 e=2"],
  3: [2, "f=3"],
  4: [3, "a=4"],
  5: [4, "g=5"],
  6: [5, "b=6"],
  7: [6, "h=7"],
  8: [undefined, "a=4 b=6 c=2 d=2 e=2 f=3 g=5 h=7 i=8"],
  9: [8, "c=9"],
  10: [undefined, "x=10"],
};
const SIZE = 20;

/** Rewrites of every kind: a delta on another base that only gains rows, a snapshot that becomes a delta, the reverse, an edge alone. */
const REWRITES: Readonly<Record<number, number | undefined>> = { 6: 4, 7: 3, 8: 5, 9: undefined, 10: 1 };

/** What Synapse does meanwhile, with group numbers moved by `first`. */
interface Scenario {
  readonly name: string;
  /** In how many steps. */
  readonly steps: number;
  readonly pendingDeletion: boolean;
  run(synapse: Synapse, room: Room): Promise<void>;
}

interface Room {
  readonly roomId: string;
  readonly first: number;
  readonly deleted: number[];
  readonly stored: { id: number; on: number }[];
}

const DOOMED: Readonly<Record<string, readonly number[]>> = {
  "the new base of a delta": [4],
  "the new base of an edge": [1],
  "old bases": [5, 6],
  "a snapshot to be a delta": [8],
  "a group that gains an edge alone": [10],
  "groups and bases": [3, 4, 7, 9],
};

const scenarios: Scenario[] = [];
for (const [name, numbers] of Object.entries(DOOMED)) {
  for (const pendingDeletion of [true, false]) {
    scenarios.push({
      name: `delete ${name}${pendingDeletion ? "" : ", as before schema 89"}`,
      steps: pendingDeletion ? 7 : 5,
      pendingDeletion,
      async run(synapse, { roomId, first, deleted }) {
        const doomed = numbers.map((number) => first + number);
        if (!pendingDeletion) {
          deleted.push(...await synapse.purgeUnreferenced(roomId, new Map(doomed.map((id) => [id, 0]))));
          return;
        }
        await synapse.markPending(doomed);
        // The loop: a group whose deletion was put off comes again.
        for (let pending = await synapse.nextToDelete(roomId); pending; pending = await synapse.nextToDelete(roomId)) {
          deleted.push(...await synapse.purgeUnreferenced(roomId, pending));
        }
      },
    });
  }
}
for (const pendingDeletion of [true, false]) {
  scenarios.push({
    name: `delete the room${pendingDeletion ? "" : ", as before schema 89"}`,
    steps: 4,
    pendingDeletion,
    async run(synapse, { roomId, first, deleted }) {
      await synapse.purgeRoom(roomId);
      deleted.push(...Object.keys(ROOM).map((number) => first + Number(number)));
    },
  });
}
for (const on of [4, 8]) {
  scenarios.push({
    name: `store a group on ${on}`,
    steps: 3,
    pendingDeletion: true,
    async run(synapse, { roomId, first, stored }) {
      const id = await synapse.storeGroup(roomId, first + on, [["new", "", `$new${first}`]]);
      stored.push({ id: id!, on: first + on });
    },
  });
}

/** Our steps: each is let go before this statement is sent. */
const OUR_STEPS = [BEGIN_BATCH, TOUCH_GROUPS, "COMMIT"];

for (const pendingDeletion of [true, false]) {
  const all = scenarios.filter((scenario) => scenario.pendingDeletion === pendingDeletion);
  Deno.test(`writeRewrites() and Synapse in every order${pendingDeletion ? "" : ", before schema 89"}`, async () => {
    await using db = await testDatabase({ pendingDeletion });
    const runs = all.flatMap((scenario) =>
      orders(OUR_STEPS.length, scenario.steps).map((order) => ({ scenario, order }))
    ).map((run, i): Run => ({
      ...run,
      room: { roomId: `!${run.order} ${run.scenario.name}:test`, first: i * SIZE, deleted: [], stored: [] },
    }));
    await storeRooms(db, runs.map(({ room }) => room));
    const before = await fullStates(db.sql);

    const queue = runs.values();
    const reports: WriteReport[] = [];
    let retries = 0;
    await Promise.all(Array.from({ length: 6 }, async () => {
      await using session = await connect(db.url);
      for (const run of queue) {
        const outcome = await race(db, session, run);
        reports.push(outcome.report);
        retries += outcome.retries;
      }
    }));

    await assertSound(db.sql);
    const after = await fullStates(db.sql);
    const bad = new Set<string>();
    for (const { room } of runs) {
      const gone = new Set(room.deleted);
      for (const number of Object.keys(ROOM)) {
        const id = room.first + Number(number);
        if (gone.has(id) ? after.has(id) : after.get(id) !== before.get(id)) bad.add(`${number} of ${room.roomId}`);
      }
      for (const { id, on } of room.stored) {
        if (after.get(id) === undefined || after.get(id) === before.get(on)) bad.add(`new ${id} of ${room.roomId}`);
      }
    }
    deepStrictEqual([...bad], []);
    // It did come to all of that: writes, skips, and starts from anew on both sides.
    const sum = (count: (report: WriteReport) => number) => reports.reduce((total, report) => total + count(report), 0);
    strictEqual(reports.length, runs.length);
    notStrictEqual(sum((report) => report.groupsWritten), 0);
    notStrictEqual(sum((report) => report.skipped.length), 0);
    notStrictEqual(retries, 0);
    const dealtWith = (report: WriteReport) => report.groupsWritten + report.groupsUnchanged + report.skipped.length;
    ok(reports.every((report) => dealtWith(report) === Object.keys(REWRITES).length));
  });
}

interface Run {
  readonly scenario: Scenario;
  /** A letter a step: C is ours, S is Synapse's. */
  readonly order: string;
  readonly room: Room;
}

async function race(db: TestDatabase, session: Session, { scenario, order, room }: Run) {
  const forest = await loadRoom(session, room.roomId);
  const rewrites = makeRewrites(forest, room.first);
  verify(forest, rewrites);
  const us = new Actor();
  const they = new Actor();
  await using synapse = new Synapse(db.url, { pendingDeletion: scenario.pendingDeletion, at: () => they.gate() });
  const ours = us.start(() => writeRewrites(gated(session, us, OUR_STEPS), forest, rewrites));
  const theirs = they.start(() => scenario.run(synapse, room));
  const [report] = await inOrder(order, us, they, Promise.all([ours, theirs]), scenario.name);
  return { report, retries: synapse.retries };
}

/** Rewrites made by hand, as compress() would state them. */
function makeRewrites(forest: DeltaForest, first: number): Rewrites {
  const group: number[] = [];
  const predecessor: number[] = [];
  const rowStart = [0];
  const key: number[] = [];
  const event: number[] = [];
  for (const [number, baseNumber] of Object.entries(REWRITES)) {
    const g = forest.indexOf(first + Number(number));
    const base = baseNumber === undefined ? NONE : forest.indexOf(first + baseNumber);
    group.push(g);
    predecessor.push(base);
    forest.states.forEachChange(base === NONE ? 0 : forest.state[base]!, forest.state[g]!, (k, e) => {
      key.push(k);
      event.push(e);
    });
    rowStart.push(key.length);
  }
  const [groups, predecessors] = [Int32Array.from(group), Int32Array.from(predecessor)];
  const [keys, events] = [Int32Array.from(key), Int32Array.from(event)];
  return {
    count: group.length,
    group: groups,
    predecessor: predecessors,
    rowStart: Int32Array.from(rowStart),
    key: keys,
    event: events,
  };
}

async function storeRooms({ sql }: TestDatabase, rooms: readonly Room[]): Promise<void> {
  const groups: { id: number; room_id: string; event_id: string }[] = [];
  const edges: { state_group: number; prev_state_group: number }[] = [];
  const rows: { state_group: number; room_id: string; type: string; state_key: string; event_id: string }[] = [];
  for (const { roomId: room_id, first } of rooms) {
    for (const [number, [base, text]] of Object.entries(ROOM)) {
      const id = first + Number(number);
      groups.push({ id, room_id, event_id: `$for${id}` });
      if (base !== undefined) edges.push({ state_group: id, prev_state_group: first + base });
      const state: State = text.split(" ").filter(Boolean).map((row) => {
        const [type, event] = row.split("=") as [string, string];
        return [type, "", `$${event}`];
      });
      for (const [type, state_key, event_id] of state) {
        rows.push({ state_group: id, room_id, type, state_key, event_id });
      }
    }
  }
  for (let i = 0; i < groups.length; i += 5000) await sql`INSERT INTO state_groups ${sql(groups.slice(i, i + 5000))}`;
  for (let i = 0; i < edges.length; i += 5000) {
    await sql`INSERT INTO state_group_edges ${sql(edges.slice(i, i + 5000))}`;
  }
  for (let i = 0; i < rows.length; i += 5000) await sql`INSERT INTO state_groups_state ${sql(rows.slice(i, i + 5000))}`;
  await sql`SELECT setval('state_group_id_seq', ${rooms.length * SIZE + SIZE})`;
  await sql`ANALYZE`;
}

Deno.test("writeRewrites() gives way to a deletion of its room, which Synapse would give up after five attempts", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using session = await connect(db.url);
  const forest = await loadRoom(session, roomId);
  const rewrites = findRewrites(compress(forest, { strategy: "levels" }));
  await using synapse = new Synapse(db.url);
  let purged: Promise<void> | undefined;
  const report = await writeRewrites(session, forest, rewrites, {
    batch: 5,
    onProgress: (done) => void (done === 100 && (purged = synapse.purgeRoom(roomId))),
  });
  // It would throw at its fifth failure.
  await purged;
  ok(report.groupsWritten >= 100 && report.groupsWritten < rewrites.count);
  deepStrictEqual((await db.sql`SELECT FROM state_groups WHERE room_id = ${roomId}`).length, 0);
  await assertSound(db.sql);
});

/** The first statement of a room's deletion, as far as its locks go; it deletes nothing. */
const BEGIN_DELETION = `DELETE FROM state_group_edges AS sge WHERE sge.state_group IN (
  SELECT id FROM state_groups AS sg WHERE sg.room_id = '!nobody:test')`;

for (const roomDeleted of ["its own", "another"]) {
  Deno.test(`writeRewrites() waits for a deletion that has only begun, of ${roomDeleted} room`, async () => {
    await using db = await testDatabase({ fixture: true });
    const roomId = await biggestRoom(db);
    await using session = await connect(db.url);
    const forest = await loadRoom(session, roomId);
    const rewrites = findRewrites(compress(forest));
    const doomed = roomDeleted === "another" ? "!another:test" : roomId;
    let done = 0;
    let writing: Promise<WriteReport> | undefined;
    await db.sql.begin("isolation level repeatable read", async (transaction) => {
      // Its snapshot is taken and nothing deleted yet, as where the server still looks for the rows.
      await transaction.unsafe(BEGIN_DELETION);
      writing = writeRewrites(session, forest, rewrites, { onProgress: (n) => done = n });
      await new Promise((resolve) => setTimeout(resolve, 300));
      strictEqual(done, 0);
      // Had we committed meanwhile, this could not be serialised.
      for (const table of ["state_group_edges", "state_groups_state"]) {
        await transaction.unsafe(
          `DELETE FROM ${table} WHERE state_group IN (SELECT id FROM state_groups WHERE room_id = $1)`,
          [doomed],
        );
      }
      await transaction`DELETE FROM state_groups WHERE room_id = ${doomed}`;
    });
    const report = await writing!;
    strictEqual(report.groupsWritten, roomDeleted === "another" ? rewrites.count : 0);
    strictEqual(report.skipped.length, roomDeleted === "another" ? 0 : rewrites.count);
    await assertSound(db.sql);
  });
}

Deno.test("writeRewrites() goes on beside a transaction that seems to delete and never meets its room", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  const forest = await loadRoom(session, await biggestRoom(db));
  const rewrites = findRewrites(compress(forest));
  await db.sql.begin(async (transaction) => {
    await transaction.unsafe(BEGIN_DELETION);
    const report = await writeRewrites(session, forest, rewrites);
    strictEqual(report.groupsWritten, rewrites.count);
  });
});

for (const transactions of [true, false]) {
  const name = `a guarded SQL file applied after a purge of half the room does no harm${
    transactions ? ", with -t" : ""
  }`;
  Deno.test(name, async () => {
    await using db = await testDatabase({ fixture: true });
    const roomId = await biggestRoom(db);
    await using session = await connect(db.url);
    const forest = await loadRoom(session, roomId);
    const compression = compress(forest, { strategy: "levels" });
    const rewrites = findRewrites(compression);
    const text = [...formatRewrites(compression, rewrites, { transactions })].join("");

    await using synapse = new Synapse(db.url);
    const random = mulberry32(1);
    await synapse.markPending([...forest.groupId].filter(() => random() < 0.5));
    let deleted = 0;
    for (let pending = await synapse.nextToDelete(roomId); pending; pending = await synapse.nextToDelete(roomId)) {
      deleted += (await synapse.purgeUnreferenced(roomId, pending)).length;
    }
    notStrictEqual(deleted, 0);
    const before = await fullStates(db.sql);
    const { errors, warnings } = await applySql(db.url, text);
    deepStrictEqual(errors, []);
    ok(warnings.length > deleted / 4 && warnings.length < rewrites.count, `${warnings.length} of ${rewrites.count}`);
    await assertSound(db.sql);
    deepStrictEqual(await fullStates(db.sql), before);
  });
}
