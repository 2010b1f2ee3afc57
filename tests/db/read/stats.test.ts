import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { explainNoStats, readRoomInfo } from "../../../src/db/read/stats.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase, testRole } from "../../support/database.ts";
import { fillStats } from "../../support/stats.ts";

Deno.test("readRoomInfo() has names, aliases and local users; a room without statistics has none of them", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using session = await connect(db.url, { readOnly: true });
  const [{ room_id: roomId }] = await db.sql`SELECT room_id FROM state_groups LIMIT 1` as unknown as [
    { room_id: string },
  ];
  const nothing = { name: undefined, alias: undefined, localUsers: undefined };
  deepStrictEqual([...await readRoomInfo(session, [roomId])], [[roomId, nothing]]);
  await fillStats(db.sql, [roomId]);
  const start = roomId.slice(1, 5);
  deepStrictEqual(
    [...await readRoomInfo(session, [roomId, "!nobody"])].sort(),
    [["!nobody", nothing], [roomId, { name: `Name of ${start}`, alias: `#${start}:test`, localUsers: 0 }]].sort(),
  );
  await db.sql`UPDATE room_stats_state SET name = '', canonical_alias = NULL`;
  deepStrictEqual((await readRoomInfo(session, [roomId])).get(roomId), { ...nothing, localUsers: 0 });
});

Deno.test("explainNoStats() says what is missing", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using role = await testRole(db);
  await db.sql.unsafe(
    `GRANT SELECT ON state_groups, state_groups_state, state_group_edges, state_groups_pending_deletion,
    room_stats_current TO ${role.name}`,
  );
  await using session = await connect(role.url, { readOnly: true });
  match(String(await explainNoStats(session)), /may not read room_stats_state/);
  await db.sql.unsafe(`GRANT SELECT ON room_stats_state TO ${role.name}`);
  strictEqual(await explainNoStats(session), undefined);
  await db.sql`DROP TABLE room_stats_state`;
  match(String(await explainNoStats(session)), /has no table room_stats_state/);
});
