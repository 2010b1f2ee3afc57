import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect, type ConnectOptions } from "../../../src/db/session/connect.ts";
import { SchemaError } from "../../../src/errors.ts";
import { compressRoom } from "../../../src/jobs/room.ts";
import { biggestRoom, type TestDatabase, testDatabase, testRole } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";

async function refusal(url: string, options: ConnectOptions = {}): Promise<SchemaError> {
  const error = await connect(url, options).then(async (session) => await session.close(), (error) => error);
  ok(error instanceof SchemaError, `it connects, or: ${error}`);
  return error;
}

/** What is done to a database, why it is refused, and the statement in the hint that mends it, if one does. */
const CASES: readonly (readonly [name: string, spoil: string, why: RegExp, mend?: RegExp])[] = [
  [
    "a view",
    "ALTER TABLE state_groups_state RENAME TO s; CREATE VIEW state_groups_state AS SELECT * FROM s WHERE room_id <> '!x'",
    /state_groups_state is a view, not a plain table$/,
  ],
  [
    "a materialized view",
    "ALTER TABLE state_group_edges RENAME TO e; CREATE MATERIALIZED VIEW state_group_edges AS SELECT * FROM e",
    /state_group_edges is a materialized view/,
  ],
  [
    "a foreign table",
    `CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; DROP TABLE state_groups;
     CREATE FOREIGN TABLE state_groups (id bigint, room_id text, event_id text) SERVER s`,
    /state_groups is a foreign table/,
  ],
  [
    "a partitioned table",
    "DROP TABLE state_groups; CREATE TABLE state_groups (id bigint, room_id text, event_id text) PARTITION BY HASH (id)",
    /state_groups is a partitioned table/,
  ],
  [
    "a view in place of the marks",
    "DROP TABLE state_groups_pending_deletion; CREATE VIEW state_groups_pending_deletion AS SELECT 1::bigint AS state_group",
    /state_groups_pending_deletion is a view/,
  ],
  [
    "children that inherit",
    "CREATE TABLE child () INHERITS (state_groups_state)",
    /other tables inherit from state_groups_state/,
  ],
  [
    "a rule",
    "CREATE RULE keep AS ON DELETE TO state_groups_state DO INSTEAD NOTHING",
    /the rule keep rewrites statements on state_groups_state$/,
    /ALTER TABLE .* DISABLE RULE .*;/,
  ],
  [
    "a trigger before each row",
    `CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER "Drop it" BEFORE INSERT ON state_group_edges FOR EACH ROW EXECUTE PROCEDURE drop_row()`,
    /the trigger "Drop it" can change or drop rows of state_group_edges/,
    /ALTER TABLE .* DISABLE TRIGGER .*;/,
  ],
  [
    "a built-in trigger that drops updates without a change",
    `CREATE TRIGGER z BEFORE UPDATE ON state_groups FOR EACH ROW EXECUTE PROCEDURE suppress_redundant_updates_trigger()`,
    /the trigger z can change or drop rows of state_groups/,
    /ALTER TABLE .* DISABLE TRIGGER .*;/,
  ],
  [
    "a trigger that waits for the COMMIT",
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE CONSTRAINT TRIGGER late AFTER INSERT ON state_groups_state DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
       EXECUTE PROCEDURE nothing()`,
    /the trigger late can change or drop rows of state_groups_state/,
    /ALTER TABLE .* DISABLE TRIGGER .*;/,
  ],
  ["no such column", "ALTER TABLE state_groups RENAME room_id TO room", /state_groups has no column room_id$/],
  [
    "a narrow number",
    "ALTER TABLE state_group_edges ALTER prev_state_group TYPE int",
    /state_group_edges\.prev_state_group is integer, not bigint$/,
  ],
  ["no table", "DROP TABLE state_group_edges", /it has no table state_group_edges$/],
];

for (const [name, spoil, why, mend] of CASES) {
  Deno.test(`connect() refuses ${name} before the first read`, async () => {
    await using db = await testDatabase();
    (await connect(db.url)).destroy();
    await db.sql.unsafe(spoil).simple();
    const error = await refusal(db.url);
    ok(error.message.startsWith(`Cannot use database "${db.name}" on `) && why.test(error.message), error.message);
    ok(error.hint);
    if (mend === undefined) return;
    await db.sql.unsafe(mend.exec(error.hint)![0]);
    await (await connect(db.url)).close();
  });
}

Deno.test("connect() refuses a text that is compared without case", async () => {
  await using db = await testDatabase();
  const [row] = await db.sql`SELECT current_setting('server_version_num')::int >= 120000 AS can,
    EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS has_icu`;
  // Neither PostgreSQL 11 nor a server without ICU has such collations.
  if (!row!["can"] || !row!["has_icu"]) return;
  await db.sql.unsafe(`CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    ALTER TABLE state_groups_state ALTER state_key TYPE text COLLATE caseless`).simple();
  const { message } = await refusal(db.url);
  ok(/state_groups_state\.state_key is text with a nondeterministic collation, not text$/.test(message), message);
});

/** A role that may do all that is needed. */
async function privileged(db: TestDatabase) {
  const role = await testRole(db);
  await db.sql.unsafe(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role.name}`);
  return role;
}

Deno.test("connect() refuses row-level security that hides rows, and takes it where it hides none", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await privileged(db);
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`ALTER TABLE state_groups_state ENABLE ROW LEVEL SECURITY;
    CREATE POLICY part ON state_groups_state USING (state_group % 2 = 0)`).simple();
  const { message, hint } = await refusal(role.url);
  ok(
    message.endsWith(`: row-level security hides rows of state_groups_state from user "${role.name}"`),
    message,
  );
  // Whoever sees all of them may go on: a superuser, the owner, and who is let past.
  await (await connect(db.url)).close();
  await db.sql.unsafe(/ALTER ROLE .*;/.exec(hint!)![0]);
  const before = await fullStates(db.sql);
  await using session = await connect(role.url);
  strictEqual((await compressRoom(session, { roomId, commit: true })).outcome, "written");
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("Session has the server refuse, where rows are hidden after it was opened", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await privileged(db);
  await using session = await connect(role.url);
  await db.sql.unsafe("ALTER TABLE state_groups_state ENABLE ROW LEVEL SECURITY");
  const error = await session.sql`SELECT count(*) FROM state_groups_state`.then(() => undefined, (error) => error);
  deepStrictEqual([error?.code, /row-level security/.test(error?.message)], ["42501", true]);
});

Deno.test("connect() takes triggers after a row, disabled ones and those for replicas, and the writer's rows stand", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(`CREATE TABLE audit (what text);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (TG_OP); RETURN NULL; END';
    CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER audit AFTER INSERT OR DELETE ON state_groups_state FOR EACH ROW EXECUTE PROCEDURE audit();
    CREATE TRIGGER statement BEFORE DELETE ON state_groups_state FOR EACH STATEMENT EXECUTE PROCEDURE audit();
    CREATE TRIGGER off BEFORE INSERT ON state_groups_state FOR EACH ROW EXECUTE PROCEDURE drop_row();
    ALTER TABLE state_groups_state DISABLE TRIGGER off;
    CREATE TRIGGER replica BEFORE INSERT ON state_groups_state FOR EACH ROW EXECUTE PROCEDURE drop_row();
    ALTER TABLE state_groups_state ENABLE REPLICA TRIGGER replica;
    ALTER TABLE state_group_edges ADD FOREIGN KEY (state_group) REFERENCES state_groups (id);
    ALTER TABLE state_groups_state SET UNLOGGED, ADD COLUMN further int`).simple();
  const before = await fullStates(db.sql);
  await using session = await connect(db.url);
  const report = await compressRoom(session, { roomId: await biggestRoom(db), commit: true });
  deepStrictEqual([report.outcome, report.skipped], ["written", []]);
  deepStrictEqual(await fullStates(db.sql), before);
  const [row] = await db.sql`SELECT count(*) FROM audit`;
  ok(row!["count"] > 0);
});

Deno.test("connect() refuses a trigger for replicas in a session that counts as one", async () => {
  await using db = await testDatabase();
  await using role = await privileged(db);
  await db.sql.unsafe(`ALTER ROLE ${role.name} SET session_replication_role = replica`);
  const { message } = await refusal(role.url);
  ok(/session_replication_role is replica/.test(message), message);
  // A superuser's is put right.
  await db.sql.unsafe(`ALTER DATABASE ${db.name} SET session_replication_role = replica`);
  await using session = await connect(db.url);
  const [row] = await session.sql`SELECT current_setting('session_replication_role') AS role`;
  strictEqual(row!["role"], "origin");
});

Deno.test("connect() refuses a server that shows damaged pages as empty ones", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`ALTER DATABASE ${db.name} SET zero_damaged_pages = on`);
  const { message, hint } = await refusal(db.url);
  ok(/zero_damaged_pages is on/.test(message) && /pg_settings/.test(hint!), message);
});

Deno.test("connect() works in any schema of the search path, names it, and keeps to it", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`CREATE SCHEMA "Matrix's"; ALTER TABLE state_groups SET SCHEMA "Matrix's";
    ALTER TABLE state_groups_state SET SCHEMA "Matrix's"; ALTER TABLE state_group_edges SET SCHEMA "Matrix's";
    ALTER TABLE state_groups_pending_deletion SET SCHEMA "Matrix's"`).simple();
  const { message, hint } = await refusal(db.url);
  ok(/it has no table state_groups$/.test(message), message);
  ok(/There is one in schema "Matrix's", which postgres's search_path does not have/.test(hint!), hint);
  // As the hint says, by the environment; or for good.
  const options = /PGOPTIONS='(.*)'$/.exec(hint!)![1]!;
  await (await connect(db.url, { environment: { PGOPTIONS: `-c search_path="Matrix's"` } })).close();
  strictEqual(options, `-c search_path="Matrix's"`);
  await db.sql.unsafe(`ALTER DATABASE ${db.name} SET search_path = public, "Matrix's"`);
  await using session = await connect(db.url);
  deepStrictEqual([session.schema, session.hasPendingDeletion], ["Matrix's", true]);
  const [row] = await session.sql`SELECT current_setting('search_path') AS path, current_schema() AS schema`;
  deepStrictEqual([row!["path"], row!["schema"]], [`"Matrix's", public, pg_temp`, "Matrix's"]);
  strictEqual((await compressRoom(session, { roomId, commit: true })).outcome, "written");
  // A table that comes into an earlier schema, or among the temporary ones, hides nothing any more.
  await db.sql.unsafe('CREATE TABLE public.state_groups (LIKE "Matrix\'s".state_groups)');
  await session.sql`CREATE TEMPORARY TABLE state_groups (id bigint)`;
  strictEqual((await compressRoom(session, { roomId })).groups > 0, true);
});

Deno.test("connect() refuses tables of one name in two schemas of the search path, and those apart", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`CREATE SCHEMA copy; CREATE TABLE copy.state_groups_state (LIKE state_groups_state);
    ALTER DATABASE ${db.name} SET search_path = copy, public`).simple();
  const twice = await refusal(db.url);
  ok(/it has state_groups_state in several schemas of the search path: "copy", "public"$/.test(twice.message));
  ok(/SET search_path = public;/.test(twice.hint!), twice.hint);
  await db.sql.unsafe("DROP TABLE public.state_groups_state");
  const apart = await refusal(db.url);
  ok(/its tables are in different schemas: state_groups_state in "copy"/.test(apart.message), apart.message);
});

Deno.test("connect() to read names the tables that this user may not read, with the GRANT", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  await db.sql.unsafe(`GRANT SELECT ON state_groups, state_groups_state TO ${role.name}`);
  const { message, hint } = await refusal(role.url, { readOnly: true });
  ok(/user "scs_role_\w+" may not read state_group_edges$/.test(message), message);
  await db.sql.unsafe(/GRANT .*;/.exec(hint!)![0]);
  await (await connect(role.url, { readOnly: true })).close();
});
