/**
 * Whether a server and its database are ones that we can work on: new enough, Synapse's tables, UTF-8. Knows what to ask,
 * in the one query of a session's start, and what to say of the answer.
 */

import { SchemaError } from "../../errors.ts";

/** sha256() and CREATE PROCEDURE, which the guards need, are of PostgreSQL 11. */
const OLDEST_SERVER = 110_000;
const SYNAPSE_TABLES = ["state_groups", "state_groups_state", "state_group_edges"];

/**
 * Asks for {@linkcode ServerFacts}, as one row. It also has the server look, every two seconds of a statement, whether we are
 * still there: else a program that was stopped would leave it at work for minutes. From PostgreSQL 14 on, and there is
 * not every system able to (https://www.postgresql.org/docs/current/runtime-config-connection.html).
 */
export const SERVER_QUERY =
  `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
       case when current_setting('server_version_num')::int >= 140000 and version() like '%linux%'
         then set_config('client_connection_check_interval', '2s', false) end as checks_client,
       to_regclass('state_groups_pending_deletion') is not null as pending, ${
    SYNAPSE_TABLES.map((name) => `to_regclass('${name}') is not null as ${name}`).join(", ")
  }`;

/** What a server says of itself; besides this, for each of Synapse's tables, by its name, whether it is there. */
export interface ServerFacts {
  /** As `server_version_num`: 150004 is 15.4. */
  readonly version: number;
  readonly encoding: string;
  /** Whether state_groups_pending_deletion exists. */
  readonly pending: boolean;
  readonly [table: string]: unknown;
}

/**
 * Refuses a server or a database that we cannot work on.
 *
 * @param place names the database in the message
 * @param checksSchema whether to demand Synapse's tables and encoding
 * @throws {SchemaError} the server is too old, or it is not Synapse's state database, or not UTF-8
 */
export function checkServer(facts: ServerFacts, place: string, checksSchema: boolean): void {
  if (facts.version < OLDEST_SERVER) {
    throw new SchemaError(
      `Cannot use ${place}: its server is PostgreSQL ${Math.floor(facts.version / 100) / 100}`,
      { hint: "PostgreSQL 11 is the oldest that works; Synapse itself asks for a later one." },
    );
  }
  if (!checksSchema) return;
  const missing = SYNAPSE_TABLES.find((name) => !facts[name]);
  if (missing !== undefined) {
    throw new SchemaError(`Cannot use ${place}: it has no table ${missing}`, {
      hint:
        "Is it Synapse's database? Where homeserver.yaml has `databases:`, it is the one whose data_stores have `state`.",
    });
  }
  if (facts.encoding !== "UTF8") {
    throw new SchemaError(`Cannot use ${place}: its encoding is ${facts.encoding}, not UTF8`, {
      hint: "Synapse's documentation (postgres.md) says how to make its database with UTF8.",
    });
  }
}
