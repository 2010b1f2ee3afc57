/**
 * The session's own settings, in force whatever ALTER ROLE, ALTER DATABASE or postgresql.conf say: no limit that would end the
 * work half-way, plans as PostgreSQL ships them, texts as they are read here, and an error where rows would be hidden. They are
 * set after connecting, since poolers refuse start-up parameters that they do not know. One statement for every version:
 * a setting that a server does not have is left out.
 * Source: https://www.postgresql.org/docs/current/runtime-config-client.html
 */

import { quoteLiteral } from "../../format/sql/quote.ts";

/** What a caller may ask for. */
export interface SessionLimits {
  /** Makes every transaction read-only. @default false */
  readonly readOnly?: boolean | undefined;
  /** How long a statement waits for a lock before it fails with SQLSTATE 55P03; 0 for no limit. @default 0 */
  readonly lockTimeoutMs?: number | undefined;
  /** How long a statement may take before it fails with SQLSTATE 57014; 0 for no limit. @default 0 */
  readonly statementTimeoutMs?: number | undefined;
}

/** Limits that would end the work: ours unless the connection string itself sets them (`options=-c …`). */
const TIMEOUTS = ["idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"];

const FIXED: Readonly<Record<string, string>> = {
  // The server is to refuse, rather than to leave out the rows that a policy hides.
  row_security: "off",
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  exit_on_error: "off",
  jit: "off",
  plan_cache_mode: "auto",
  from_collapse_limit: "8",
  join_collapse_limit: "8",
  // How values are written, here and there.
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  array_nulls: "on",
  extra_float_digits: "3",
  bytea_output: "hex",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
};

/** Only superusers may set these; for other roles they stay as they are. */
const OF_SUPERUSERS: Readonly<Record<string, string>> = {
  temp_file_limit: "-1",
  session_replication_role: "origin",
};

/**
 * Sets them all, in one statement. It also has the server look, every two seconds of a statement, whether we are still there:
 * else a program that was stopped would leave it at work for minutes. From PostgreSQL 14 on, and not every system can
 * (https://www.postgresql.org/docs/current/runtime-config-connection.html).
 */
export function settingsStatement({ readOnly = false, lockTimeoutMs, statementTimeoutMs }: SessionLimits): string {
  const wanted: [name: string, value: string, isFirm: boolean, isOfSuperusers: boolean][] = [
    ["lock_timeout", String(lockTimeoutMs ?? 0), lockTimeoutMs !== undefined, false],
    ["statement_timeout", String(statementTimeoutMs ?? 0), statementTimeoutMs !== undefined, false],
    ...TIMEOUTS.map((name) => [name, "0", false, false] as typeof wanted[number]),
    ...Object.entries(FIXED).map(([name, value]) => [name, value, true, false] as typeof wanted[number]),
    ...Object.entries(OF_SUPERUSERS).map(([name, value]) => [name, value, true, true] as typeof wanted[number]),
  ];
  // Not undone by us where it is on for the role or the database: somebody wants no writes, and checkWritable() says so.
  if (readOnly) wanted.push(["default_transaction_read_only", "on", true, false]);
  const rows = wanted.map(([name, value, isFirm, isOfSuperusers]) =>
    `(${quoteLiteral(name)}, ${quoteLiteral(value)}, ${isFirm}, ${isOfSuperusers})`
  );
  // boot_val is what PostgreSQL ships; a role's enable_nestloop = off would turn lookups by index into scans.
  return `SELECT set_config(s.name, coalesce(w.value, s.boot_val), false)
    FROM pg_settings AS s LEFT JOIN (VALUES ${rows.join(", ")}) AS w (name, value, firm, super) ON w.name = s.name
    WHERE CASE WHEN w.name IS NULL THEN left(s.name, 7) = 'enable_' AND s.vartype = 'bool' AND s.setting <> s.boot_val
          ELSE (w.firm OR s.source <> 'client') AND (NOT w.super OR current_setting('is_superuser') = 'on') END
    UNION ALL SELECT set_config('client_connection_check_interval', '2s', false)
      WHERE current_setting('server_version_num')::int >= 140000 AND version() LIKE '%linux%'`;
}
