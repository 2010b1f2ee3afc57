import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../src/db/session/connect.ts";
import { formatBasis, formatRooms } from "../../src/text/rooms.ts";
import { StoppedError } from "../../src/errors.ts";
import { findRooms } from "../../src/jobs/rooms.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** A room of 12,000 groups with ten rows each: each is a snapshot that differs in one row from the one before. */
async function fill(db: TestDatabase): Promise<void> {
  await db.sql.unsafe(`INSERT INTO state_groups SELECT id, '!big:test', '$' || id FROM generate_series(1, 12000) AS id;
    INSERT INTO state_groups_state SELECT id, '!big:test', 'm.room.member', '@' || n, '$' || n || '.' || (id + n) / 10
      FROM generate_series(1, 12000) AS id, generate_series(1, 10) AS n; ANALYZE`).simple();
}

Deno.test("findRooms() estimates a big room's saving from some of its groups, and tells how sure it is", async () => {
  await using db = await testDatabase();
  await fill(db);
  await using session = await connect(db.url, { readOnly: true });
  const seen: string[] = [];
  const list = await findRooms(session, { prefer: "rows" }, {
    onRoom: ({ roomId }, i, count) => seen.push(`${roomId} ${i} ${count}`),
  });
  deepStrictEqual(seen, ["!big:test 0 1"]);
  const { rows, saving } = list.rooms[0]!;
  // The truth: a row a group, and a snapshot for each 175 or so.
  const truth = (await findRooms(session, { strategy: "levels", levels: [100000] })).rooms[0]!.saving!;
  strictEqual(rows, 120_000);
  strictEqual(saving!.groupsTried, 2_000);
  ok(Math.abs(saving!.share - 0.89) < 0.02, `${saving!.share}`);
  ok(Math.abs(truth.share - 0.9) < 0.01, `${truth.share}`);
  ok(saving!.rowsError < rows / 50);
});

Deno.test("findRooms() ends in its time: what it did not reach is not known", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const list = await findRooms(session, { limit: 3, savingsMs: 0 });
  deepStrictEqual(list.rooms.map(({ saving }) => saving), [undefined, undefined, undefined]);
  strictEqual(formatRooms(list)[0]!.includes("would save"), false);
});

Deno.test("findRooms() ends in its time within a room's load, too: its saving stays unknown, the session usable", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const holder = await db.sql.reserve();
  let loads = 0;
  const stuck = new Proxy(session, {
    get(target, name) {
      if (name === "copyOut") {
        return (async (query, onRow) => {
          // The second room's rows are locked, for good.
          const isFirst = query.startsWith("COPY (SELECT g.id");
          if (isFirst && ++loads === 2) await holder.unsafe("BEGIN; LOCK TABLE state_groups_state").simple();
          return await target.copyOut(query, onRow);
        }) satisfies Session["copyOut"];
      }
      const value = Reflect.get(target, name, target);
      return name === "transaction" ? value.bind(target) : value;
    },
  });
  const list = await findRooms(stuck, { limit: 3, savingsMs: 5000 });
  strictEqual(loads, 2);
  deepStrictEqual(list.rooms.map(({ saving }) => saving !== undefined), [true, false, false]);
  strictEqual(session.lost, undefined);
  await holder.unsafe("ROLLBACK");
  holder.release();
  strictEqual((await session.sql.unsafe("SELECT 1 AS one"))[0]!["one"], 1);
});

Deno.test("findRooms() ends by its signal", async () => {
  await using db = await testDatabase({ fixture: true });
  await using session = await connect(db.url, { readOnly: true });
  const controller = new AbortController();
  const reason = new StoppedError("Stopped by SIGTERM", { exitCode: 143 });
  await rejects(
    findRooms(session, {}, { signal: controller.signal, onRoom: () => controller.abort(reason) }),
    reason,
  );
});

Deno.test("findRooms() names a room with ids beyond 2^53, and estimates the others", async () => {
  await using db = await testDatabase({ fixture: true });
  await db.sql.unsafe(
    `INSERT INTO state_groups SELECT 9007199254740993 + n, '!huge:test', '$e' FROM generate_series(1, 12000) AS n;
    INSERT INTO state_groups VALUES (9223372036854775807, '!two:test', '$e');
    INSERT INTO state_groups_state SELECT id, room_id, 't', 'k' || n, '$e' FROM state_groups, generate_series(1, 2) AS n
      WHERE id > 9007199254740993`,
  ).simple();
  await using session = await connect(db.url, { readOnly: true });
  const list = await findRooms(session, { savingsMs: 600_000 });
  strictEqual(list.rooms.length, 11);
  for (const { roomId, saving, failure } of list.rooms) {
    const isHuge = roomId === "!huge:test" || roomId === "!two:test";
    deepStrictEqual([saving === undefined, failure !== undefined], [isHuge, isHuge], roomId);
  }
  const basis = formatBasis(list).join("\n");
  match(
    basis,
    /^Room !huge:test cannot be compressed\. Cannot work with state group 90071992547\d+: its id is beyond 2\^53\.$/m,
  );
  match(basis, /^Room !two:test cannot be compressed\. .*9223372036854775807/m);
  strictEqual(basis.includes("Time limit reached"), false);
});
