/** Marking beside Synapse: every order of our steps and its storing, deleting and de-delta'ing, with locks really held. */
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { MARK_STEPS, markGroups } from "../../../src/db/write/marks.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { purgeMarked } from "../../support/events.ts";
import { Actor, gated, inOrder, orders } from "../../support/race.ts";
import { fullStates } from "../../support/states.ts";
import { assertSound, Synapse } from "../../support/synapse.ts";

/** 1 <- 2 <- 3 <- 4 and 2 <- 5, 5 used; 3 and 4 are to be marked, and 1, which cannot be while 5 stays. */
const SIZE = 10;
const WANTED = [1, 3, 4];

interface Room {
  readonly roomId: string;
  readonly first: number;
  readonly stored: number[];
}

interface Scenario {
  readonly name: string;
  readonly steps: number;
  run(synapse: Synapse, room: Room): Promise<void>;
}

const SCENARIOS: Scenario[] = [4, 3, 5].map((on) => ({
  name: `store a group on ${on}`,
  steps: 3,
  async run(synapse, { roomId, first, stored }) {
    const id = await synapse.storeGroup(roomId, first + on, [["new", "", `$new${first}`]]);
    if (id !== undefined) stored.push(id);
  },
}));
SCENARIOS.push({
  name: "delete a group that was marked before",
  steps: 7,
  async run(synapse, { roomId, first }) {
    await synapse.markPending([first + 4]);
    for (let next = await synapse.nextToDelete(roomId); next; next = await synapse.nextToDelete(roomId)) {
      if (
        (await synapse.purgeUnreferenced(roomId, new Map([...next].filter(([id]) => id === first + 4)))).length === 0
      ) break;
    }
  },
}, {
  name: "delete the room",
  steps: 4,
  run: (synapse, { roomId }) => synapse.purgeRoom(roomId),
});

Deno.test("markGroups() and Synapse in every order: no full state changes, whatever is marked can go", async () => {
  await using db = await testDatabase();
  const runs = SCENARIOS.flatMap((scenario) =>
    orders(MARK_STEPS.length, scenario.steps).map((order) => ({ scenario, order }))
  ).map((run, i) => ({ ...run, room: { roomId: `!${run.order} ${run.scenario.name}`, first: i * SIZE, stored: [] } }));
  await storeRooms(db, runs.map(({ room }) => room));
  const before = await fullStates(db.sql);
  const queue = runs.values();
  let marked = 0;
  await Promise.all(Array.from({ length: 6 }, async () => {
    await using session = await connect(db.url);
    for (const run of queue) marked += await race(db, session, run);
  }));
  notStrictEqual(marked, 0);
  await assertSound(db.sql);
  const stored = await fullStates(db.sql);
  for (const { room } of runs) await purgeMarked(db.url, db.sql, room.roomId);
  await assertSound(db.sql);
  const after = await fullStates(db.sql);
  for (const { room: { first, stored: added, roomId } } of runs) {
    // The used group, unless its room was deleted, and whatever Synapse stored meanwhile.
    const used = roomId.endsWith("delete the room") ? [] : [first + 5];
    for (const id of used) strictEqual(after.get(id), before.get(id), roomId);
    for (const id of added) strictEqual(after.get(id), stored.get(id), roomId);
    for (const id of [...used, ...added]) notStrictEqual(after.get(id), undefined, roomId);
  }
});

async function race(db: TestDatabase, session: Session, { scenario, order, room }: {
  scenario: Scenario;
  order: string;
  room: Room;
}): Promise<number> {
  const [us, they] = [new Actor(), new Actor()];
  await using synapse = new Synapse(db.url, { at: () => they.gate() });
  const wanted = WANTED.map((number) => room.first + number);
  const ours = us.start(() => markGroups(gated(session, us, MARK_STEPS), session, room.roomId, wanted));
  // What Synapse stores, its caller has referred to by an event at once.
  const theirs = they.start(async () => {
    await scenario.run(synapse, room);
    for (const id of room.stored) await db.sql`INSERT INTO event_to_state_groups VALUES (${`$of${id}`}, ${id})`;
  });
  const [report] = await inOrder(order, us, they, Promise.all([ours, theirs]), scenario.name);
  deepStrictEqual(report.marked + report.left, WANTED.length);
  return report.marked;
}

async function storeRooms({ sql }: TestDatabase, rooms: readonly Room[]): Promise<void> {
  for (const { roomId, first } of rooms) {
    await sql`INSERT INTO state_groups SELECT ${first}::bigint + i, ${roomId}, '$' || (${first}::bigint + i) FROM generate_series(1, 5) AS i`;
    await sql`INSERT INTO state_group_edges SELECT ${first}::bigint + a, ${first}::bigint + b
      FROM (VALUES (2, 1), (3, 2), (4, 3), (5, 2)) AS e (a, b)`;
    await sql`INSERT INTO state_groups_state SELECT ${first}::bigint + i, ${roomId}, 'k' || i, '', '$e' || i FROM generate_series(1, 5) AS i`;
    await sql`INSERT INTO event_to_state_groups VALUES (${`$used${first}`}, ${first + 5})`;
  }
  await sql`SELECT setval('state_group_id_seq', ${rooms.length * SIZE + SIZE})`;
}
