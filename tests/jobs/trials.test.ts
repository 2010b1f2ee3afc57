import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { findBiggestRooms } from "../../src/db/read/rooms.ts";
import { readSpread } from "../../src/db/read/spread.ts";
import { connect } from "../../src/db/session/connect.ts";
import { Trials } from "../../src/jobs/trials.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("Trials tries the biggest rooms and others drawn by chance, each once, and lists all that were asked for", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const spread = await readSpread(session, { seed: 1 });
  const { rooms: listed, rows } = await findBiggestRooms(session, { limit: 7 });
  const steps: string[] = [];
  const options = { how: {}, end: performance.now() + 3_600_000 };
  const { biggest, drawn, rooms } = await new Trials(session, spread, rows, options, (step) => steps.push(step)).run(
    listed,
  );
  deepStrictEqual(biggest.map(({ roomId }) => roomId), listed.slice(0, 5).map(({ roomId }) => roomId));
  deepStrictEqual(rooms.map(({ roomId }) => roomId), listed.map(({ roomId }) => roomId));
  // Nine rooms: those that are not among the five biggest are all drawn, with their true sizes.
  strictEqual(drawn.length, 4);
  const counts = await db.sql`SELECT room_id, count(*) AS rows FROM state_groups_state GROUP BY 1`;
  const rowsOf = new Map(counts.map((row) => [row["room_id"], row["rows"]]));
  for (const room of drawn) strictEqual(room.rows, rowsOf.get(room.roomId));
  ok([...biggest, ...drawn, ...rooms].every(({ saving }) => saving !== undefined));
  strictEqual(steps.length, 9);
});

Deno.test("Trials without time tries nothing", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const spread = await readSpread(session, { seed: 1 });
  const { rooms: listed, rows } = await findBiggestRooms(session, { limit: 7 });
  const { biggest, drawn, rooms } = await new Trials(session, spread, rows, { how: {}, end: 0 }, () => {}).run(listed);
  deepStrictEqual([...biggest, ...drawn, ...rooms].filter(({ saving }) => saving !== undefined), []);
});
