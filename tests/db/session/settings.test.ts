import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { connect } from "../../../src/db/session/connect.ts";
import { compressRoom } from "../../../src/jobs/room.ts";
import { biggestRoom, type TestDatabase, testDatabase, testRole } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { loadRoom } from "../../../src/db/read/load.ts";

/** What a role's settings can do to a session, and what they are to be. Times are as pg_settings has them, in ms. */
const BAD: Readonly<Record<string, readonly [bad: string, right: string]>> = {
  statement_timeout: ["2000", "0"],
  lock_timeout: ["1", "0"],
  idle_in_transaction_session_timeout: ["1000", "0"],
  idle_session_timeout: ["5000", "0"],
  transaction_timeout: ["2000", "0"],
  temp_file_limit: ["0", "-1"],
  row_security: ["on", "off"],
  default_transaction_isolation: ["serializable", "read committed"],
  default_transaction_deferrable: ["on", "off"],
  exit_on_error: ["on", "off"],
  enable_indexscan: ["off", "on"],
  enable_indexonlyscan: ["off", "on"],
  enable_bitmapscan: ["off", "on"],
  enable_nestloop: ["off", "on"],
  enable_sort: ["off", "on"],
  enable_hashagg: ["off", "on"],
  enable_partitionwise_join: ["on", "off"],
  jit: ["on", "off"],
  plan_cache_mode: ["force_generic_plan", "auto"],
  from_collapse_limit: ["1", "8"],
  join_collapse_limit: ["1", "8"],
  client_encoding: ["LATIN1", "UTF8"],
  standard_conforming_strings: ["off", "on"],
  array_nulls: ["off", "on"],
  extra_float_digits: ["-15", "3"],
  bytea_output: ["escape", "hex"],
  DateStyle: ["SQL, DMY", "ISO, MDY"],
  IntervalStyle: ["iso_8601", "postgres"],
};

/** A superuser, so that those settings are tried too which only superusers have a say in, with all that is bad for us. */
async function spoiltRole(db: TestDatabase) {
  const role = await testRole(db);
  const known = await db.sql`SELECT name FROM pg_settings`;
  const names = Object.keys(BAD).filter((name) => known.some((row) => row["name"] === name));
  await db.sql.unsafe(
    `ALTER ROLE ${role.name} SUPERUSER; ${
      names.map((name) => `ALTER ROLE ${role.name} SET ${name} = ${BAD[name]![0].replace(/.*/s, "'$&'")}`).join(";")
    }; ALTER ROLE ${role.name} SET DateStyle = SQL, DMY; ALTER ROLE ${role.name} SET search_path = pg_catalog, public`,
  )
    .simple();
  return { ...role, names };
}

Deno.test("connect() sets what the work needs, whatever the role's own settings are", async () => {
  await using db = await testDatabase({ fixture: true });
  const role = await spoiltRole(db);
  try {
    await using session = await connect(role.url);
    const rows = await session.sql`SELECT name, setting FROM pg_settings`;
    const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
    deepStrictEqual(
      role.names.map((name) => [name, settings.get(name)]),
      role.names.map((name) => [name, BAD[name]![1]]),
    );
    strictEqual(settings.get("search_path"), "public, pg_temp");
    ok(role.names.length >= Object.keys(BAD).length - 3);
  } finally {
    await role[Symbol.asyncDispose]();
  }
});

Deno.test("loadRoom() and compressRoom() with commit work under a role's worst settings", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const before = await fullStates(db.sql);
  await using sound = await connect(db.url);
  const expected = await loadRoom(sound, roomId);
  const role = await spoiltRole(db);
  try {
    await using session = await connect(role.url);
    const loaded = await loadRoom(session, roomId);
    deepStrictEqual(loaded.groupId, expected.groupId);
    deepStrictEqual(loaded.rowCount, expected.rowCount);
    await session.transaction("", async () => {
      // Longer than the limits on statements and transactions, in which the connecting itself had to be done.
      await session.sql`SELECT pg_sleep(1.1)`;
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await session.sql`SELECT pg_sleep(2.1)`;
    });
    const [row] = await session.sql`SELECT count(*)::float8 * 123456.789 AS n FROM generate_series(1, 1000)`;
    strictEqual(row!["n"], 123456789);
    const report = await compressRoom(session, { roomId, commit: true });
    deepStrictEqual([report.outcome, report.skipped], ["written", []]);
  } finally {
    await role[Symbol.asyncDispose]();
  }
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("connect() keeps to the limits that the connection string itself or its caller sets", async () => {
  await using db = await testDatabase();
  const options = encodeURIComponent("-c statement_timeout=60000 -c lock_timeout=7000 -c row_security=on");
  await using session = await connect(`${db.url}?options=${options}`, { lockTimeoutMs: 5000 });
  const [row] = await session.sql`SELECT current_setting('statement_timeout') AS statement,
    current_setting('lock_timeout') AS lock, current_setting('row_security') AS rls`;
  deepStrictEqual([row!["statement"], row!["lock"], row!["rls"]], ["1min", "5s", "off"]);
});

Deno.test("connect() leaves default_transaction_read_only to the role, unless it is only to read", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
  for (const readOnly of [true, false]) {
    await using session = await connect(db.url, { readOnly });
    const [row] = await session.sql`SELECT current_setting('transaction_read_only') AS ro`;
    strictEqual(row!["ro"], "on");
  }
});
