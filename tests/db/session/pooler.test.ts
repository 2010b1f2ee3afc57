/** Through a real PgBouncer, in each of its modes. It is a file of its own: whoever has no PgBouncer can leave it out. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { connect } from "../../../src/db/session/connect.ts";
import { findSharing } from "../../../src/db/session/pooler.ts";
import { CompressorError, SchemaError } from "../../../src/errors.ts";
import { compressRoom } from "../../../src/jobs/room.ts";
import { biggestRoom, testDatabase } from "../../support/database.ts";
import { startPgBouncer } from "../../support/pgbouncer.ts";
import { testServer } from "../../support/postgres.ts";
import { fullStates } from "../../support/states.ts";

async function failure(work: Promise<unknown>): Promise<CompressorError> {
  const error = await work.then(() => undefined, (error) => error);
  ok(error instanceof CompressorError, `${error}`);
  return error;
}

for (const pool_mode of ["transaction", "statement"]) {
  for (
    const [name, settings] of [
      ["", {}],
      [" with one server connection", { default_pool_size: "1" }],
      [" that takes them in turn", { server_round_robin: "1", min_pool_size: "3" }],
      [" that resets after each", { server_reset_query_always: "1" }],
    ] as const
  ) {
    Deno.test(`connect() refuses a pooler in ${pool_mode} mode${name}, to read and to write, and sets nothing there`, async () => {
      await using db = await testDatabase();
      await using pooler = await startPgBouncer(testServer(), { pool_mode, ...settings });
      const other = postgres(pooler.url(db.name), { max: 3, prepare: false, fetch_types: false });
      try {
        await Promise.all([1, 2, 3].map(() => other`SELECT pg_sleep(0.1)`));
        for (const readOnly of [true, false]) {
          const error = await failure(connect(pooler.url(db.name), { readOnly }));
          ok(error instanceof SchemaError && /shares its sessions between clients/.test(error.message), error.message);
          ok(/pool_mode=session/.test(error.hint!) && /own port/.test(error.hint!), error.hint);
        }
        const rows = await Promise.all(
          [1, 2, 3].map(() =>
            other`SELECT current_setting('row_security') AS rls, current_setting('default_transaction_read_only') AS ro,
            pg_sleep(0.1)`
          ),
        );
        for (const [row] of rows) deepStrictEqual([row!["rls"], row!["ro"]], ["on", "off"]);
      } finally {
        await other.end({ timeout: 1 });
      }
    });
  }
}

Deno.test("connect() refuses a pooler in transaction mode beside clients that keep its server connections busy", async () => {
  await using db = await testDatabase();
  await using pooler = await startPgBouncer(testServer(), { pool_mode: "transaction", default_pool_size: "4" });
  const others = postgres(pooler.url(db.name), { max: 8, prepare: false, fetch_types: false });
  let isOver = false;
  const busy = Promise.all(Array.from({ length: 8 }, async () => {
    while (!isOver) await others`SELECT pg_sleep(random() * 0.002)`;
  }));
  try {
    for (let n = 0; n < 20; n++) {
      const error = await failure(connect(pooler.url(db.name)));
      ok(/shares its sessions between clients/.test(error.message), error.message);
    }
  } finally {
    isOver = true;
    await busy;
    await others.end({ timeout: 1 });
  }
});

Deno.test("connect() takes a pooler in session mode for reading and writing, and leaves no setting behind", async () => {
  await using db = await testDatabase({ fixture: true });
  // Two connections are asked for: one to work on, one to find out by. No reset: what is left would be seen.
  await using pooler = await startPgBouncer(testServer(), {
    pool_mode: "session",
    default_pool_size: "2",
    server_reset_query: "",
  });
  const roomId = await biggestRoom(db);
  const before = await fullStates(db.sql);
  {
    await using session = await connect(pooler.url(db.name), { readOnly: true });
    strictEqual((await compressRoom(session, { roomId })).outcome, "planned");
    const error = await failure(session.sql`DELETE FROM state_groups`.execute());
    strictEqual(error.code, "25006");
  }
  {
    await using session = await connect(pooler.url(db.name));
    strictEqual((await compressRoom(session, { roomId, commit: true })).outcome, "written");
  }
  deepStrictEqual(await fullStates(db.sql), before);
  const other = postgres(pooler.url(db.name), { max: 2, fetch_types: false });
  try {
    for (
      const [row] of await Promise.all(
        [1, 2].map(() => other`SELECT current_setting('row_security') AS rls, pg_sleep(0.1)`),
      )
    ) {
      strictEqual(row!["rls"], "on");
    }
  } finally {
    await other.end({ timeout: 1 });
  }
});

Deno.test("connect() works through a session mode pool that has one place, and sees the very tables, not a stranger's temporary ones", async () => {
  await using db = await testDatabase();
  await using pooler = await startPgBouncer(testServer(), {
    pool_mode: "session",
    default_pool_size: "1",
    server_reset_query: "",
  });
  await db.sql`INSERT INTO state_groups VALUES (7, '!r', '$e')`;
  const stranger = postgres(pooler.url(db.name), { max: 1, fetch_types: false, onnotice: () => {} });
  await stranger`CREATE TEMPORARY TABLE state_groups (id bigint, room_id text, event_id text)`;
  await stranger.end();
  await using session = await connect(pooler.url(db.name));
  const rows = await session.sql`SELECT id FROM state_groups`;
  deepStrictEqual(rows.map(({ id }) => id), [7]);
});

Deno.test("connect() says that PgBouncer refuses a start-up parameter, and which way is left", async () => {
  await using db = await testDatabase();
  await using pooler = await startPgBouncer(testServer(), { pool_mode: "session" });
  const { message, hint } = await failure(connect(`${pooler.url(db.name)}?options=-csearch_path%3Dpublic`));
  ok(/unsupported startup parameter/.test(message), message);
  ok(/ALTER ROLE .* SET/.test(hint!), hint);
});

Deno.test("findSharing() does not take a session for its own where there is no second client to find out by", async () => {
  const backend = { pid: 1, port: null };
  const cause = new Error("no more connections allowed");
  const sharing = await findSharing(backend, () => Promise.resolve(backend), () => Promise.reject(cause));
  deepStrictEqual(sharing, { unknown: cause });
});
