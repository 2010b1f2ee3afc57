import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { connectError } from "../../../src/db/session/failures.ts";
import { parseTarget } from "../../../src/db/target/target.ts";
import { readInt32, readInt64 } from "../../../src/db/session/copy.ts";
import { CompressorError, ConnectionError, SchemaError } from "../../../src/errors.ts";
import { dropDatabase, testDatabase, testRole } from "../../support/database.ts";
import { testServer, withDatabase } from "../../support/postgres.ts";

const SLOW_COPY = "copy (select generate_series(1, 100000000), repeat('x', 100)) to stdout (format binary)";

async function backend(session: Session): Promise<number> {
  const [row] = await session.sql`select pg_backend_pid() as pid`;
  return row!["pid"] as number;
}

/** Fails, rather than hangs, if `work` is not done within twenty seconds. */
async function promptly<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => timer = setTimeout(() => reject(new Error("it hangs")), 20_000));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function caught(work: Promise<unknown>): Promise<Error> {
  try {
    await promptly(work);
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

Deno.test("connect() opens a session on Synapse's database", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  ok(session.serverVersion >= 110_000);
  strictEqual(session.hasPendingDeletion, true);
  strictEqual(session.lost, undefined);
  await using old = await testDatabase({ pendingDeletion: false });
  await using oldSession = await connect(old.url);
  strictEqual(oldSession.hasPendingDeletion, false);
});

Deno.test("connect() sets the session at its start", async () => {
  await using db = await testDatabase();
  const shown = async (session: Session) => {
    const [row] = await session.sql`
      select current_setting('application_name') as name, current_setting('lock_timeout') as lock,
             current_setting('statement_timeout') as statement, current_setting('default_transaction_read_only') as readonly,
             current_setting('client_encoding') as encoding, current_setting('search_path') as path`;
    return Object.values(row!);
  };
  await using plain = await connect(db.url);
  deepStrictEqual(await shown(plain), ["synapse_compress_state", "0", "0", "off", "UTF8", "public, pg_temp"]);
  await using set = await connect(`${db.url}?application_name=mine&options=-c%20search_path%3Dpublic`, {
    lockTimeoutMs: 500,
    statementTimeoutMs: 7000,
    readOnly: true,
  });
  deepStrictEqual(await shown(set), ["mine", "500ms", "7s", "on", "UTF8", "public, pg_temp"]);
  const error = await caught(set.sql`delete from state_groups`);
  ok(error instanceof CompressorError && /read-only/.test(error.message) && /25006/.test(error.message), error.message);
});

Deno.test("connect() refuses a database that is not Synapse's", async () => {
  const server = testServer();
  const error = await caught(connect(server));
  ok(error instanceof SchemaError && /it has no table state_groups$/.test(error.message), error.message);
  ok(/databases:/.test(error.hint!));
  await using session = await connect(server, { checkSchema: false });
  strictEqual(session.hasPendingDeletion, false);
  const name = `scs_latin_${crypto.randomUUID().replaceAll("-", "")}`;
  await session.sql.unsafe(`create database ${name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0`);
  try {
    {
      await using latin = await connect(withDatabase(server, name), { checkSchema: false });
      await latin.sql.unsafe(
        "create table state_groups (); create table state_groups_state (); create table state_group_edges ()",
      );
    }
    const error = await caught(connect(withDatabase(server, name)));
    ok(error instanceof SchemaError && /encoding is LATIN1/.test(error.message), error.message);
  } finally {
    await dropDatabase(session.sql, name);
  }
});

Deno.test("connect() says why the server lets nobody in, and never the password", async () => {
  const server = testServer();
  const password = decodeURIComponent(new URL(server).password);
  const edited = (edit: (url: URL) => void) => withDatabase(server, "postgres", edit);
  const cases: [string, RegExp, RegExp][] = [
    [edited((url) => url.password = "wr0ng"), /password authentication failed/, /special characters/],
    [edited((url) => url.password = ""), /the server asks for a password, and none was given$/, /PGPASSWORD/],
    [edited((url) => url.username = "no_such_role"), /password authentication failed|does not exist/, /user/],
    [edited((url) => url.pathname = "/no_such_database"), /database "no_such_database" does not exist$/, /psql -l/],
  ];
  for (const [url, message, hint] of cases) {
    const error = await caught(connect(url));
    ok(error instanceof ConnectionError && message.test(error.message) && hint.test(error.hint ?? ""), error.message);
    ok(error.message.startsWith('Cannot connect to database "'));
    const shown = `${error.stack} ${error.hint} ${Deno.inspect(error, { depth: 9 })}`;
    ok(!shown.includes("wr0ng") && !shown.includes(password), shown);
  }
  await using admin = await connect(server, { checkSchema: false });
  ok(!Deno.inspect(admin, { depth: 9 }).includes(password));
});

Deno.test("connect() tells which limit on connections is reached, whatever the server's language", async () => {
  await using db = await testDatabase();
  await using role = await testRole(db);
  await db.sql.unsafe(`ALTER ROLE ${role.name} CONNECTION LIMIT 0`);
  const ofRole = await caught(connect(role.url));
  ok(
    ofRole instanceof ConnectionError && ofRole.code === "53300" &&
      /too many connections for role/.test(ofRole.message),
  );
  ok(ofRole.hint!.includes(`ALTER ROLE "${role.name}" CONNECTION LIMIT -1`), ofRole.hint);
  await db.sql.unsafe(`ALTER ROLE ${role.name} CONNECTION LIMIT -1; ALTER DATABASE ${db.name} CONNECTION LIMIT 0`)
    .simple();
  const ofDatabase = await caught(connect(role.url)) as ConnectionError;
  ok(ofDatabase.hint!.includes(`ALTER DATABASE "${db.name}" CONNECTION LIMIT -1`), ofDatabase.hint);
  const target = parseTarget("postgresql://u@h/d");
  const foreign = (routine: string) =>
    connectError(Object.assign(new Error("zu viele Verbindungen"), { code: "53300", routine }), target);
  deepStrictEqual(
    ["InitializeSessionUserId", "CheckMyDatabase", "InitProcess"].map((routine) =>
      /ALTER \w+|max_connections/.exec((foreign(routine) as ConnectionError).hint!)![0]
    ),
    ["ALTER ROLE", "ALTER DATABASE", "max_connections"],
  );
});

Deno.test("Session.sql reads bigint as a number and sends arrays as they are", async () => {
  await using session = await connect(testServer(), { checkSchema: false });
  const [row] = await session.sql`
    select ${5_000_000_000}::bigint as id, ${[1, 5_000_000_000]}::bigint[] as ids, ${[
    'a"',
    "b\\,{}",
    "",
  ]}::text[] as texts,
           array_length(${[] as number[]}::bigint[], 1) as none`;
  strictEqual(row!["id"], 5_000_000_000);
  deepStrictEqual(row!["ids"], [1, 5_000_000_000]);
  const [again] = await session.sql`select ${['a"', "b\\,{}", ""]}::text[] = array['a"', 'b\\,{}', ''] as same`;
  strictEqual(again!["same"], true);
  const error = await caught(session.sql`select 9007199254740993::bigint`);
  ok(/beyond 2\^53/.test(error.message), error.message);
});

Deno.test("Session.copyOut() reads rows in place, alone, between queries and in a transaction", async () => {
  await using session = await connect(testServer(), { checkSchema: false });
  const rows: [number, string][] = [];
  const read = () =>
    session.copyOut(
      "copy (select 3000000000 + g, repeat('ä', g) from generate_series(0, 2000) g) to stdout (format binary)",
      (bytes, at) => {
        const length = readInt32(bytes, at + 12);
        rows.push([readInt64(bytes, at + 4), new TextDecoder().decode(bytes.subarray(at + 16, at + 16 + length))]);
      },
    );
  const [before, count, after] = await promptly(
    Promise.all([session.sql`select 1 as one`, read(), session.sql`select 2 as two`]),
  );
  deepStrictEqual([before[0]!["one"], count, after[0]!["two"]], [1, 2001, 2]);
  deepStrictEqual(rows, Array.from({ length: 2001 }, (_, g) => [3_000_000_000 + g, "ä".repeat(g)]));

  rows.length = 0;
  await session.transaction("isolation level repeatable read read only", async () => {
    const [{ now }] = await session.sql`select now()::text` as unknown as [{ now: string }];
    strictEqual(await read(), 2001);
    strictEqual(await session.copyOut("copy (select 1 where false) to stdout (format binary)", () => {}), 0);
    const [row] = await session.sql`select now()::text, current_setting('transaction_isolation') as level`;
    deepStrictEqual([row!["now"], row!["level"]], [now, "repeatable read"]);
  });
  await rejects(session.transaction("", () => Promise.reject(new RangeError("work"))), { message: "work" });
  const [row] = await session.sql`select txid_current_if_assigned() is null as idle`;
  strictEqual(row!["idle"], true);
});

Deno.test("Session.copyOut() fails with the server's error and the session goes on", async () => {
  await using session = await connect(testServer(), { checkSchema: false, statementTimeoutMs: 300 });
  for (
    const [query, code] of [
      ["copy (select 1 from nowhere) to stdout (format binary)", "42P01"],
      ["copy (select 1 / (5 - g) from generate_series(1, 9) g) to stdout (format binary)", "22012"],
      [SLOW_COPY, "57014"],
    ] as const
  ) {
    const error = await caught(session.copyOut(query, () => {}));
    ok(error instanceof CompressorError && error.message.includes(`SQLSTATE ${code}`), `${error}`);
    deepStrictEqual([error.code, (error.cause as CompressorError).code], [code, code]);
  }
  for (const query of ["select 1", "copy pg_class from stdin", "copy pg_class to '/nonexistent/x'"]) {
    ok(await caught(session.copyOut(query, () => {})), query);
  }
  const [row] = await session.sql`select 1 as one`;
  strictEqual(row!["one"], 1);
});

Deno.test("Session.copyOut() rejects with what onRow threw, and the connection is gone", async () => {
  const session = await connect(testServer(), { checkSchema: false });
  let calls = 0;
  const error = await caught(session.copyOut(SLOW_COPY, () => {
    if (++calls === 1000) throw new RangeError("enough");
  }));
  deepStrictEqual([error.name, error.message, calls], ["RangeError", "enough", 1000]);
  ok(session.lost instanceof ConnectionError);
  ok(await caught(session.sql`select 1`.execute()) instanceof ConnectionError);
  await promptly(session.close());
});

Deno.test("Session rejects all that waits, and all that comes after, when its backend is terminated", async (t) => {
  await using admin = await connect(testServer(), { checkSchema: false });
  const work: Record<string, (session: Session) => Promise<unknown>> = {
    "a query": (session) => session.sql`select pg_sleep(60)`.execute(),
    "a query with parameters": (session) => session.sql`select pg_sleep(${60})`.execute(),
    "a COPY": (session) => session.copyOut(SLOW_COPY, () => {}),
    "a COPY that has not begun": (session) =>
      session.copyOut("copy (select pg_sleep(60)) to stdout (format binary)", () => {}),
    "a transaction": (session) => session.transaction("", async () => await session.sql`select pg_sleep(60)`),
    "a COPY with queries behind it": async (session) => {
      const results = await Promise.allSettled([
        session.copyOut(SLOW_COPY, () => {}),
        session.sql`select 1`,
        session.sql`select ${1}::int`,
      ]);
      deepStrictEqual(results.map((result) => result.status), ["rejected", "rejected", "rejected"]);
      throw (results[1] as PromiseRejectedResult).reason;
    },
  };
  const sending = new Set(["a COPY", "a COPY with queries behind it"]);
  for (const [name, start] of Object.entries(work)) {
    await t.step(name, async () => {
      const session = await connect(testServer(), { checkSchema: false });
      const pid = await backend(session);
      const started = caught(start(session));
      await new Promise((resolve) => setTimeout(resolve, 150));
      await admin.sql`select pg_terminate_backend(${pid})`;
      const error = await started;
      ok(error instanceof ConnectionError, Deno.inspect(error));
      ok(session.lost instanceof ConnectionError);
      const why = session.lost.message.replace(/^Lost the connection to .* on .*? as .*?: /, "");
      // A server that is stuck in sending rows ends without last words (postgres.c, ProcessClientWriteInterrupt); one that
      // closes with queries unread resets the connection, which may outrun them.
      const isMute = sending.has(name) && /^the server closed the connection$|reset|ECONNRESET|EPIPE/.test(why);
      if (!isMute) strictEqual(why, "terminating connection due to administrator command");
      for (let i = 0; i < 3; i++) {
        const later = await caught(session.sql`select ${i}::int`.execute());
        ok(later instanceof ConnectionError, Deno.inspect(later));
      }
      ok(await caught(session.copyOut(SLOW_COPY, () => {})) instanceof ConnectionError);
      const begin = await caught(session.transaction("", () => Promise.resolve()));
      ok(begin instanceof ConnectionError);
      await promptly(session.close());
    });
  }
  await t.step("nothing", async () => {
    const session = await connect(testServer(), { checkSchema: false });
    await admin.sql`select pg_terminate_backend(${await backend(session)})`;
    while (!session.lost) await new Promise((resolve) => setTimeout(resolve, 10));
    ok(await caught(session.sql`select 1`.execute()) instanceof ConnectionError);
    await promptly(session.close());
  });
});

Deno.test({
  name: "Session.destroy() ends what the server is at, on a server that can tell",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using admin = await connect(testServer(), { checkSchema: false });
    const session = await connect(testServer(), { checkSchema: false });
    if (session.serverVersion < 140_000) return session.destroy();
    const pid = await backend(session);
    const slow = caught(session.sql`select pg_sleep(600)`.execute());
    const isThere = async () => (await admin.sql`select from pg_stat_activity where pid = ${pid}`).length > 0;
    ok(await isThere());
    session.destroy();
    await slow;
    while (await isThere()) await new Promise((resolve) => setTimeout(resolve, 50));
  },
});

Deno.test("Session.close() waits for what is under way; destroy() does not", async () => {
  const session = await connect(testServer(), { checkSchema: false });
  const slow = session.sql`select pg_sleep(0.2), 5 as five`.execute();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await promptly(session.close());
  strictEqual((await slow)[0]!["five"], 5);
  const second = await connect(testServer(), { checkSchema: false });
  const hanging = caught(second.sql`select pg_sleep(3)`.execute());
  await new Promise((resolve) => setTimeout(resolve, 50));
  second.destroy();
  ok((await hanging) instanceof ConnectionError);
  await promptly(second.close());
});
