import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { findBiggestRooms } from "../../../src/db/read/rooms.ts";
import { readSpread, RoomSpread } from "../../../src/db/read/spread.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("readSpread() counts a small table, and any set of rooms in it", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const spread = await readSpread(session, { seed: 1 });
  const rows = await db.sql`SELECT room_id, count(*) AS rows FROM state_groups_state GROUP BY 1`;
  deepStrictEqual([...spread.rooms].sort(), rows.map((row) => [row["room_id"], row["rows"]]).sort());
  deepStrictEqual(spread.rowsOf(() => true), { value: 13_219, error: 0 });
  deepStrictEqual(spread.rowsOf((room) => room === "!nobody"), { value: 0, error: 0 });
});

Deno.test("readSpread() with a seed draws the pages that findBiggestRooms() draws, and its errors cover the truth", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(
    `INSERT INTO state_groups SELECT id, '!' || id % 7 || ':test', '$' || id FROM generate_series(1, 4000) AS id;
    INSERT INTO state_groups_state SELECT id, room_id, 'm.room.member', '@user' || n, '$same' || n
      FROM state_groups, generate_series(1, 20) AS n ORDER BY id`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  let covered = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const spread = await readSpread(session, { seed, samplePages: 60 });
    const { rooms, rows } = await findBiggestRooms(session, { seed, samplePages: 60, limit: 1 });
    const [biggest] = rooms;
    deepStrictEqual(spread.rowsOf(({ length }) => length > 0).value, rows);
    const figure = spread.rowsOf((room) => room === biggest!.roomId);
    deepStrictEqual([figure.value, figure.error], [biggest!.rows, biggest!.rowsError]);
    const two = spread.rowsOf((room) => room < "!2");
    ok(two.error > 0);
    // Two rooms of seven. Twice a 95 % interval is four standard deviations.
    if (Math.abs(two.value - 571 * 2 * 20) <= 2 * two.error) covered++;
  }
  strictEqual(covered, 10);
});

Deno.test("RoomSpread draws rooms by the chance of their rows, none twice", () => {
  const pieces = [["!a", 900], ["!b", 90], ["!c", 10]].map(([roomId, rows], page) => (
    { page, roomId: String(roomId), rows: Number(rows) }
  ));
  const spread = new RoomSpread(pieces, 3, 1);
  const random = mulberry32(7);
  const first: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) {
    const [room] = spread.draw(1, () => true, random);
    first[room!] = (first[room!] ?? 0) + 1;
  }
  ok(first["!a"]! > 850 && first["!a"]! < 940 && first["!b"]! > 50, JSON.stringify(first));
  deepStrictEqual(spread.draw(5, () => true, random).sort(), ["!a", "!b", "!c"]);
  deepStrictEqual(spread.draw(5, (room) => room === "!b", random), ["!b"]);
});
