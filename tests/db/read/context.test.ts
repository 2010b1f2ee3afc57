import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { loadRoom } from "../../../src/db/read/load.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase } from "../../support/database.ts";

const encoder = new TextEncoder();

/** A key's bytes as the interner has them: the type, the state key's length, the state key. */
function keyBytes(type: string, stateKey: string): Uint8Array {
  const [a, b] = [encoder.encode(type), encoder.encode(stateKey)];
  const bytes = new Uint8Array(a.length + 4 + b.length);
  bytes.set(a);
  new DataView(bytes.buffer).setInt32(a.length, b.length);
  bytes.set(b, a.length + 4);
  return bytes;
}

Deno.test("loadRoom() takes planned groups as they will stand: their new predecessors and rows, and no others", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '!a:b', '$' || id FROM generate_series(1, 6) AS id;
    INSERT INTO state_group_edges SELECT id, id - 1 FROM generate_series(2, 6) AS id;
    INSERT INTO state_groups_state SELECT id, '!a:b', 't', 'k' || id, '$' || id FROM generate_series(1, 6) AS id`)
    .simple();
  await using session = await connect(db.url, { readOnly: true });
  // 4 is to build on 2 rather than on 3, with another row; 2 is to be a snapshot.
  const planned = new Map<number, { predecessor?: number; rows: [string, string][] }>([
    [4, { predecessor: 2, rows: [["k3", "$3"], ["k4", "$new"]] }],
    [2, { rows: [["k1", "$1"], ["k2", "$2"]] }],
  ]);
  const forest = await loadRoom(session, "!a:b", {
    minGroup: 4,
    planned: {
      has: (id) => planned.has(id),
      predecessorOf: (id) => planned.get(id)!.predecessor,
      forEachRow: (id, visit) =>
        planned.get(id)!.rows.forEach(([key, event]) => visit(keyBytes("t", key), encoder.encode(event))),
    },
  });
  deepStrictEqual([...forest.groupId], [2, 4, 5, 6]);
  deepStrictEqual([...forest.predecessor], [-1, 0, 1, 2]);
  deepStrictEqual([...forest.rowCount], [2, 2, 1, 1]);
  deepStrictEqual([...forest.isContext], [1, 1, 0, 0]);
  deepStrictEqual(forest.defects, []);
  const rows: string[] = [];
  forest.forEachRow(1, (key, event) => rows.push(`${forest.keys.label(key)} ${forest.events.text(event)}`));
  deepStrictEqual(rows.sort(), ['t "k3" $3', 't "k4" $new']);
  const { state, states } = forest;
  strictEqual(states.keyCount(state[3]!), 6);
  // Without a plan it is loaded as it stands.
  const standing = await loadRoom(session, "!a:b", { minGroup: 4 });
  deepStrictEqual([...standing.groupId], [1, 2, 3, 4, 5, 6]);
});
