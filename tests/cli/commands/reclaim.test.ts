/** `reclaim` as its user runs it: explained, done, killed at random moments, and beside Synapse at work. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { digestRows, fileBytes } from "../../support/bloat.ts";
import { readResult, runProgram, startProgram } from "../../support/cli.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

/** A third of the times that the others are killed: each needs a bloated table of its own. */
const KILLS = Math.ceil(Number(Deno.env.get("SCS_KILLS") ?? 8) / 3);
const BIG = { groups: 12_000 };

Deno.test("reclaim explains what each way gives back, and changes nothing", async () => {
  await using db = await testDatabase({ bloat: BIG });
  const before = await fileBytes(db.sql);
  const { code, stdout, stderr } = await runProgram(["reclaim", "-p", db.url]);
  strictEqual(code, 0, stderr);
  match(stdout, /^Table state_groups_state: \d+ MiB; its 1[\d,]+ rows would fit in [\d.]+ MiB$/m);
  match(stdout, /^Index state_groups_state_type_idx: \d+ MiB; a fresh one would take [\d.]+ MiB$/m);
  for (const way of ["VACUUM", "REINDEX INDEX CONCURRENTLY", "reclaim -c", "VACUUM FULL", "pg_repack", "REPACK"]) {
    ok(stdout.includes(`  ${way}`), way);
  }
  deepStrictEqual(await fileBytes(db.sql), before);
});

Deno.test("reclaim -c gives the space back and says how much; --json has the same figures", async () => {
  await using db = await testDatabase({ bloat: BIG });
  const [before, rows] = [await fileBytes(db.sql), await digestRows(db.sql)];
  const { code, stdout, stderr } = await runProgram(["reclaim", "-p", db.url, "-c", "--json"]);
  strictEqual(code, 0, stderr);
  const report = JSON.parse(stdout);
  const after = await fileBytes(db.sql);
  deepStrictEqual(
    [
      report.outcome,
      report.table_bytes_before,
      report.index_bytes_before,
      report.table_bytes_after,
      report.index_bytes_after,
    ],
    ["done", before.table, before.indexes, after.table, after.indexes],
  );
  match(stderr, /^Given back to the system: \d+ MiB in [\d.]+ s$/m);
  match(stderr, /^Round 1: [\d.]+ MiB given back, the table now has [\d.]+ MiB$/m);
  deepStrictEqual(await digestRows(db.sql), rows);
});

Deno.test("reclaim --method full is not run where nobody can confirm it, but with --yes", async () => {
  await using db = await testDatabase({ bloat: {} });
  const before = await fileBytes(db.sql);
  const refused = await runProgram(["reclaim", "-p", db.url, "-c", "--method", "full"]);
  strictEqual(refused.code, 2);
  match(
    refused.stderr,
    /^Cannot go on without an answer: Run VACUUM FULL, and let Synapse stand still\?\nhint: .*--yes/m,
  );
  deepStrictEqual(await fileBytes(db.sql), before);
  const done = await runProgram(["reclaim", "-p", db.url, "-c", "--method", "full", "--yes"]);
  strictEqual(done.code, 0, done.stderr);
  ok((await fileBytes(db.sql)).table < before.table / 10);
});

Deno.test("reclaim refuses options that mean nothing without -c", async () => {
  const { code, stderr } = await runProgram(["reclaim", "-p", "postgresql://localhost/x", "--max-time", "1h"]);
  strictEqual(code, 2);
  match(stderr, /^Cannot use --max-time without -c\nhint: /);
});

Deno.test(`reclaim: kill -9 at ${KILLS} random moments loses nothing, and a clean run completes`, async () => {
  const random = mulberry32(Number(Deno.env.get("SCS_KILLS_SEED") ?? 1));
  await using db = await testDatabase({ bloat: BIG });
  const rows = await digestRows(db.sql);
  for (let kills = 0; kills < KILLS; kills++) {
    const child = startProgram(["reclaim", "-p", db.url, "-c"]);
    await new Promise((resolve) => setTimeout(resolve, 500 + random() * 2500));
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    const { signal } = await child.output();
    await untilGone(db);
    deepStrictEqual(await digestRows(db.sql), rows);
    // Once it is done, there would be nothing left to be killed at.
    if (signal === null) await bloatAgain(db, rows.rows);
  }
  const { code, stderr } = await runProgram(["reclaim", "-p", db.url, "-c"]);
  strictEqual(code, 0, stderr);
  deepStrictEqual(await digestRows(db.sql), rows);
  const invalid = await db.sql`SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid`;
  deepStrictEqual([...invalid], []);
});

Deno.test({
  name: "reclaim: SIGTERM ends it with 143 and says how to go on",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ bloat: BIG });
    const rows = await digestRows(db.sql);
    // Held in its way, so that it is surely at work when the signal comes.
    await db.sql.begin(async (writer) => {
      await writer`DELETE FROM state_groups_state WHERE state_group = -1`;
      const child = startProgram(["reclaim", "-p", db.url, "-c"]);
      for (let left = 600; left > 0; left--) {
        const found = await db.sql`SELECT FROM pg_stat_activity WHERE datname = current_database()
          AND application_name = 'synapse_compress_state' AND query ~ 'REINDEX|LOCK TABLE'`;
        if (found.length > 0) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      child.kill("SIGTERM");
      const { code, stderr } = await readResult(child);
      strictEqual(code, 143, stderr);
      match(stderr, /^Stopped by SIGTERM/m);
    });
    deepStrictEqual(await digestRows(db.sql), rows);
  },
});

/** Waits until no session of the program is left. */
async function untilGone({ sql }: TestDatabase): Promise<void> {
  for (let left = 1000; left > 0; left--) {
    const found = await sql`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'synapse_compress_state'`;
    if (found.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the program's session is still there");
}

/** Makes the file big again, with the same rows in it. */
async function bloatAgain({ sql }: TestDatabase, rows: number): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await sql`INSERT INTO state_groups_state SELECT -1 - i, '!x', 'a', repeat('b', 80), 'c' FROM generate_series(1, ${rows}) AS i`;
  }
  await sql`DELETE FROM state_groups_state WHERE state_group < 0`;
}
