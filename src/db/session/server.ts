/**
 * Whether a server and its database are ones that we can work on: new enough, UTF-8, and showing its rows as they are. Knows
 * what to ask, and what to say of the answer.
 */

import { SchemaError } from "../../errors.ts";

/** sha256() and CREATE PROCEDURE, which the guards need, are of PostgreSQL 11. */
const OLDEST_SERVER = 110_000;

/** Settings that must be off, and that only superusers may change. */
const HARMFUL = ["zero_damaged_pages", "ignore_checksum_failure"];

/** Asks for {@linkcode ServerFacts}, as one row. */
export const SERVER_STATEMENT = `SELECT current_setting('server_version_num')::int AS version,
  current_setting('server_encoding') AS encoding, current_setting('session_replication_role') AS replication_role,
  current_schema()::text AS schema, array_to_string(ARRAY(SELECT name::text FROM pg_settings
    WHERE name IN (${HARMFUL.map((name) => `'${name}'`)}) AND setting = 'on'), ' ') AS harmful`;

/** What a server says of itself. */
export interface ServerFacts {
  /** As `server_version_num`: 150004 is 15.4. */
  readonly version: number;
  readonly encoding: string;
  /** The session's `session_replication_role`. */
  readonly replication_role: string;
  /** Where a new table would be made, or null where nowhere. */
  readonly schema: string | null;
  /** Settings that hide damage, separated by spaces. */
  readonly harmful: string;
}

/**
 * Refuses a server or a database that we cannot work on.
 *
 * @param place names the database in the message
 * @param checksSchema whether to demand what Synapse's own database has
 * @throws {SchemaError} the server is too old, or shows damaged rows as none; or it is not UTF-8, or a replica's session
 */
export function checkServer(facts: ServerFacts, place: string, checksSchema: boolean): void {
  if (facts.version < OLDEST_SERVER) {
    throw new SchemaError(
      `Cannot use ${place}: its server is PostgreSQL ${Math.floor(facts.version / 100) / 100}`,
      { hint: "PostgreSQL 11 is the oldest that works; Synapse itself asks for a later one." },
    );
  }
  if (!checksSchema) return;
  if (facts.encoding !== "UTF8") {
    throw new SchemaError(`Cannot use ${place}: its encoding is ${facts.encoding}, not UTF8`, {
      hint: "Synapse's documentation (postgres.md) says how to make its database with UTF8.",
    });
  }
  const [harmful] = facts.harmful.split(" ").filter(Boolean);
  if (harmful !== undefined) {
    throw new SchemaError(`Cannot use ${place}: ${harmful} is on, which hides rows that are damaged`, {
      hint:
        `Find out who set it: SELECT source, sourcefile FROM pg_settings WHERE name = '${harmful}'; then turn it off.`,
    });
  }
  if (facts.replication_role === "replica") {
    throw new SchemaError(
      `Cannot use ${place}: session_replication_role is replica, so that its triggers do not fire`,
      {
        hint: "It is set for this user or this database: connect as Synapse does.",
      },
    );
  }
}
