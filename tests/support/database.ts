/**
 * A database of its own for a test: `await using db = await testDatabase()`. It is cloned from a template that holds Synapse's
 * real state tables, and dropped on dispose. Hides how templates are made: once a server, by whichever test process
 * comes first, under an advisory lock; named after what is in them, so that a kept server never serves an old one. A clone
 * costs some 30 ms.
 */
import postgres, { type Sql } from "postgres";
import { loadDump, readGzip } from "../../scripts/dump.ts";
import { bloat, type BloatOptions } from "./bloat.ts";
import { testServer, withDatabase } from "./postgres.ts";

/** A test's database. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** A client of this database whose `bigint` values come back as numbers. */
  readonly sql: TestSql;
}

/** Ids in tests stay below 2^53, so that numbers hold them. */
export type TestSql = Sql<{ bigint: number }>;

/** What a test's database holds. */
export interface TestDatabaseOptions {
  /** Whether it holds the nine rooms of fixtures/synapse.sql.gz. @default false */
  readonly fixture?: boolean;
  /** With the fixture, what of the same server's main database fixtures/events.sql.gz holds. @default false */
  readonly events?: boolean;
  /** Whether state_groups_state has lost most of its rows, and how many. @default it is as it was filled */
  readonly bloat?: BloatOptions;
  /** Whether it has the two tables of schema 89. @default true */
  readonly pendingDeletion?: boolean;
  /** The server to make it on. @default the one that all tests share */
  readonly server?: string;
}

const SCHEMA = new URL("schema.sql", import.meta.url);
const PENDING = new URL("schema-pending.sql", import.meta.url);
const FIXTURE = new URL("../fixtures/synapse.sql.gz", import.meta.url);
const EVENTS = new URL("../fixtures/events.sql.gz", import.meta.url);
/** Any number, the same in all test processes. */
const TEMPLATE_LOCK = 7_305_101;

/** Makes a database. */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = options.server ?? testServer();
  const name = `scs_test_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = client(server);
  try {
    const template = await ensureTemplate(server, admin, options);
    await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  } finally {
    await admin.end();
  }

  const url = withDatabase(server, name);
  const sql = client(url);
  return {
    url,
    name,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await using owner = disposable(client(server));
      await dropDatabase(owner.sql, name);
    },
  };
}

/** The room with the most groups. */
export async function biggestRoom({ sql }: TestDatabase): Promise<string> {
  const [row] = await sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`;
  return row!["room_id"];
}

/** Which groups of the fixture's rooms get another predecessor by `work`, ascending: it is done to a database that is dropped then. */
export async function movedGroups(roomId: string, work: (db: TestDatabase) => Promise<unknown>): Promise<number[]> {
  await using db = await testDatabase({ fixture: true });
  const edges = () =>
    db.sql`SELECT g.id || ' ' || coalesce(e.prev_state_group, -1) AS edge FROM state_groups AS g
    LEFT JOIN state_group_edges AS e ON e.state_group = g.id WHERE g.room_id = ${roomId} ORDER BY g.id`;
  const before = new Set((await edges()).map(({ edge }) => edge));
  await work(db);
  return (await edges()).filter(({ edge }) => !before.has(edge)).map(({ edge }) => Number(edge.split(" ")[0]));
}

/** A role of the test's own, without any privilege, dropped on dispose. */
export async function testRole(db: TestDatabase): Promise<{ name: string; url: string } & AsyncDisposable> {
  const name = `scs_role_${crypto.randomUUID().replaceAll("-", "")}`;
  await db.sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
  const url = new URL(db.url);
  url.username = name;
  url.password = "secret";
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await db.sql.unsafe(`DROP OWNED BY ${name}`);
      await db.sql.unsafe(`DROP ROLE ${name}`);
    },
  };
}

/** The name of the template that has what `options` ask for, made now if nobody has. */
async function ensureTemplate(server: string, admin: Sql, options: TestDatabaseOptions): Promise<string> {
  const files = [SCHEMA];
  if (options.pendingDeletion ?? true) files.push(PENDING);
  if (options.fixture) files.push(FIXTURE);
  if (options.events) files.push(EVENTS);
  const name = `scs_template_${await digest(files, options.bloat && JSON.stringify(options.bloat))}`;
  if (await exists(admin, name)) return name;

  await using session = disposable(client(server, 1));
  await session.sql`SELECT pg_advisory_lock(${TEMPLATE_LOCK})`;
  if (await exists(session.sql, name)) return name;
  // Built under another name, so that a template which exists is complete.
  const building = `${name}_building`;
  await dropDatabase(session.sql, building);
  await session.sql.unsafe(`CREATE DATABASE ${building} TEMPLATE template0`);
  {
    await using database = disposable(client(withDatabase(server, building), 1));
    for (const file of files.filter(({ pathname }) => pathname.endsWith(".sql"))) {
      await database.sql.unsafe(await Deno.readTextFile(file));
    }
    if (options.fixture) await loadFixture(database.sql);
    if (options.events) await loadEvents(database.sql);
    if (options.bloat) await bloat(database.sql as unknown as TestSql, options.bloat);
  }
  await session.sql.unsafe(`ALTER DATABASE ${building} RENAME TO ${name}`);
  return name;
}

/** The dump's rows into tables that are there already; the other tables as Synapse would have filled them. */
async function loadFixture(sql: Sql): Promise<void> {
  const dump = await readGzip(FIXTURE);
  await loadDump(sql, dump, (statement) => statement.startsWith("COPY "));
  await sql`INSERT INTO event_to_state_groups (event_id, state_group) SELECT event_id, id FROM state_groups
            ON CONFLICT DO NOTHING`;
  await sql`SELECT setval('state_group_id_seq', (SELECT max(id) FROM state_groups))`;
  await sql`ANALYZE`;
}

/** The main database's tables as they were, in place of those that the schema made. */
async function loadEvents(sql: Sql): Promise<void> {
  await sql`DROP TABLE event_to_state_groups`;
  await sql`DROP TABLE IF EXISTS state_groups_pending_deletion, state_groups_persisting`;
  const dump = await readGzip(EVENTS);
  await loadDump(sql, dump, (statement) => !/OWNER TO|set_config|^SET /.test(statement));
  await sql`ANALYZE`;
}

/**
 * Waits, at most half a minute, until a session of this database waits for a lock. Returns whether one does: with a child
 * given, the wait also ends when that has ended.
 */
export async function untilWaiting({ sql }: TestDatabase, child?: Deno.ChildProcess): Promise<boolean> {
  let hasEnded = false;
  child?.status.then(() => hasEnded = true);
  for (const end = Date.now() + 30_000; !hasEnded;) {
    const waiting =
      await sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if (waiting.length > 0) return true;
    if (Date.now() > end) throw new Error("nobody waits for a lock");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** Drops a database, whoever is still connected. WITH (FORCE) would do that from PostgreSQL 13 on only. */
export async function dropDatabase(
  sql: { unsafe(text: string, parameters?: string[]): PromiseLike<unknown> },
  name: string,
): Promise<void> {
  await sql.unsafe("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
  await sql.unsafe(`DROP DATABASE IF EXISTS ${name}`);
}

async function exists(sql: Sql, database: string): Promise<boolean> {
  return (await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`).length > 0;
}

async function digest(files: readonly URL[], more = ""): Promise<string> {
  const contents = [...await Promise.all(files.map((file) => Deno.readFile(file))), more];
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(contents).arrayBuffer());
  return new Uint8Array(hash).slice(0, 8).toHex();
}

function client(url: string, max = 4): TestSql {
  return postgres(url, {
    max,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
}

function disposable<T extends Sql<{ bigint: number }>>(sql: T): { sql: T } & AsyncDisposable {
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}
