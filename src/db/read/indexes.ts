/**
 * Whether the indexes that the work needs are there. Without one everything still comes out right, but each look-up reads a
 * whole table, and nothing would say why. Knows the indexes that Synapse makes, and pg_index. One cheap query.
 */
import { CompressorError } from "../../errors.ts";
import { describeTarget } from "../target/target.ts";
import type { Session } from "../session/connect.ts";

/** An index that Synapse makes and the work needs, but that is not there, or not to be used. */
export interface IndexFault {
  /** `invalid`: it is there, but the server does not use it, since making it failed. */
  readonly kind: "missing" | "invalid";
  /** The table that lacks it. */
  readonly table: string;
  /** The columns that it is on, in their order. */
  readonly columns: readonly string[];
  /** What the table takes, without its indexes. */
  readonly tableBytes: number;
  /** Whether writing looks groups up by it. */
  readonly isForWriting: boolean;
  /** Makes it beside a running Synapse. */
  readonly statement: string;
}

/** An index as Synapse makes it; the first `leading` of its columns are what is looked up by. */
interface Needed {
  readonly table: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly leading: number;
  readonly isUnique?: boolean;
  /** Whether every batch of writes looks groups up by it. */
  readonly isForWriting?: boolean;
}

const NEEDED: readonly Needed[] = [
  { table: "state_groups", name: "state_groups_pkey", columns: ["id"], leading: 1, isUnique: true, isForWriting: true },
  { table: "state_groups", name: "state_groups_room_id_idx", columns: ["room_id"], leading: 1 },
  {
    table: "state_groups_state",
    name: "state_groups_state_type_idx",
    columns: ["state_group", "type", "state_key"],
    leading: 1,
    isForWriting: true,
  },
  {
    table: "state_group_edges",
    name: "state_group_edges_unique_idx",
    columns: ["state_group", "prev_state_group"],
    leading: 1,
    isUnique: true,
    isForWriting: true,
  },
  { table: "state_group_edges", name: "state_group_edges_prev_idx", columns: ["prev_state_group"], leading: 1 },
  { table: "event_to_state_groups", name: "event_to_state_groups_sg_index", columns: ["state_group"], leading: 1 },
  {
    table: "state_groups_pending_deletion",
    name: "state_groups_pending_deletion_state_group",
    columns: ["state_group"],
    leading: 1,
    isUnique: true,
    isForWriting: true,
  },
];

/** Below this a scan of a table takes well under a second: writing without an index is slow, but does no harm. */
const SMALL_TABLE_BYTES = 128 * 2 ** 20;

/** Every index of the tables, by table and first columns; of tables that are not there, none. */
const QUERY = `SELECT t.name AS table, pg_relation_size(c.oid)::float8 AS bytes, i.name, i.usable, i.columns
  FROM unnest($1::text[]) AS t (name) JOIN pg_class AS c ON c.oid = to_regclass(t.name) AND c.relkind = 'r'
  LEFT JOIN LATERAL (
    SELECT quote_ident(x.relname) AS name, n.indisvalid AND n.indisready AS usable,
      array_to_string(ARRAY(SELECT a.attname FROM unnest(n.indkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = n.indrelid AND a.attnum = k.attnum ORDER BY k.place), ' ') AS columns
    FROM pg_index AS n JOIN pg_class AS x ON x.oid = n.indexrelid JOIN pg_am AS m ON m.oid = x.relam
    WHERE n.indrelid = c.oid AND n.indpred IS NULL AND m.amname = 'btree') AS i ON true`;

/**
 * The indexes that are missing, or INVALID as a failed REINDEX CONCURRENTLY or CREATE INDEX CONCURRENTLY leaves them.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function findIndexFaults({ sql, serverVersion }: Session): Promise<IndexFault[]> {
  const tables = [...new Set(NEEDED.map(({ table }) => table))];
  const found = await sql.unsafe(QUERY, [`{${tables.join()}}`]);
  const faults: IndexFault[] = [];
  for (const { table, name, columns, leading, isUnique = false, isForWriting = false } of NEEDED) {
    const own = found.filter((row) => row["table"] === table);
    if (own.length === 0) continue;
    const wanted = columns.slice(0, leading).join(" ");
    const fitting = own.filter((row) => row["columns"] !== null && `${row["columns"]} `.startsWith(`${wanted} `));
    if (fitting.some((row) => row["usable"])) continue;
    const invalid: string | undefined = fitting[0]?.["name"];
    const create = (as: string) =>
      `CREATE ${isUnique ? "UNIQUE " : ""}INDEX CONCURRENTLY ${as} ON ${table} (${columns.join(", ")});`;
    const statement = invalid === undefined
      ? create(name)
      // REINDEX CONCURRENTLY is of PostgreSQL 12.
      : serverVersion >= 120_000
      ? `REINDEX INDEX CONCURRENTLY ${invalid};`
      : `DROP INDEX CONCURRENTLY ${invalid}; ${create(name)}`;
    const kind = invalid === undefined ? "missing" : "invalid";
    faults.push({ kind, table, columns, tableBytes: own[0]!["bytes"], isForWriting, statement });
  }
  return faults;
}

/**
 * Refuses to write where a batch would scan a big table again and again, with its locks held.
 *
 * @param smallBytes up to this a table may be scanned
 * @throws {CompressorError} an index is missing or INVALID; the hint has the statement that makes it
 */
export async function requireIndexes(session: Session, smallBytes = SMALL_TABLE_BYTES): Promise<void> {
  const fault = (await findIndexFaults(session)).find(({ isForWriting, tableBytes }) =>
    isForWriting && tableBytes > smallBytes
  );
  if (fault === undefined) return;
  const { kind, table, columns, statement } = fault;
  throw new CompressorError(
    `Cannot write to ${describeTarget(session.target)}: the index on ${table} (${columns.join(", ")}) is ${
      kind === "missing" ? "missing" : "INVALID"
    }, so every transaction would read the whole table while Synapse waits`,
    { hint: `Run this as the tables' owner; Synapse can keep running: ${statement}` },
  );
}

/** Per session, since rooms are many: whether its tables can only be read whole. */
const scans = new WeakMap<Session, Promise<boolean>>();

/** Whether a room's groups, edges or rows cannot be looked up, so that the tables had better be read whole, once. */
export function mustScan(session: Session): Promise<boolean> {
  let answer = scans.get(session);
  if (answer === undefined) {
    const own = ["state_groups", "state_groups_state", "state_group_edges"];
    answer = findIndexFaults(session).then((faults) =>
      faults.some(({ table, columns }) => own.includes(table) && columns[0] !== "prev_state_group")
    );
    answer.catch(() => scans.delete(session));
    scans.set(session, answer);
  }
  return answer;
}
