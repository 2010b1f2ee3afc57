/**
 * The real program, ended at random points: kill -9, Ctrl-C, SIGTERM. The database is whole after each, and the next run goes
 * on. SCS_KILLS says how often it is killed.
 */
import { deepStrictEqual, doesNotMatch, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { mulberry32 } from "../../scripts/rooms.ts";
import { readResult, startProgram } from "../support/cli.ts";
import { biggestRoom, type TestDatabase, testDatabase, untilWaiting } from "../support/database.ts";
import { fullStates } from "../support/states.ts";
import { assertSound } from "../support/synapse.ts";

const KILLS = Number(Deno.env.get("SCS_KILLS") ?? 8);

/** A run that writes for seconds: a transaction each of some thousand groups. */
function start(db: TestDatabase, roomId: string): Deno.ChildProcess {
  return startProgram(["-p", db.url, "-r", roomId, "-c", "--batch", "1", "--strategy", "levels"]);
}

async function countRows({ sql }: TestDatabase): Promise<number> {
  const [row] = await sql`SELECT count(*) AS rows FROM state_groups_state`;
  return row!["rows"];
}

/** Waits until the program has written something, or has ended without. */
async function untilWriting(db: TestDatabase, child: Deno.ChildProcess): Promise<void> {
  const rows = await countRows(db);
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  for (let left = 1000; await countRows(db) === rows && !hasEnded; left--) {
    ok(left > 0, "it does not write");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until no session of the program is left: the server notices the end of a client a moment later. */
async function untilGone({ sql }: TestDatabase): Promise<void> {
  for (let left = 500; left > 0; left--) {
    const found = await sql`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'synapse_compress_state'`;
    if (found.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the program's session is still there");
}

Deno.test(`kill -9 at ${KILLS} random points leaves a whole database, and a clean run completes`, async () => {
  const random = mulberry32(Number(Deno.env.get("SCS_KILLS_SEED") ?? 1));
  for (let kills = 0; kills < KILLS;) kills += await killUntilDone(random, KILLS - kills);
});

/** Kills run after run on one database, until one ends before that or there were enough of them. Returns how many. */
async function killUntilDone(random: () => number, limit: number): Promise<number> {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const roomId = await biggestRoom(db);
  for (let kills = 0;; kills++) {
    const child = start(db, roomId);
    if (kills < limit) {
      // Now and then while it starts or loads, else while it writes.
      if (random() < 0.15) await new Promise((resolve) => setTimeout(resolve, random() * 600));
      else await untilWriting(db, child).then(() => new Promise((resolve) => setTimeout(resolve, random() * 100)));
      tryKill(child);
    }
    const { code, signal, stderr } = await child.output();
    if (signal === null) strictEqual(code, 0, new TextDecoder().decode(stderr));
    await untilGone(db);
    await assertSound(db.sql);
    deepStrictEqual(await fullStates(db.sql), before);
    if (signal === null) return kills;
  }
}

function tryKill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
}

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `${signal} ends a commit after the batch under way, and says what is left`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using db = await testDatabase({ fixture: true });
      const before = await fullStates(db.sql);
      const roomId = await biggestRoom(db);
      const child = start(db, roomId);
      await untilWriting(db, child);
      child.kill(signal);
      const { code, stderr } = await readResult(child);
      strictEqual(code, exitCode, stderr);
      const told = /Stopped by (\w+): ([\d,]+) state groups? written, ([\d,]+) left/.exec(stderr);
      match(stderr, /hint: What was written is complete\. Run the same command again to continue\./);
      strictEqual(told?.[1], signal);
      const [written, left] = [2, 3].map((part) => Number(told![part]!.replaceAll(",", ""))) as [number, number];
      notStrictEqual(left, 0);
      const [row] = await db.sql`SELECT count(*) FROM state_group_edges WHERE xmin::text::bigint > (
        SELECT min(xmin::text::bigint) FROM state_group_edges)`;
      ok(row!["count"] <= written && row!["count"] > 0, `${row!["count"]} of ${written}`);
      await assertSound(db.sql);
      deepStrictEqual(await fullStates(db.sql), before);
    },
  });
}

Deno.test({
  name: "a second signal ends a commit at once; the database is whole",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true });
    const before = await fullStates(db.sql);
    const roomId = await biggestRoom(db);
    // A lock in its way: without a second signal it would try again and again.
    const holder = await db.sql.reserve();
    await holder.unsafe("BEGIN");
    await holder`SELECT FROM state_groups WHERE room_id = ${roomId} FOR UPDATE`;
    const child = start(db, roomId);
    await untilWaiting(db, child);
    // Both come while it is halted, so that it cannot end by the first alone.
    for (const signal of ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"] as const) child.kill(signal);
    const { code, stderr } = await readResult(child);
    ok(code === 130 || code === 143, `${code}`);
    // The first alone would say what is left.
    doesNotMatch(stderr, /Stopped/);
    await holder`ROLLBACK`;
    holder.release();
    await assertSound(db.sql);
    deepStrictEqual(await fullStates(db.sql), before);
  },
});
