/**
 * Whether PostgreSQL's planner knows how few rows a state group has. Synapse tells it to count on 50
 * (`n_distinct = -0.02`, synapse/storage/schema/main/delta/61/02state_groups_state_n_distinct.sql.postgres), which a compressed
 * table is far from. Since PostgreSQL 16 a DISTINCT ON columns that the query fixes ends at the first row; with 50 rows a group the
 * planner takes that row to be near, and for a key that many groups have, it walks the index of the whole table from its end,
 * where a look-up for each hop would do. Measured in BENCHMARKS.md, "Reads". One cheap query.
 */
import type { Session } from "../session/connect.ts";

/** That the planner counts on many times as many rows in a state group as there are. */
export interface PlannerFault {
  /** How many rows the planner expects in a state group. */
  readonly expectedRows: number;
  /** How many there are, on average. */
  readonly rows: number;
  /** Tells the planner, beside a running Synapse. */
  readonly statement: string;
}

/** What tells the planner: one row a group, fewer than there are. That makes it look groups up, as Synapse wants. */
export const PLANNER_STATEMENT = "ALTER TABLE state_groups_state ALTER COLUMN state_group SET (n_distinct = -1); " +
  "ANALYZE state_groups_state;";

/** Before, DISTINCT ON reads all that there is. */
const FIRST_VERSION = 160_000;
/** A smaller table's index is walked in some milliseconds; in a bigger one no key is so frequent that it would be. */
const ROWS = { least: 100_000, most: 5_000_000 };
/** How many times too many rows count as far off. */
const FAR_OFF = 4;

/** What the planner goes by: sizes as VACUUM and ANALYZE last counted them, and what became of n_distinct then. */
const QUERY = `SELECT r.reltuples::float8 AS rows, g.reltuples::float8 AS groups, s.n_distinct::float8 AS distinct
  FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace
  JOIN pg_class AS g ON g.oid = to_regclass('state_groups')
  JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = r.relname AND s.attname = 'state_group' AND NOT s.inherited
  WHERE r.oid = to_regclass('state_groups_state')`;

/**
 * Whether the planner is far off. Undefined where it is not, or knows nothing yet.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function findPlannerFault({ sql, serverVersion }: Session): Promise<PlannerFault | undefined> {
  if (serverVersion < FIRST_VERSION) return undefined;
  const [found] = await sql.unsafe(QUERY);
  if (found === undefined) return undefined;
  const { rows, groups, distinct } = found as unknown as Record<"rows" | "groups" | "distinct", number>;
  if (rows < ROWS.least || rows > ROWS.most || groups <= 0 || distinct === 0) return undefined;
  const expectedRows = distinct < 0 ? -1 / distinct : rows / distinct;
  if (expectedRows < FAR_OFF * rows / groups) return undefined;
  return { expectedRows, rows: rows / groups, statement: PLANNER_STATEMENT };
}
