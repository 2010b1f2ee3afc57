/**
 * What PostgreSQL itself knows of a server's size without reading a table: bytes of the database, of Synapse's state tables
 * and of the biggest other ones, dead rows, and when it last looked. Reads catalogs and statistics views; a second at most,
 * whatever the tables hold. A size that a lock keeps back is not waited for.
 */
import type { Session } from "../session/connect.ts";
import type { Row } from "../session/sql.ts";
import { briefly } from "./brief.ts";

/** A table with all that belongs to it. */
export interface TableBytes {
  /** As a statement takes it. */
  readonly name: string;
  /** Bytes of its files: rows, indexes, TOAST. */
  readonly bytes: number;
}

/** How fresh PostgreSQL's statistics of state_groups_state are. Times are milliseconds since 1970. */
export interface Freshness {
  /** The last ANALYZE, by hand or by autovacuum; undefined where there was none. */
  readonly analyzedMs: number | undefined;
  /** The last VACUUM, likewise. */
  readonly vacuumedMs: number | undefined;
  /** Rows that were inserted, changed or deleted since the last ANALYZE. */
  readonly changedRows: number;
}

/** What the catalogs and the statistics say. */
export interface ServerFacts {
  /** The database's name. */
  readonly database: string;
  /** PostgreSQL's version, such as 17.4. */
  readonly version: string;
  /** Bytes of the whole database. */
  readonly databaseBytes: number;
  /** The state tables, biggest first. */
  readonly stateTables: readonly TableBytes[];
  /** The biggest other tables of the database, biggest first. */
  readonly otherTables: readonly TableBytes[];
  /** Deleted rows that wait for VACUUM, by PostgreSQL's own count. */
  readonly deadRows: number;
  /** How fresh that count and the planner's statistics are. */
  readonly freshness: Freshness;
  /** The folder of state_groups_state on the database's host; undefined where the role may not know. */
  readonly folder: string | undefined;
  /** When that folder was last changed, in milliseconds since 1970; undefined where the role may not know. */
  readonly folderModifiedMs: number | undefined;
}

/** Synapse's tables of state groups. */
const STATE_TABLES = ["state_groups", "state_groups_state", "state_group_edges", "state_groups_pending_deletion"];
const OTHER_TABLES = 8;
/** 55P03: it waited too long for a lock. */
const BRIEF = { timeoutMs: 2000, settings: "SET LOCAL jit = off", late: ["55P03"] };

/**
 * Reads the facts.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const { sql } = session;
  const [facts] = await sql.unsafe(`SELECT current_database() AS database, current_setting('server_version') AS version,
      coalesce(s.n_dead_tup, 0)::float8 AS dead, coalesce(s.n_mod_since_analyze, 0)::float8 AS changed,
      (extract(epoch FROM greatest(s.last_analyze, s.last_autoanalyze)) * 1000)::float8 AS analyzed,
      (extract(epoch FROM greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8 AS vacuumed,
      CASE WHEN c.reltablespace <> 0 THEN pg_tablespace_location(c.reltablespace)
        WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory', true) END AS folder
    FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
    WHERE c.oid = 'state_groups_state'::regclass`);
  const folder: string | undefined = facts!["folder"] ?? undefined;
  const [size] = await unlessLate(
    session,
    "SELECT pg_database_size(current_database())::float8 AS bytes",
  );
  const tables = await unlessLate(
    session,
    `SELECT c.oid::regclass::text AS name, c.relname = ANY ('{${STATE_TABLES}}') AND c.relnamespace = n.state AS is_state,
      pg_total_relation_size(c.oid)::float8 AS bytes
    FROM pg_class AS c, (SELECT relnamespace AS state FROM pg_class WHERE oid = 'state_groups_state'::regclass) AS n
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    ORDER BY 3 DESC NULLS LAST, 1`,
  );
  const sized = tables.filter(({ bytes }) => bytes !== null).map(({ name, bytes, is_state }) => ({
    name: name as string,
    bytes: bytes as number,
    isState: is_state as boolean,
  }));
  const list = (isState: boolean, most: number): TableBytes[] =>
    sized.filter((table) => table.isState === isState).slice(0, most).map(({ name, bytes }) => ({ name, bytes }));
  return {
    database: facts!["database"],
    version: String(facts!["version"]).split(" ")[0]!,
    databaseBytes: size?.["bytes"] ?? NaN,
    stateTables: list(true, STATE_TABLES.length),
    otherTables: list(false, OTHER_TABLES),
    deadRows: facts!["dead"],
    freshness: {
      analyzedMs: facts!["analyzed"] ?? undefined,
      vacuumedMs: facts!["vacuumed"] ?? undefined,
      changedRows: facts!["changed"],
    },
    folder,
    folderModifiedMs: folder === undefined ? undefined : await readModified(session, folder),
  };
}

/** When a folder of the server's was last changed, where the role may ask that. */
async function readModified({ sql }: Session, folder: string): Promise<number | undefined> {
  const [may] = await sql.unsafe("SELECT has_function_privilege('pg_stat_file(text)', 'EXECUTE') AS may");
  if (!may!["may"]) return undefined;
  const [row] = await sql.unsafe(
    "SELECT (extract(epoch FROM (pg_stat_file($1)).modification) * 1000)::float8 AS ms",
    [folder],
  );
  return row!["ms"];
}

/** What a statement returns, or nothing where somebody's lock, or the number of files, keeps it for too long. */
async function unlessLate(session: Session, statement: string): Promise<readonly Row[]> {
  return await briefly(session, BRIEF, () => session.sql.unsafe(statement)) ?? [];
}

/**
 * A text that is the same each time for this server and that outsiders do not know, for pseudonyms.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function readServerSecret({ sql }: Session): Promise<string> {
  const [may] = await sql.unsafe("SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may");
  const [row] = may!["may"]
    ? await sql.unsafe("SELECT system_identifier::text AS id FROM pg_control_system()")
    : await sql.unsafe("SELECT id::text || event_id AS id FROM state_groups ORDER BY state_groups.id LIMIT 1");
  return `${row?.["id"] ?? ""}`;
}
