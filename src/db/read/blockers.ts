/**
 * What keeps PostgreSQL from giving a table's space back: whoever still needs dead rows (old snapshots, replication slots,
 * prepared transactions, standbys with hot_standby_feedback), settings that forbid the cut, and indexes left half-built.
 * Reads system views only. Sources: https://www.postgresql.org/docs/current/routine-vacuuming.html,
 * https://www.postgresql.org/docs/current/sql-reindex.html
 */
import type { Session } from "../session/connect.ts";

/** Something that keeps dead rows from being removed. */
export interface SnapshotHolder {
  /** What holds them. */
  readonly kind: "session" | "prepared-transaction" | "replication-slot" | "standby";
  /** The process id, the transaction's or slot's name, or the standby's application name. */
  readonly name: string;
  /** For people: who and since when, without any statement's text. */
  readonly detail: string;
  /** Transactions that have begun since the oldest one it still needs. */
  readonly age: number;
  /** When it began, in seconds since 1970, for telling one transaction of a session from the next; 0 where unknown. */
  readonly since: number;
}

/** What stands in the way of `reclaim`. */
export interface Blockers {
  /** Who needs dead rows, the oldest first. */
  readonly holders: readonly SnapshotHolder[];
  /** The table's option or the server's setting that keeps VACUUM from cutting the file, or undefined. */
  readonly truncateOff: "table" | "server" | undefined;
  /** Indexes of the table that are not valid: left behind by a REINDEX or CREATE INDEX CONCURRENTLY that did not end. */
  readonly invalidIndexes: readonly string[];
  /** Sessions that are building an index of the table now; after a kill the server goes on with it. */
  readonly building: readonly number[];
  /** Standbys that will replay the cut of the file under an exclusive lock. */
  readonly standbys: readonly string[];
}

/** A snapshot holds back this database's tables alone; slots and standbys hold back all. */
const HOLDERS = `SELECT 'session' AS kind, a.pid::text AS name,
    concat_ws(', ', nullif(a.application_name, ''), a.usename, a.state,
      'since ' || to_char(coalesce(a.xact_start, a.query_start), 'YYYY-MM-DD HH24:MI:SS TZ')) AS detail,
    age(a.backend_xmin) AS age, extract(epoch FROM coalesce(a.xact_start, a.query_start))::float8 AS since
  FROM pg_stat_activity AS a
  WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid() AND a.datname = current_database()
    -- An autovacuum that removes rows holds none; one that analyzes does, for as long as that takes.
    AND (a.backend_type = 'client backend' OR a.query LIKE 'autovacuum: ANALYZE%')
  UNION ALL SELECT 'prepared-transaction', p.gid, concat_ws(', ', p.owner,
    'prepared at ' || to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS TZ')), age(p.transaction),
    extract(epoch FROM p.prepared)::float8
  FROM pg_prepared_xacts AS p WHERE p.database = current_database()
  UNION ALL SELECT 'replication-slot', s.slot_name, CASE WHEN s.active THEN 'in use' ELSE 'not in use' END, age(s.xmin), 0
  FROM pg_replication_slots AS s WHERE s.xmin IS NOT NULL
  UNION ALL SELECT 'standby', r.application_name, 'hot_standby_feedback, ' || coalesce(host(r.client_addr), 'local'),
    age(r.backend_xmin), 0
  FROM pg_stat_replication AS r WHERE r.backend_xmin IS NOT NULL
  ORDER BY age DESC`;

/**
 * Who needs dead rows that are at least as old as transaction `since` (as the low 32 bits of its id; any age where undefined).
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function findHolders({ sql }: Session, since?: string): Promise<SnapshotHolder[]> {
  const rows = since === undefined
    ? await sql.unsafe(HOLDERS)
    : await sql.unsafe(`SELECT * FROM (${HOLDERS}) AS h WHERE age >= age('${BigInt(since)}'::xid)`);
  return rows.map(({ kind, name, detail, age, since }) => ({
    kind,
    name,
    detail,
    age: Number(age),
    since: since ?? 0,
  }));
}

/**
 * Everything that stands in the way now.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function findBlockers(session: Session): Promise<Blockers> {
  const { sql, serverVersion } = session;
  const building = serverVersion < 120_000 ? "'{}'::int[]" : `ARRAY(SELECT pid FROM pg_stat_progress_create_index
    WHERE datname = current_database() AND relid = 'state_groups_state'::regclass AND pid <> pg_backend_pid())`;
  const [facts] = await sql.unsafe(`SELECT
    (SELECT option_value FROM pg_class AS c, pg_options_to_table(c.reloptions)
      WHERE c.oid = 'state_groups_state'::regclass AND option_name = 'vacuum_truncate') AS truncate,
    current_setting('vacuum_truncate', true) AS server_truncate,
    ARRAY(SELECT indexrelid::regclass::text FROM pg_index
      WHERE indrelid = 'state_groups_state'::regclass AND NOT indisvalid ORDER BY 1)::text[]::text AS invalid,
    (${building})::text AS building,
    (SELECT string_agg(coalesce(nullif(application_name, ''), 'standby'), E'\\n') FROM pg_stat_replication) AS standbys`);
  const isOff = (value: unknown) => value !== null && ["false", "off", "no", "0"].includes(String(value));
  return {
    holders: await findHolders(session),
    truncateOff: isOff(facts!["truncate"])
      ? "table"
      : facts!["truncate"] === null && isOff(facts!["server_truncate"])
      ? "server"
      : undefined,
    invalidIndexes: listOf(facts!["invalid"]),
    building: listOf(facts!["building"]).map(Number),
    standbys: (facts!["standbys"] ?? "").split("\n").filter(Boolean),
  };
}

/** The elements of an array of plain names or numbers in PostgreSQL's text form. */
function listOf(text: string): string[] {
  return text.slice(1, -1).split(",").filter(Boolean).map((name) =>
    name.replace(/^"(.*)"$/, "$1").replaceAll('\\"', '"')
  );
}
