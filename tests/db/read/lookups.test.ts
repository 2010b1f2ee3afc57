/** The plans of the statements that load and write: by the indexes, whatever the tables' statistics say. */
import { ok } from "node:assert/strict";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import * as statements from "../../../src/db/write/statements.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { assertLooksUp, TABLES } from "../../support/lookups.ts";

const ROOM = "!star:test";

/** Rooms whose statistics mislead: nearly all groups of the server build on one, which exists or does not, or none is known. */
const SERVERS: Record<string, string> = {
  "all groups build on one": `INSERT INTO state_group_edges SELECT id, 1 FROM generate_series(2, 20000) AS id; ANALYZE`,
  "all groups build on one that is missing":
    `INSERT INTO state_group_edges SELECT id, 1000000 FROM generate_series(2, 20000) AS id; ANALYZE`,
  "no statistics":
    `INSERT INTO state_group_edges SELECT id, id - 1 FROM generate_series(2, 20000) AS id WHERE id % 100 > 0`,
  "statistics of empty tables": `TRUNCATE state_groups, state_groups_state; ANALYZE;
    INSERT INTO state_groups SELECT id, '${ROOM}', '$' || id FROM generate_series(1, 20000) AS id;
    INSERT INTO state_groups_state SELECT id, '${ROOM}', 't', 'k', '$' || id FROM generate_series(1, 20000) AS id;
    INSERT INTO state_group_edges SELECT id, id - 1 FROM generate_series(2, 20000) AS id WHERE id % 100 > 0`,
};

async function fill(db: TestDatabase, edges: string): Promise<void> {
  // Whatever the server does by itself, it does not do here.
  const tables = ["state_groups", "state_groups_state", "state_group_edges"];
  for (const table of tables) await db.sql.unsafe(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '${ROOM}', '$' || id FROM generate_series(1, 20000) AS id;
    INSERT INTO state_groups_state SELECT id, '${ROOM}', 't', 'k', '$' || id FROM generate_series(1, 20000) AS id;
    ${edges}`).simple();
}

for (const [server, edges] of Object.entries(SERVERS)) {
  Deno.test(`loadRoom() looks all up in indexes: ${server}`, async () => {
    await using db = await testDatabase();
    await fill(db, edges);
    await using session = await connect(db.url, { readOnly: true });
    let copies = 0;
    let tables = TABLES;
    const explaining = new Proxy(session, {
      get(target, name) {
        if (name === "copyOut") {
          return (async (query, onRow) => {
            copies++;
            const select = /^COPY \((.*)\) TO STDOUT/s.exec(query)![1]!;
            assertLooksUp(await session.sql.unsafe(`EXPLAIN (FORMAT JSON) ${select}`), select, tables);
            return await session.copyOut(query, onRow);
          }) satisfies Session["copyOut"];
        }
        const value = Reflect.get(target, name, target);
        return name === "transaction" ? value.bind(target) : value;
      },
    });
    await loadRoom(explaining, ROOM, { minGroup: 5000, groups: 2000, heads: [7, 4990] });
    ok(copies >= 4, `${copies} copies`);
    // The room's own groups are wanted, all of them.
    tables = TABLES.filter((table) => table !== "state_groups");
    await loadRoom(explaining, ROOM, { minGroup: 5000, groups: 2000, outside: "room" });
  });

  Deno.test(`the writer's prepared statements look all up in indexes, for any parameters: ${server}`, async () => {
    await using db = await testDatabase();
    await fill(db, edges);
    const { BEGIN_BATCH, ...others } = statements;
    const reserved = await db.sql.reserve();
    let explained = 0;
    await reserved.unsafe(BEGIN_BATCH).simple();
    // What the server comes to after five executions.
    await reserved.unsafe("SET LOCAL plan_cache_mode = force_generic_plan");
    for (const [name, text] of Object.entries(others)) {
      if (typeof text !== "string" || !/^(SELECT|WITH|INSERT|UPDATE|DELETE)\b/.test(text)) continue;
      const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, n]) => Number(n)));
      await reserved.unsafe(`PREPARE ${name} AS ${text}`);
      const parameters = Array.from({ length: count }, () => "NULL").join();
      assertLooksUp(
        await reserved.unsafe(`EXPLAIN (FORMAT JSON) EXECUTE ${name}${count > 0 ? `(${parameters})` : ""}`),
        name,
      );
      explained++;
    }
    await reserved.unsafe("ROLLBACK");
    reserved.release();
    ok(explained >= 10, `${explained} statements`);
  });
}
