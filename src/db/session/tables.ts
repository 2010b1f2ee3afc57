/**
 * Whether Synapse's state tables are what they seem: plain tables in one schema, of which this session sees every row and whose
 * rows nothing rewrites. A compressor that reads half of a room's rows would write a wrong state, so whatever could hide or
 * change rows is refused before the first of them is read. Knows PostgreSQL's catalogs; one statement, and what to say of
 * its rows.
 *
 * Allowed are triggers that fire AFTER a row or for a whole statement (replication by triggers, audits): they cannot change
 * the row, and the writer counts what stands before it commits. Refused are those that come between: BEFORE each row, and
 * deferred to the COMMIT, which is after the count. Disabled ones, and those for replicas only, do not fire here. Foreign
 * keys, unlogged tables, other tablespaces and further columns do no harm.
 */

import { SchemaError } from "../../errors.ts";

/** The tables and the columns that are read or written, with their types. */
const TABLES: ReadonlyMap<string, ReadonlyMap<string, "bigint" | "text">> = new Map([
  ["state_groups", new Map([["id", "bigint"], ["room_id", "text"], ["event_id", "text"]])],
  [
    "state_groups_state",
    new Map([["state_group", "bigint"], ["room_id", "text"], ["type", "text"], ["state_key", "text"], [
      "event_id",
      "text",
    ]]),
  ],
  ["state_group_edges", new Map([["state_group", "bigint"], ["prev_state_group", "bigint"]])],
  [
    "state_groups_pending_deletion",
    new Map([["sequence_number", "bigint"], ["state_group", "bigint"], ["insertion_ts", "bigint"]]),
  ],
]);

/** Tables that are only read, and only to see whether a group is in use: where they are, they must show all of their rows. */
const OF_USES: typeof TABLES = new Map([
  ["event_to_state_groups", new Map([["event_id", "text"], ["state_group", "bigint"]])],
  ["state_groups_persisting", new Map([["state_group", "bigint"]])],
]);

/** Came with Synapse's schema 89. */
export const PENDING = "state_groups_pending_deletion";

/** Varying characters are read, compared and indexed as text is; Synapse had them once. */
const ALIKE: Readonly<Record<"bigint" | "text", readonly string[]>> = {
  bigint: ["bigint"],
  text: ["text", "character varying"],
};

const KINDS = new Map([
  ["v", "a view"],
  ["m", "a materialized view"],
  ["f", "a foreign table"],
  ["p", "a partitioned table"],
]);

const NAMES = [...TABLES.keys(), ...OF_USES.keys()].map((name) => `'${name}'`).join(", ");

/** Whether a rule or a trigger fires in this session. */
const fires = (enabled: string) =>
  `CASE WHEN current_setting('session_replication_role') = 'replica' THEN ${enabled} IN ('R', 'A') ELSE ${enabled} IN ('O', 'A') END`;

/**
 * A {@linkcode FoundTable} for whatever has one of the tables' names, in any schema but a temporary one: none of ours is
 * temporary, and {@linkcode PIN_STATEMENT} keeps those of other people out. Bits of tgtype: 1 for each row, 2 before, 64 instead.
 */
export const TABLES_STATEMENT = `SELECT c.relname::text AS name, n.nspname::text AS schema, c.relkind::text AS kind,
    array_position(current_schemas(false), n.nspname) AS place, current_user::text AS role,
    EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS has_children, row_security_active(c.oid) AS is_filtered,
    has_table_privilege(c.oid, 'SELECT') AS is_readable,
    (SELECT min(rulename)::text FROM pg_rewrite WHERE ev_class = c.oid AND ${fires("ev_enabled")}) AS rule,
    (SELECT min(tgname)::text FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND ${fires("tgenabled")}
      AND (tgtype & 3 = 3 OR tgtype & 64 <> 0 OR tgdeferrable)) AS trigger,
    (SELECT json_object_agg(a.attname, format_type(a.atttypid, NULL)
        || CASE WHEN to_jsonb(k) ->> 'collisdeterministic' = 'false' THEN ' with a nondeterministic collation' ELSE '' END)
      FROM pg_attribute AS a LEFT JOIN pg_collation AS k ON k.oid = a.attcollation
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relname IN (${NAMES}) AND n.nspname !~ '^pg_(toast_)?temp_'
  ORDER BY place NULLS LAST, name`;

/**
 * Puts the schema of the first state_groups first in the search path, and the session's temporary tables, which would come
 * before everything, last. So every statement works on the tables that were checked.
 */
export const PIN_STATEMENT =
  `SELECT set_config('search_path', array_to_string(quote_ident(first.nspname::text) || ARRAY(
      SELECT quote_ident(other::text) FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (other, place)
      WHERE other <> first.nspname AND left(other::text, 3) <> 'pg_' ORDER BY place) || 'pg_temp'::text, ', '), false)
  FROM (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = 'state_groups' AND n.nspname = ANY (current_schemas(false)) AND left(n.nspname::text, 3) <> 'pg_'
    ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1) AS first`;

/** What has the name of one of the tables. */
export interface FoundTable {
  readonly name: string;
  readonly schema: string;
  /** pg_class.relkind: `r` is a plain table. */
  readonly kind: string;
  /** Where its schema is in the search path, from 1 on; null where it is not in it. */
  readonly place: number | null;
  readonly role: string;
  /** Whether other tables inherit from it: their rows are read with its own. */
  readonly has_children: boolean;
  /** Whether row-level security hides rows from this role. */
  readonly is_filtered: boolean;
  readonly is_readable: boolean;
  /** The name of a rule that rewrites statements, if there is one. */
  readonly rule: string | null;
  /** The name of a trigger that can change or drop rows, if there is one. */
  readonly trigger: string | null;
  /** The columns' types, as a JSON object; null where there is no column. */
  readonly columns: string | null;
}

/** How to name a table in a statement: with its schema, unless that is public. */
export function tableName(schema: string, name: string): string {
  return schema === "public" ? name : `${quoteIdentifier(schema)}.${name}`;
}

/** A name as SQL has it. */
function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Refuses tables that are not Synapse's, or not safe to work on.
 *
 * @param place names the database in the message
 * @param readOnly whether only to read: then a missing privilege to read is refused here too; a writer names all that it lacks
 * @returns the schema that they are in, and whether PENDING is among them
 * @throws {SchemaError} what is wrong, of which table
 */
export function checkTables(
  found: readonly FoundTable[],
  place: string,
  readOnly: boolean,
): { schema: string; hasPendingDeletion: boolean } {
  const visible = found.filter((table) => table.place !== null && TABLES.has(table.name));
  const refuse = (why: string, hint: string) => new SchemaError(`Cannot use ${place}: ${why}`, { hint });
  for (const name of TABLES.keys()) {
    if (name === PENDING || visible.some((table) => table.name === name)) continue;
    const elsewhere = found.find((table) => table.name === name && table.kind === "r");
    throw refuse(
      `it has no table ${name}`,
      elsewhere === undefined
        ? "Is it Synapse's database? Where homeserver.yaml has `databases:`, it is the one whose data_stores have `state`."
        : `There is one in schema "${elsewhere.schema}", which ${elsewhere.role}'s search_path does not have: ` +
          pathHint(elsewhere),
    );
  }
  const schema = visible[0]!.schema;
  const twin = visible.find(({ name }) => visible.filter((other) => other.name === name).length > 1);
  if (twin !== undefined) {
    const twins = visible.filter(({ name }) => name === twin.name);
    throw refuse(
      `it has ${twin.name} in several schemas of the search path: ${
        twins.map((each) => `"${each.schema}"`).join(", ")
      }`,
      `Leave only the one that Synapse uses. If that is "${twins.at(-1)!.schema}": ${pathHint(twins.at(-1)!)}`,
    );
  }
  const stray = visible.find((table) => table.schema !== schema);
  if (stray !== undefined) {
    throw refuse(
      `its tables are in different schemas: ${visible[0]!.name} in "${schema}", ${stray.name} in "${stray.schema}"`,
      `Leave only the one that Synapse uses. If that is "${stray.schema}": ${pathHint(stray)}`,
    );
  }
  for (const table of visible) checkTable(table, TABLES.get(table.name)!, refuse, readOnly);
  return { schema, hasPendingDeletion: visible.some(({ name }) => name === PENDING) };
}

/**
 * Refuses those of the tables that say which groups are in use, where they do not show all of their rows: a group whose use
 * is hidden would be taken for unused.
 *
 * @throws {SchemaError} what is wrong, of which table
 */
export function checkTablesOfUses(found: readonly FoundTable[], place: string): void {
  const refuse = (why: string, hint: string) => new SchemaError(`Cannot use ${place}: ${why}`, { hint });
  for (const [name, columns] of OF_USES) {
    const table = found.find((each) => each.name === name && each.place !== null);
    if (table === undefined) continue;
    // Never written to: what only matters to writers does not count, and a partitioned table shows its rows.
    const kind = table.kind === "p" ? "r" : table.kind;
    checkTable({ ...table, kind, has_children: false, rule: null, trigger: null }, columns, refuse, false);
  }
}

function pathHint({ role, schema }: FoundTable): string {
  return `ALTER ROLE ${quoteIdentifier(role)} SET search_path = ${quoteIdentifier(schema)}; ` +
    `or, for this program alone, PGOPTIONS='-c search_path=${quoteIdentifier(schema)}'`;
}

function checkTable(
  table: FoundTable,
  columns: ReadonlyMap<string, "bigint" | "text">,
  refuse: (why: string, hint: string) => SchemaError,
  readOnly: boolean,
): void {
  const { name, schema, kind } = table;
  const sqlName = tableName(schema, name);
  if (kind !== "r") {
    throw refuse(
      `${name} is ${KINDS.get(kind) ?? "not a table"}, not a plain table`,
      "Connect to the database that Synapse writes to, and give this user the search_path that Synapse's has.",
    );
  }
  if (table.has_children) {
    throw refuse(
      `other tables inherit from ${name}, so that their rows would be read and deleted with its own`,
      `Name them: SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '${sqlName}'::regclass; ` +
        `and part with each: ALTER TABLE child NO INHERIT ${sqlName};`,
    );
  }
  if (table.is_filtered) {
    throw refuse(
      `row-level security hides rows of ${name} from user "${table.role}"`,
      `Connect as Synapse's own user, or, as a superuser: ALTER ROLE ${quoteIdentifier(table.role)} BYPASSRLS;`,
    );
  }
  if (table.rule !== null) {
    throw refuse(
      `the rule ${quoteIdentifier(table.rule)} rewrites statements on ${name}`,
      `Disable it while this program runs: ALTER TABLE ${sqlName} DISABLE RULE ${quoteIdentifier(table.rule)};`,
    );
  }
  if (table.trigger !== null) {
    throw refuse(
      `the trigger ${quoteIdentifier(table.trigger)} can change or drop rows of ${name} as they are written`,
      `Disable it while this program runs: ALTER TABLE ${sqlName} DISABLE TRIGGER ${quoteIdentifier(table.trigger)};`,
    );
  }
  const types = new Map<string, string>(Object.entries(JSON.parse(table.columns ?? "{}")));
  for (const [column, type] of columns) {
    const actual = types.get(column);
    if (actual !== undefined && ALIKE[type].includes(actual)) continue;
    throw refuse(
      actual === undefined ? `${name} has no column ${column}` : `${name}.${column} is ${actual}, not ${type}`,
      "Is it Synapse's database? Let Synapse bring its schema up to date: start it once.",
    );
  }
  if (readOnly && !table.is_readable) {
    throw refuse(
      `user "${table.role}" may not read ${name}`,
      `Connect as Synapse's own user, or run as the tables' owner: GRANT SELECT ON ${
        [...TABLES.keys()].map((each) => tableName(schema, each)).join(", ")
      } TO ${quoteIdentifier(table.role)};`,
    );
  }
}
