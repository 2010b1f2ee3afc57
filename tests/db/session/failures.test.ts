import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { toCompressorError } from "../../../src/db/session/failures.ts";
import { parseTarget } from "../../../src/db/target/target.ts";
import { CompressorError, ConflictError, ConnectionError } from "../../../src/errors.ts";
import { testDatabase, testRole } from "../../support/database.ts";
import { testServer } from "../../support/postgres.ts";
import { startPostgres } from "../../../scripts/postgres.ts";

/** Every way in which a session runs a statement. */
const WAYS: Readonly<Record<string, (session: Session, select: string) => Promise<unknown>>> = {
  "a query": (session, select) => session.sql.unsafe(select).execute(),
  "a query with parameters": (session, select) => session.sql.unsafe(`${select} LIMIT $1`, [1_000_000_000]).execute(),
  "a prepared query": (session, select) => session.sql.unsafe(select, [], { prepare: true }).execute(),
  "several in one message": (session, select) => session.sql.unsafe(`SELECT 1; ${select}`).simple().execute(),
  "COPY": (session, select) => session.copyOut(`COPY (${select}) TO STDOUT (FORMAT binary)`, () => {}),
  "a transaction": (session, select) => session.transaction("", async () => await session.sql.unsafe(select)),
};

async function caught(work: Promise<unknown>): Promise<CompressorError> {
  const error = await work.then(() => undefined, (error) => error);
  ok(error instanceof CompressorError, `${error}`);
  return error;
}

/** Runs a SELECT that fails in every way; each error is typed, names the database and has the SQLSTATE and a hint. */
async function refusesAll(
  session: Session,
  select: string,
  code: string,
  message: RegExp,
  hint: RegExp,
): Promise<void> {
  for (const [way, run] of Object.entries(WAYS)) {
    const error = await caught(run(session, select));
    ok(error.message.startsWith('Cannot work on database "') && error.message.endsWith(`(SQLSTATE ${code})`), way);
    deepStrictEqual([error.code, message.test(error.message)], [code, true], `${way}: ${error.message}`);
    ok(hint.test(error.hint ?? ""), `${way}: ${error.hint}`);
    const [row] = await session.sql`SELECT 1 AS one`;
    strictEqual(row!["one"], 1, `${way}: the session goes on`);
  }
}

Deno.test("Session rejects with a typed error where a privilege is missing, whichever way the statement takes", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  await using session = await connect(role.url, { checkSchema: false });
  await refusesAll(
    session,
    "SELECT * FROM state_group_edges",
    "42501",
    /permission denied for table state_group_edges/,
    new RegExp(`GRANT SELECT, INSERT, UPDATE, DELETE ON state_group_edges TO "${role.name}"`),
  );
});

Deno.test("Session rejects with a typed error where a statement takes too long", async () => {
  await using session = await connect(testServer(), { checkSchema: false, statementTimeoutMs: 50 });
  await refusesAll(
    session,
    "SELECT pg_sleep(60) FROM generate_series(1, 2)",
    "57014",
    /statement timeout/,
    /statement_timeout/,
  );
});

Deno.test("Session rejects with a typed error where temp_file_limit is reached", async () => {
  await using session = await connect(testServer(), { checkSchema: false });
  await session.sql`SET temp_file_limit = 0`;
  await session.sql`SET work_mem = '64kB'`;
  await refusesAll(
    session,
    "SELECT g, repeat('x', 100) FROM generate_series(1, 20000) AS g ORDER BY g DESC",
    "53400",
    /temp_file_limit/,
    /ALTER ROLE .* SET temp_file_limit/,
  );
});

Deno.test({
  name: "Session rejects with a typed error where the server's disk is full",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = await startPostgres({ say: () => {} });
    await using session = await connect(server.url, { checkSchema: false });
    await session.sql`SET work_mem = '64kB'`;
    const [row] = await session.sql`SELECT pg_backend_pid() AS pid, current_setting('data_directory') AS folder`;
    // The files that this back end will sort in, by their names to come: on a device that is always full.
    const folder = `${row!["folder"]}/base/pgsql_tmp`;
    await Deno.mkdir(folder, { recursive: true });
    const owner = await Deno.stat(row!["folder"]);
    if (Deno.uid() === 0) await Deno.chown(folder, owner.uid, owner.gid);
    for (let n = 0; n < 40; n++) await Deno.symlink("/dev/full", `${folder}/pgsql_tmp${row!["pid"]}.${n}`);
    await refusesAll(
      session,
      "SELECT g, repeat('x', 100) FROM generate_series(1, 20000) AS g ORDER BY g DESC",
      "53100",
      /No space left on device/,
      /disk is full/,
    );
  },
});

Deno.test("Session rejects with a typed error where a COMMIT is refused", async () => {
  await using session = await connect(testServer(), { checkSchema: false });
  const work = session.transaction("", async () => {
    await session.sql`CREATE TEMPORARY TABLE checked (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`;
    await session.sql`INSERT INTO checked VALUES (1), (1)`;
  });
  const error = await caught(work);
  deepStrictEqual([error.code, /SQLSTATE 23505/.test(error.message)], ["23505", true]);
});

Deno.test("Session tells conflicts from failures", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { lockTimeoutMs: 100 });
  await db.sql.begin(async (sql) => {
    await sql`LOCK TABLE state_groups`;
    const error = await caught(session.sql`SELECT * FROM state_groups`.execute());
    ok(error instanceof ConflictError && error.code === "55P03" && /55P03/.test(error.message), error.message);
  });
});

Deno.test("toCompressorError() leaves alone what is not the server's", () => {
  const target = parseTarget("postgresql://u@h/d");
  const bug = new TypeError("ours");
  strictEqual(toCompressorError(bug, target), bug);
  ok(toCompressorError(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }), target) instanceof ConnectionError);
});
