/** Plain VACUUM of the state tables: makes the space of deleted rows free for new ones, beside a running Synapse. */
import { CompressorError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";

/** The tables that lose rows, and the one whose rows get new versions. */
const TABLES = ["state_groups_state", "state_group_edges", "state_groups"];

/**
 * Checks that this session's user may VACUUM the tables: the server itself would skip them with a warning.
 *
 * @throws {CompressorError} the user may not
 */
export async function checkVacuum(session: Session): Promise<void> {
  const mayMaintain = session.serverVersion >= 170_000 ? "OR has_table_privilege(c.oid, 'MAINTAIN')" : "";
  const [row] = await session.sql.unsafe(`SELECT quote_ident(current_user) AS role,
    bool_and(pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') ${mayMaintain}) AS may
    FROM pg_class AS c, pg_database AS d
    WHERE d.datname = current_database() AND c.oid IN (${TABLES.map((table) => `'${table}'::regclass`)})`);
  if (row!["may"]) return;
  throw new CompressorError(`Cannot vacuum the state tables: user ${row!["role"]} does not own them`, {
    hint: "Run without --vacuum, or connect as Synapse's own user.",
  });
}

/**
 * Runs `VACUUM (ANALYZE)` on the state tables. Takes no lock that Synapse would wait for.
 *
 * @throws {CompressorError} the server refused or was lost
 */
export async function vacuumTables(session: Session): Promise<void> {
  const { sql } = session;
  // It takes as long as it takes; what was committed does not depend on it. (RESET would bring back the role's own limits.)
  const [limits] = await sql.unsafe(
    "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock",
  );
  await sql.unsafe("SET statement_timeout = 0; SET lock_timeout = 0").simple();
  for (const table of TABLES) await sql.unsafe(`VACUUM (ANALYZE) ${table}`).simple();
  await sql.unsafe("SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false)", [
    limits!["statement"],
    limits!["lock"],
  ]);
}
