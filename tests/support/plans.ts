/**
 * Query plans. The planner's statistics may be missing: after a restore nobody has run ANALYZE, and autovacuum may be off. So
 * tables are filled here without any, and each statement of a piece of work is explained as it runs.
 */
import type { Session } from "../../src/db/session/connect.ts";
import type { TestSql } from "./database.ts";

/** 100,000 groups, 300,000 rows and 99,000 edges of 1,000 rooms, of which the planner knows nothing but the tables' pages. */
export async function fillUnanalyzed(sql: TestSql): Promise<void> {
  await sql.unsafe(`DO $$ DECLARE name text; BEGIN
      FOREACH name IN ARRAY ARRAY['state_groups', 'state_groups_state', 'state_group_edges', 'event_to_state_groups'] LOOP
        EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', name);
      END LOOP; END $$;
    INSERT INTO state_groups SELECT id, '!room' || id % 1000 || ':test', '$' || id FROM generate_series(1, 100000) AS id;
    INSERT INTO state_groups_state SELECT id, room_id, 'm.room.member', '@u' || n || ':test', '$' || id
      FROM state_groups, generate_series(1, 3) AS n;
    INSERT INTO state_group_edges SELECT id, id - 1000 FROM state_groups WHERE id > 1000;
    INSERT INTO event_to_state_groups SELECT event_id, id FROM state_groups`).simple();
}

/**
 * A server of so many groups, just compressed and analyzed: two rows each, far apart in the file. One of fifty rows is of one
 * member, `@admin:test`.
 */
export async function fillCompressed(sql: TestSql, groups: number): Promise<void> {
  await sql.unsafe(`ALTER TABLE state_groups_state SET (autovacuum_enabled = off, fillfactor = 10);
    INSERT INTO state_groups SELECT id, '!room' || id % 500 || ':test', '$' || id FROM generate_series(1, ${groups}) AS id;
    INSERT INTO state_group_edges SELECT id, id - 500 FROM state_groups WHERE id > 500;
    INSERT INTO state_groups_state SELECT id, room_id, 'm.room.member',
        CASE WHEN n = 1 AND id % 25 = 0 THEN '@admin:test' ELSE '@' || n || '-' || id || ':test' END, '$' || id
      FROM state_groups, generate_series(1, 2) AS n ORDER BY id`).simple();
  for (const table of ["state_groups", "state_groups_state", "state_group_edges"]) {
    await sql.unsafe(`VACUUM (ANALYZE) ${table}`);
  }
}

/** Does `work`, and returns the plan of each SELECT, COPY, DELETE or WITH that it sent, as it was planned then. */
export async function explained(session: Session, work: (session: Session) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = [];
  const explain = async (statement: string, parameters: readonly unknown[] = []) => {
    if (!/^\s*(SELECT|WITH|DELETE)\b/i.test(statement)) return;
    const rows = await session.sql.unsafe(`EXPLAIN ${statement}`, parameters as never[]);
    plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
  };
  const sql = new Proxy(session.sql, {
    get(target, name, receiver) {
      if (name !== "unsafe") return Reflect.get(target, name, receiver);
      return (statement: string, parameters: readonly unknown[] = [], options?: unknown) => {
        const query = () => target.unsafe(statement, parameters as never[], options as never);
        const sent = Promise.resolve(/;\s*SET/.test(statement) ? undefined : explain(statement, parameters)).then(
          query,
        );
        return Object.assign(sent, { simple: () => query().simple(), execute: () => sent });
      };
    },
  });
  await work(
    new Proxy(session, {
      get(target, name) {
        if (name === "sql") return sql;
        if (name === "copyOut") {
          return async (query: string, onRow: never) => {
            await explain(/^COPY \(([^]*)\) TO STDOUT/.exec(query)![1]!);
            return await target.copyOut(query, onRow);
          };
        }
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  );
  return plans;
}

/** What no plan over big tables may have: a scan of a whole table inside a loop. */
export function loopsOverScans(plan: string): boolean {
  const lines = plan.split("\n").map((line) => ({ indent: line.search(/\S/), text: line }));
  return lines.some(({ indent, text }, at) => {
    if (!/Nested Loop/.test(text)) return false;
    // Below a loop are its outer side, read once, and its inner side, read again and again.
    const below = lines.slice(at + 1);
    const end = below.findIndex((line) => line.indent <= indent && /->/.test(line.text));
    const inside = below.slice(0, end === -1 ? undefined : end);
    const depth = Math.min(...inside.filter(({ text }) => /->/.test(text)).map((line) => line.indent));
    const inner = inside.findLastIndex((line) => line.indent === depth && /->/.test(line.text));
    return inside.slice(inner).some(({ text }) => /Seq Scan on|CTE Scan/.test(text));
  });
}
