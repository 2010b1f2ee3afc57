import { ok, rejects, strictEqual } from "node:assert/strict";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { connect, type Session } from "../../../src/db/session/connect.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import { Rivals } from "../../../src/db/write/rivals.ts";
import { writeRewrites } from "../../../src/db/write/write.ts";
import { StoppedError } from "../../../src/errors.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../../support/database.ts";

/** What a transaction of another room does first, and never meets ours. */
const OTHERS = {
  // As the Rust tool does.
  "rows alone": "DELETE FROM state_groups_state WHERE state_group = -1",
  // As Synapse does.
  "a whole room": `DELETE FROM state_group_edges AS sge WHERE sge.state_group IN (
    SELECT id FROM state_groups AS sg WHERE sg.room_id = '!other:test')`,
};

/** Short transactions on two connections, always at least one of them open, until disposed of. */
async function overlapping(db: TestDatabase, statement: string): Promise<AsyncDisposable> {
  const clients = [await db.sql.reserve(), await db.sql.reserve()];
  let isOver = false;
  const begin = (n: number) => clients[n % 2]!.unsafe(`BEGIN; ${statement}`).simple();
  await begin(0);
  const work = (async () => {
    for (let n = 1; !isOver; n++) {
      await begin(n);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await clients[(n + 1) % 2]!.unsafe("COMMIT");
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await work;
      for (const client of clients) {
        await client.unsafe("ROLLBACK");
        client.release();
      }
    },
  };
}

/** Rejects, rather than hang, where `work` does not end. */
async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: number | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function readRoom(db: TestDatabase, session: Session) {
  const forest = await loadRoom(session, await biggestRoom(db));
  return { forest, rewrites: findRewrites(compress(forest)) };
}

for (const [what, statement] of Object.entries(OTHERS)) {
  Deno.test(`writeRewrites() writes all beside overlapping transactions that delete ${what} of another room`, async () => {
    await using db = await testDatabase({ fixture: true });
    const session = await connect(db.url);
    const { forest, rewrites } = await readRoom(db, session);
    await using _others = await overlapping(db, statement);
    try {
      const report = await within(90, writeRewrites(session, forest, rewrites));
      strictEqual(report.groupsWritten, rewrites.count);
    } finally {
      // Not close(): where this fails, the writer is still at it.
      session.destroy();
    }
  });
}

Deno.test("writeRewrites() does not wait for transactions that delete rows alone of another room", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  const { forest } = await readRoom(db, session);
  await using _others = await overlapping(db, OTHERS["rows alone"]);
  const rivals = new Rivals(session, forest.groupId);
  for (let n = 0; n < 20; n++) rivals.check(await rivals.find());
});

Deno.test("Rivals.giveWay() ends at the signal, and by itself whatever goes on beginning", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url);
  const { forest } = await readRoom(db, session);
  await using _others = await overlapping(db, OTHERS["a whole room"]);
  const rivals = new Rivals(session, forest.groupId);
  const find = async () => rivals.check(await rivals.find());
  await rejects(find, /another transaction is deleting groups of this room/);

  const controller = new AbortController();
  const startedAt = performance.now();
  const waiting = rivals.giveWay(controller.signal);
  setTimeout(() => controller.abort(new StoppedError("Stopped", { exitCode: 143 })), 50);
  await within(30, rejects(waiting, StoppedError));
  ok(performance.now() - startedAt < 30_000);

  await within(60, rivals.giveWay(undefined));
  await find();
});
