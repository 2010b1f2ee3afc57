import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { connect } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { prepare, type PrepareEvent } from "../../src/jobs/prepare.ts";
import { testDatabase } from "../support/database.ts";
import { draw } from "../support/forest.ts";
import { insertRooms } from "../support/tables.ts";

const ROOM = "!room:test";

async function room(rows: string) {
  const db = await testDatabase();
  await insertRooms(db.sql, draw(rows, ROOM));
  return db;
}

Deno.test("prepare() loads, compresses, finds the rewrites and verifies, in that order", async () => {
  await using db = await room("1{a=1,b=1,c=1}, 2{a=2,b=1,c=1}, 3{a=3,b=1,c=1}");
  await using session = await connect(db.url);
  const events: PrepareEvent["kind"][] = [];
  const { rewrites, compression } = await prepare(session, ROOM, {}, { onEvent: ({ kind }) => events.push(kind) });
  deepStrictEqual(events.filter((kind) => kind !== "loading" && kind !== "computing"), [
    "loaded",
    "compressed",
    "verifying",
    "verified",
  ]);
  deepStrictEqual([rewrites?.count, compression.rowsBefore, compression.rowsAfter], [2, 9, 5]);
});

Deno.test("prepare() finds no rewrites that are not wanted, and asks with the compression", async () => {
  await using db = await room("1{a=1} <- 2{a=2}");
  await using session = await connect(db.url);
  strictEqual((await prepare(session, ROOM)).rewrites, undefined);
  let asked = 0;
  const { rewrites } = await prepare(session, ROOM, {
    isWanted: ({ rowsBefore }) => ++asked > 0 && rowsBefore === 2,
    verify: false,
  });
  deepStrictEqual([asked, rewrites?.count], [1, 0]);
});

Deno.test("prepare() compresses with what `how` makes of the loaded forest", async () => {
  await using db = await room("1{a=1,b=1,c=1}, 2{a=2,b=1,c=1}, 3{a=3,b=1,c=1}");
  await using session = await connect(db.url);
  const { compression } = await prepare(session, ROOM, {
    how: (forest) => ({ maxHops: forest.size - 2 }),
  });
  strictEqual(compression.levels.reduce((sum, { maxLength }) => sum + maxLength, 0), 1);
  strictEqual(compression.rowsAfter, 5);
});

Deno.test("prepare() ends by its signal, and the session with it", async () => {
  await using db = await room("1{a=1}");
  await using session = await connect(db.url);
  const controller = new AbortController();
  await rejects(
    prepare(session, ROOM, {}, {
      signal: controller.signal,
      onEvent: ({ kind }) => kind === "loaded" && controller.abort(new StoppedError("enough", { exitCode: 130 })),
    }),
    StoppedError,
  );
  ok(session.lost instanceof StoppedError);
});
