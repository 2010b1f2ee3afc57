import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { formatRewrites, type SqlOptions } from "../../../src/format/sql/sql.ts";
import { noSkips, totalSkips } from "../../../src/db/write/skips.ts";
import type { SkipKind } from "../../../src/format/sql/skips.ts";
import { describeSkips } from "../../../src/text/skips.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";
import { applySql } from "./apply.ts";
import { compressRoom, describeRoom, type Group, insertRoom, makeRoom, readRoom, rewritten, seeded } from "../rooms.ts";

const ROOM = "!it's a \\ $guard$ room\n:x";

/** A room in a database, its SQL file, and what the file is to make of it. */
async function prepare(db: TestDatabase, groups: readonly Group[], options: SqlOptions = {}) {
  await insertRoom(db.sql, ROOM, groups);
  const { compression, rewrites } = compressRoom(ROOM, groups, groups === SNAPSHOTS ? [10] : [3, 3]);
  return {
    text: [...formatRewrites(compression, rewrites, options)].join(""),
    before: describeRoom(groups),
    after: describeRoom(rewritten(groups, compression, rewrites)),
    count: rewrites.count,
    read: async () => describeRoom(await readRoom(db.sql, ROOM)),
  };
}

/** Five snapshots, each a row more than the one before: the Rust tool's rule makes deltas of the last four. */
const SNAPSHOTS: Group[] = [1, 2, 3, 4, 5].map((id) => ({
  id,
  predecessor: undefined,
  rows: Array.from({ length: id }, (_, i) => ["t", `k${i}`, `$${i}`] as const),
}));

for (const guards of [true, false]) {
  for (const transactions of [true, false]) {
    for (const setting of ["on", "off"]) {
      const name = `guards: ${guards}, transactions: ${transactions}, standard_conforming_strings ${setting}`;
      Deno.test(`formatRewrites() makes the rewritten room: ${name}`, async () => {
        for (let seed = 1; seed <= 5; seed++) {
          await using db = await testDatabase();
          const room = await prepare(db, makeRoom(seeded(seed), 50), { guards, transactions });
          strictEqual(room.count > 10, true);
          const before = `SET standard_conforming_strings = ${setting}`;
          const { warnings, errors, notices } = await applySql(db.url, room.text, {
            before,
            singleTransaction: !transactions,
          });
          deepStrictEqual({ errors, warnings }, { errors: [], warnings: [] });
          deepStrictEqual(await room.read(), room.after);
          if (guards) {
            match(notices.at(-1)!, new RegExp(`of ${room.count} state groups ${room.count} were rewritten, 0 .* 0`));
          }
        }
      });
    }
  }
}

Deno.test("formatRewrites() without guards writes the Rust tool's statements, each on its own line", async () => {
  await using db = await testDatabase();
  const groups: Group[] = [
    { id: 7, predecessor: undefined, rows: [["t", "", "$a"]] },
    { id: 9, predecessor: undefined, rows: [["t", "", "$a"], ["t", "it's", "$b\\"]] },
  ];
  const { text } = await prepare(db, groups, { guards: false, transactions: true });
  strictEqual(
    text.split("\n").filter((line) => !line.startsWith("--")).join("\n"),
    String.raw`SET client_encoding = 'UTF8';
BEGIN;
DELETE FROM state_group_edges WHERE state_group = 9;
INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (9, 7);
DELETE FROM state_groups_state WHERE state_group = 9;
INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES
    (9, E'!it''s a \\ $guard$ room
:x', 't', 'it''s', E'$b\\');
COMMIT;
`,
  );
});

Deno.test("formatRewrites() yields pieces of bounded size", () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ["t", `key ${i}`, `$${i}`] as const);
  const { compression, rewrites } = compressRoom(ROOM, [
    { id: 1, predecessor: undefined, rows: rows.slice(0, 1) },
    { id: 2, predecessor: undefined, rows },
  ]);
  for (const guards of [true, false]) {
    const pieces = [...formatRewrites(compression, rewrites, { guards })];
    strictEqual(pieces.length > 2, true);
    strictEqual(pieces.every((piece) => piece.length < 70_000), true);
  }
});

Deno.test("a guarded file does no harm twice", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS, { transactions: true });
  await applySql(db.url, room.text);
  const second = await applySql(db.url, room.text);
  deepStrictEqual(await room.read(), room.after);
  deepStrictEqual(second.warnings, []);
  match(second.notices.at(-1)!, /of 4 state groups 0 were rewritten, 4 were so already, 0 were left/);
});

Deno.test("a guarded file goes on where a first run stopped half-way", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS, { transactions: true });
  const half = room.text.slice(0, room.text.indexOf("COMMIT;", room.text.indexOf("COMMIT;") + 1));
  await applySql(db.url, half);
  const { notices } = await applySql(db.url, room.text);
  deepStrictEqual(await room.read(), room.after);
  match(notices.at(-1)!, /3 were rewritten, 1 were so already/);
});

/** What Synapse or another tool may have done meanwhile to group 3, or its base 2, and what the file says then. */
const MEANWHILE: readonly [what: string, sql: string, warning: RegExp, counts: Partial<Record<SkipKind, number>>][] = [
  [
    "a row is gone",
    "DELETE FROM state_groups_state WHERE state_group = 3 AND state_key = 'k0'",
    /its rows are not/,
    { changed: 1, "base-changed": 1 },
  ],
  [
    "a row is new",
    "INSERT INTO state_groups_state VALUES (3, '!r', 't', 'new', '$n')",
    /its rows are not/,
    { changed: 1, "base-changed": 1 },
  ],
  [
    "a row has another event",
    "UPDATE state_groups_state SET event_id = '$x' WHERE state_group = 3 AND state_key = 'k0'",
    /its rows/,
    { changed: 1, "base-changed": 1 },
  ],
  [
    "it has an edge",
    "INSERT INTO state_group_edges VALUES (3, 1)",
    /predecessor was none when it was read and is 1 now/,
    { changed: 1 },
  ],
  [
    "it is gone",
    "DELETE FROM state_groups WHERE id = 3",
    /state group 3 is left as it is: it is gone/,
    { gone: 1, "base-gone": 1 },
  ],
  [
    "it is marked",
    "INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (3, 0)",
    /marked for deletion/,
    { marked: 1, "base-marked": 1 },
  ],
  [
    "it is another room's",
    "UPDATE state_groups SET room_id = '!other' WHERE id = 3",
    /it is gone/,
    { gone: 1, "base-gone": 1 },
  ],
];

for (const [what, change, warning, some] of MEANWHILE) {
  for (const singleTransaction of [false, true]) {
    const how = singleTransaction ? "in one transaction" : "a transaction each";
    Deno.test(`a guarded file leaves a group alone where ${what}, ${how}`, async () => {
      await using db = await testDatabase();
      const room = await prepare(db, SNAPSHOTS, { transactions: !singleTransaction });
      await db.sql.unsafe(change);
      const changed = await room.read();
      const { warnings, errors, notices } = await applySql(db.url, room.text, { singleTransaction });
      deepStrictEqual(errors, []);
      const counts = { ...noSkips(), ...some };
      const skipped = totalSkips(counts);
      strictEqual(warnings.length, skipped);
      ok(warnings.some((text) => warning.test(text)), warnings.join());
      strictEqual(
        notices.at(-1)!,
        `of 4 state groups ${4 - skipped} were rewritten, 0 were so already, ${skipped} were left as they are: ` +
          describeSkips(counts),
      );
      const now = await room.read();
      deepStrictEqual(now[2], changed[2], "group 3 is untouched");
      strictEqual(now.at(-1), room.after.at(-1), "group 5 is rewritten");
      const [row] = await db.sql`SELECT insertion_ts FROM state_groups_pending_deletion`;
      strictEqual(row?.["insertion_ts"] ?? 0, 0, "the mark is not renewed");
    });
  }
}

Deno.test("a guarded file works before Synapse's pending deletion tables", async () => {
  await using db = await testDatabase({ pendingDeletion: false });
  const room = await prepare(db, SNAPSHOTS);
  deepStrictEqual((await applySql(db.url, room.text)).errors, []);
  deepStrictEqual(await room.read(), room.after);
});

Deno.test("a guarded rewrite touches only the rows that go", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS);
  const kept = () =>
    db.sql`SELECT ctid::text, xmin::text FROM state_groups_state WHERE state_group = 5 AND state_key = 'k4'`;
  const before = await kept();
  await applySql(db.url, room.text);
  deepStrictEqual([...await kept()], [...before]);
});

Deno.test("a guarded rewrite renews a mark that came after it looked", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS, { transactions: true });
  // A trigger stands in for a Synapse that marks the base between the look and the write.
  await db.sql.unsafe(`
    CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (NEW.prev_state_group, 0) ON CONFLICT DO NOTHING;
      RETURN NEW;
    END $$;
    CREATE TRIGGER mark BEFORE INSERT ON state_group_edges FOR EACH ROW WHEN (NEW.state_group = 3) EXECUTE FUNCTION mark()`);
  await applySql(db.url, room.text);
  const [mark] = await db.sql`SELECT sequence_number, insertion_ts FROM state_groups_pending_deletion`;
  strictEqual(mark?.["sequence_number"], 2);
  strictEqual(Math.abs(mark?.["insertion_ts"] - Date.now()) < 60_000, true);
});

Deno.test("a guarded rewrite is undone where a writer without locks came between", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS, { transactions: true });
  await db.sql.unsafe(`
    CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO state_groups_state VALUES (3, '!r', 't', 'meddled', '$m');
      RETURN NULL;
    END $$;
    CREATE TRIGGER meddle AFTER INSERT ON state_group_edges FOR EACH ROW WHEN (NEW.state_group = 3) EXECUTE FUNCTION meddle()`);
  // The meddling row is deleted by the rewrite as one that goes, unless it comes after: so it comes with the last statement.
  await db.sql.unsafe(`DROP TRIGGER meddle ON state_group_edges;
    CREATE TRIGGER meddle AFTER DELETE ON state_groups_state FOR EACH ROW WHEN (OLD.state_group = 3 AND OLD.state_key = 'k0')
    EXECUTE FUNCTION meddle()`);
  const { warnings } = await applySql(db.url, room.text);
  match(warnings[0]!, /state group 3 is left as it is: another writer changed it meanwhile/);
  deepStrictEqual((await room.read())[2], room.before[2]);
});

Deno.test("a guarded file gives up a group that Synapse holds for long, and goes on", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS, { transactions: true });
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN; SELECT FROM state_groups WHERE id = 3 FOR UPDATE").simple();
  const quick = room.text.replace("lock_timeout = '500ms'", "lock_timeout = '50ms'");
  const { warnings, errors, notices } = await applySql(db.url, quick);
  await holder.unsafe("ROLLBACK");
  holder.release();
  deepStrictEqual(errors, []);
  deepStrictEqual(notices.slice(-2), [
    "other transactions were in the way: run this file again to finish",
    "of 4 state groups 2 were rewritten, 0 were so already, 2 were left as they are: " +
    describeSkips({ ...noSkips(), contention: 2 }),
  ]);
  const again = await applySql(db.url, room.text);
  deepStrictEqual([again.errors, again.warnings], [[], []]);
  strictEqual(again.notices.at(-1)!, "of 4 state groups 2 were rewritten, 2 were so already, 0 were left as they are");
  // 3 itself, and 4, which would build on it.
  deepStrictEqual(warnings.map((warning) => warning.slice(0, 32)), [
    "state group 3 is left as it is: ",
    "state group 4 is left as it is: ",
  ]);
  deepStrictEqual(await room.read(), room.after);
});

Deno.test("a guarded file says how many groups it did not come to", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS);
  const calls = room.text.split(/(?=^CALL )/m);
  const { warnings } = await applySql(db.url, [...calls.slice(0, 2), ...calls.slice(3)].join(""));
  deepStrictEqual(warnings, [
    "1 of 4 state groups were not dealt with: their statements failed or were left out. Run this file again",
  ]);
});

Deno.test("a guarded file refuses a transaction that cannot see the newest commits", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, SNAPSHOTS);
  const { errors } = await applySql(db.url, room.text, {
    before: "SET default_transaction_isolation = 'repeatable read'",
    singleTransaction: true,
  });
  match(errors[0]!, /Cannot rewrite state groups in a transaction that is repeatable read/);
  deepStrictEqual(await room.read(), room.before);
});

Deno.test("two guarded files at once leave one valid room", async () => {
  await using db = await testDatabase();
  const groups = makeRoom(seeded(9), 80);
  const room = await prepare(db, groups, { transactions: true });
  const applied = await Promise.all([applySql(db.url, room.text), applySql(db.url, room.text)]);
  deepStrictEqual(applied.flatMap(({ errors, warnings }) => [...errors, ...warnings]), []);
  deepStrictEqual(await room.read(), room.after);
});

Deno.test("a guarded file takes the same edge twice for one, and writes it once", async () => {
  await using db = await testDatabase();
  const room = await prepare(db, makeRoom(seeded(5), 60), { transactions: true });
  await db.sql.unsafe(`DROP INDEX state_group_edges_unique_idx;
    INSERT INTO state_group_edges SELECT * FROM state_group_edges`).simple();
  const { warnings, errors } = await applySql(db.url, room.text);
  deepStrictEqual([warnings, errors], [[], []]);
  // Those of groups that were not rewritten are still there twice.
  await db.sql`DELETE FROM state_group_edges AS a USING state_group_edges AS b
    WHERE a.state_group = b.state_group AND a.prev_state_group = b.prev_state_group AND a.ctid < b.ctid`;
  deepStrictEqual(await room.read(), room.after);
});
