/** A state_groups_state that has lost most of its rows, as compression leaves it: full pages have become nearly empty ones. */
import type { TestSql } from "./database.ts";

export const BLOATED_ROOM = "!bloat:test";

/** What a bloated table is to be like. */
export interface BloatOptions {
  /** State groups before the deletion, of 30 rows each. @default 6,000 */
  readonly groups?: number;
  /** One group of this many keeps its rows. @default 20 */
  readonly keepOneOf?: number;
}

/** Fills the state tables and deletes most of the rows again; `testDatabase({ bloat: … })` has that ready. */
export async function bloat(sql: TestSql, { groups = 6000, keepOneOf = 20 }: BloatOptions = {}): Promise<void> {
  // An autovacuum beside a test would hold the table, or keep dead rows from being removed, whenever it likes.
  await sql.unsafe(`ALTER TABLE state_groups_state SET (autovacuum_enabled = off);
    ALTER TABLE state_groups SET (autovacuum_enabled = off)`).simple();
  await sql.unsafe(
    `INSERT INTO state_groups SELECT g, '${BLOATED_ROOM}', '$e' || g FROM generate_series(1, ${groups}) AS g;
    INSERT INTO state_groups_state SELECT g, '${BLOATED_ROOM}', 'm.room.member', '@user' || k || ':example.org',
      '$' || md5((g * 31 + k)::text) || 'abcdefghij' FROM generate_series(1, ${groups}) AS g, generate_series(1, 30) AS k
    ORDER BY g, k;`,
  );
  await sql.unsafe("VACUUM ANALYZE state_groups_state");
  await sql.unsafe(`DELETE FROM state_groups_state WHERE hashint8(state_group) % ${keepOneOf} <> 0`);
  // VACUUM FULL keeps what a transaction of any database that began before may see: other tests have such.
  const [own] = await sql`SELECT txid_current() AS id`;
  for (let left = 3600; left > 0; left--) {
    const [row] = await sql`SELECT txid_snapshot_xmin(txid_current_snapshot()) > ${own!["id"]} AS past`;
    if (row!["past"]) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("a transaction of another test does not end");
}

/** All rows of the table in one digest, whatever their order. */
export async function digestRows(sql: TestSql): Promise<{ rows: number; digest: string }> {
  const [row] = await sql`SELECT count(*)::int AS rows,
    coalesce(sum(('x' || left(md5(s::text), 15))::bit(60)::bigint), 0)::text AS digest FROM state_groups_state AS s`;
  return { rows: row!["rows"], digest: row!["digest"] };
}

/** Bytes of the table and of its indexes. */
export async function fileBytes(sql: TestSql): Promise<{ table: number; indexes: number }> {
  const [row] = await sql`SELECT pg_relation_size('state_groups_state')::float8 AS table,
    pg_indexes_size('state_groups_state')::float8 AS indexes`;
  return { table: row!["table"], indexes: row!["indexes"] };
}
