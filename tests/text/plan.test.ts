import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { compressRoom, connect, findRooms, type ServerPlan, surveyUnused, type TableSizes } from "../../src/mod.ts";
import { describePrunePlan, describeReclaimPlan, describeRoomPlan, describeServerPlan } from "../../src/text/plan.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";

Deno.test("describeRoomPlan() says in three lines what is then written", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  let plan: string[] = [];
  const onCompression = (...args: Parameters<typeof describeRoomPlan>) => void (plan = describeRoomPlan(...args));
  const roomId = await biggestRoom(db);
  const report = await compressRoom(session, { roomId, commit: true, prefer: "rows" }, { onCompression });
  deepStrictEqual(plan, [
    `Rewrites ${report.groupsRewritten} of 4,234 state groups in ${roomId}`,
    "Saves 4,284 rows of 10,088 (42%); takes a few seconds, while Synapse goes on",
    "Reads of a full state follow 92.7 edges on average, 49.4 so far; every full state stays the same",
  ]);
});

Deno.test("describeServerPlan() tells the share of the rooms that were tried, and minutes from hours", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const rooms = await findRooms(session, { limit: 5, prefer: "rows" });
  const big: ServerPlan = { rooms: 9000, groups: 2_000_000, rows: 900_000_000 };
  const [what, how, reads] = describeServerPlan(big, rooms, { maxTimeMs: 3_600_000 });
  strictEqual(
    what,
    "Compresses 9,000 rooms: 2,000,000 state groups, about 900,000,000 rows, in chunks of 10,000 state groups",
  );
  match(how!, /^Saves about 3\d% of the rows, by trials on 5 big rooms; takes about \d+ h, of which 1 h now, while/);
  match(reads!, /stopped at any time$/);
  const untried = describeServerPlan(big, { ...rooms, rooms: [] }, {});
  match(untried[1]!, /^What it saves is not known yet; takes about 2 h/);
});

Deno.test("describePrunePlan() counts the groups that may go alone", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using session = await connect(db.url, { readOnly: true });
  const survey = await surveyUnused(session, session, { minAgeMs: 0 });
  const mayGo = survey.rooms.reduce((sum, room) => sum + room.mayGo, 0);
  strictEqual(describePrunePlan(survey).length, 3);
  match(describePrunePlan(survey)[0]!, new RegExp(`^Marks up to ${mayGo.toLocaleString("en")} unused state groups in`));
});

Deno.test("describeReclaimPlan() says what comes back; of VACUUM FULL that Synapse stands still", () => {
  const GIB = 1024 ** 3;
  const sizes: TableSizes = {
    tableBytes: 10 * GIB,
    idealBytes: 2 * GIB,
    idealBytesError: 0,
    liveRows: 1e7,
    pages: 10 * GIB / 8192,
    idealPages: 2 * GIB / 8192,
    pageBytes: 8192,
    indexes: [{ name: "i", bytes: 4 * GIB, idealBytes: GIB }, { name: "j", bytes: GIB, idealBytes: undefined }],
  };
  deepStrictEqual(describeReclaimPlan(sizes, "move"), [
    "Moves rows from the end of state_groups_state to free space further down, and builds 1 index anew",
    "Gives back about 11 GiB of 15 GiB; needs 1.0 GiB of disk meanwhile; takes about 15 min",
    "Reads never wait, writers up to 0.2 s at a time; it can be stopped at any time, and the next run goes on",
  ]);
  match(describeReclaimPlan(sizes, "full")[2]!, /Synapse stands still/);
});
