/** Every command through a real PgBouncer: refused at once where it shares sessions, at work where it does not. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { runProgram, workFolder } from "../support/cli.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { testServer } from "../support/postgres.ts";
import { fullStates } from "../support/states.ts";

/** The commands that talk to a database, but for the service. */
function commands(url: string, roomId: string, folder: string): string[][] {
  return [
    ["auto", "-p", url, "-c", "50", "--workers", "2"],
    ["-p", url, "-r", roomId],
    ["-p", url, "-r", roomId, "-c"],
    ["rooms", "-p", url],
    ["doctor", "-p", url],
    ["graph", "-p", url, "-r", roomId, "--graph-dir", folder],
    ["report", "-p", url, "-r", roomId, "-o", `${folder}/room.html`],
    ["reclaim", "-p", url],
  ];
}

Deno.test("every command refuses a PgBouncer in transaction mode, and `auto --workers 2` leaves nothing open behind it", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  await using pooler = await startPgBouncer(testServer(), { pool_mode: "transaction", default_pool_size: "4" });
  const before = await fullStates(db.sql);
  for (const args of commands(pooler.url(db.name), await biggestRoom(db), folder.path)) {
    const { code, stderr } = await runProgram(args);
    strictEqual(code, 1, `${args}: ${stderr}`);
    ok(/the pooler in front of it shares its sessions between clients/.test(stderr), `${args}: ${stderr}`);
    ok(/hint: Connect to PostgreSQL's own port, or, .*pool_mode=session/.test(stderr), `${args}: ${stderr}`);
  }
  const open = await db
    .sql`SELECT state FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'`;
  deepStrictEqual([...open], []);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("every command works through a PgBouncer in session mode", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  await using pooler = await startPgBouncer(testServer(), { pool_mode: "session", default_pool_size: "6" });
  const before = await fullStates(db.sql);
  for (const args of commands(pooler.url(db.name), await biggestRoom(db), folder.path)) {
    const { code, stderr } = await runProgram(args);
    strictEqual(code, 0, `${args}: ${stderr}`);
  }
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("a command names the schema of Synapse's tables where it is not public", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await db.sql.unsafe(`ALTER SCHEMA public RENAME TO matrix; ALTER DATABASE ${db.name} SET search_path = matrix`)
    .simple();
  const { code, stdout, stderr } = await runProgram(["-p", db.url, "-r", roomId, "-c"]);
  strictEqual(code, 0, stderr);
  ok(/^Synapse's tables are in the schema "matrix"$/m.test(stdout + stderr), stdout + stderr);
});
