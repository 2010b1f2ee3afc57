import { rejects, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { startPostgres } from "../../scripts/postgres.ts";

const say = () => {};

Deno.test("startPostgres() starts a server with settings and files, and stop() removes all of it", async () => {
  let url, folder;
  {
    await using server = await startPostgres({ settings: { work_mem: "5MB" }, files: { "note.txt": "hello" }, say });
    url = server.url;
    const sql = postgres(url, { max: 1 });
    const [row] = await sql`SELECT current_setting('work_mem') AS memory, pg_read_file('note.txt') AS note,
      current_setting('data_directory') AS folder, current_setting('server_encoding') AS encoding`;
    strictEqual(row?.["memory"], "5MB");
    strictEqual(row?.["note"], "hello");
    strictEqual(row?.["encoding"], "UTF8");
    folder = row["folder"];
    await sql.end();
  }
  await rejects(() => Deno.stat(folder), Deno.errors.NotFound);
  const sql = postgres(url, { max: 1 });
  await rejects(() => sql`SELECT 1`, /ECONNREFUSED/);
  await sql.end();
});

Deno.test("startPostgres() that cannot start says what the server said", async () => {
  await rejects(() => startPostgres({ settings: { no_such_setting: "1" }, say }), /no_such_setting/);
});
