/**
 * What writing needs before it begins: a server that takes writes, the privileges, and the room to itself. So what is
 * missing is named before any work. Hides PostgreSQL's privilege functions and its advisory locks. Two queries.
 */
import { CompressorError, ConflictError } from "../../errors.ts";
import { requireIndexes } from "../read/indexes.ts";
import type { Session } from "../session/connect.ts";
import { tableName } from "../session/tables.ts";
import { describeTarget } from "../target/target.ts";

/** What the writer's statements need, by table. UPDATE on one column of state_groups is what row locks ask for. */
const NEEDED: readonly (readonly [table: string, privilege: string, column?: string])[] = [
  ["state_groups", "SELECT"],
  ["state_groups", "UPDATE", "event_id"],
  ["state_group_edges", "SELECT"],
  ["state_group_edges", "INSERT"],
  ["state_group_edges", "DELETE"],
  ["state_groups_state", "SELECT"],
  ["state_groups_state", "INSERT"],
  ["state_groups_state", "DELETE"],
  ["state_groups_pending_deletion", "SELECT"],
  ["state_groups_pending_deletion", "UPDATE"],
];

/** What marking groups for deletion needs besides. */
const NEEDED_FOR_MARKS: typeof NEEDED = [
  ["state_groups_pending_deletion", "INSERT"],
  ["state_groups_persisting", "SELECT"],
];

/** What deleting left-overs needs besides. */
const NEEDED_FOR_LEFT_OVERS: typeof NEEDED = [["state_groups_pending_deletion", "DELETE"]];

/**
 * Checks that this session may rewrite groups.
 *
 * @param options.marks whether it is to mark groups for deletion, too
 * @param options.leftOvers whether it is to delete left-overs, too
 * @throws {CompressorError} the server is a standby or read-only, or a privilege is missing; the hint has the GRANTs.
 * Or a big table lacks an index; the hint has the statement that makes it
 */
export async function checkWritable(
  session: Session,
  { marks = false, leftOvers = false }: {
    readonly marks?: boolean | undefined;
    readonly leftOvers?: boolean | undefined;
  } = {},
): Promise<void> {
  const { sql, target, schema, hasPendingDeletion } = session;
  const needed = [...NEEDED, ...marks ? NEEDED_FOR_MARKS : [], ...leftOvers ? NEEDED_FOR_LEFT_OVERS : []].filter((
    [table],
  ) => hasPendingDeletion || table !== "state_groups_pending_deletion");
  const checks = needed.map(([table, privilege, column]) =>
    column === undefined
      ? `has_table_privilege('${table}', '${privilege}')`
      : `has_column_privilege('${table}', '${column}', '${privilege}')`
  );
  const [row] = await sql.unsafe(`SELECT pg_is_in_recovery() AS standby, quote_ident(current_user) AS role,
    current_setting('transaction_read_only') = 'on' AS read_only, ARRAY[${checks}]::text[]::text AS held`);
  const place = describeTarget(target);
  if (row!["standby"]) {
    throw new CompressorError(`Cannot write to ${place}: it is a standby, which takes no writes`, {
      hint: "Connect to the primary server. Without -c the program only reads, and works on a standby.",
    });
  }
  if (row!["read_only"]) {
    throw new CompressorError(`Cannot write to ${place}: its transactions are read-only`, {
      hint: "default_transaction_read_only is on, for the server, the database or this user: connect as Synapse does.",
    });
  }
  const held = row!["held"].slice(1, -1).split(",");
  const missing = needed.filter((_, i) => held[i] !== "true");
  if (missing.length === 0) return await requireIndexes(session);
  const names = missing.map(([table, privilege]) => `${privilege} on ${table}`).join(", ");
  throw new CompressorError(`Cannot write to ${place}: user ${row!["role"]} lacks ${names}`, {
    hint: `Connect as Synapse's own user, or run as the tables' owner: ${formatGrants(missing, schema, row!["role"])}`,
  });
}

/** One GRANT a table. */
function formatGrants(privileges: typeof NEEDED, schema: string, role: string): string {
  const tables = [...new Set(privileges.map(([table]) => table))];
  return tables.map((table) => {
    const names = privileges.filter(([of]) => of === table).map(([, privilege]) => privilege).join(", ");
    return `GRANT ${names} ON ${tableName(schema, table)} TO ${role};`;
  }).join(" ");
}

/**
 * Takes the room for this session alone among the compressors of this program, until disposed of or the connection ends.
 *
 * @throws {ConflictError} another compressor has it
 */
export async function lockRoom(session: Session, roomId: string): Promise<AsyncDisposable> {
  const { sql } = session;
  // Made with md5, which every server has, over a name of our own: other programs' locks are other numbers.
  const key = "('x' || left(md5('synapse_compress_state ' || $1), 16))::bit(64)::bigint";
  const [row] = await sql.unsafe(`SELECT pg_try_advisory_lock(${key}) AS locked`, [roomId]);
  if (!row!["locked"]) {
    throw new ConflictError(`Cannot compress room "${roomId}": another compressor is working on it`, {
      hint:
        "Wait for it to finish. To see who it is: SELECT application_name, client_addr, query_start FROM pg_stat_activity JOIN " +
        "pg_locks USING (pid) WHERE locktype = 'advisory';",
    });
  }
  return {
    async [Symbol.asyncDispose]() {
      // A session that is lost has let go of it already.
      if (session.lost === undefined) await sql.unsafe(`SELECT pg_advisory_unlock(${key})`, [roomId]).catch(() => {});
    },
  };
}
