/**
 * What a run promises beside others that hold, mark and delete what it is to write: locks are really held, on connections of
 * their own. Every state stays, every group is accounted for, and nothing is passed over for good.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { compress, findRewrites } from "../../src/core/plan/compress.ts";
import { loadRoom } from "../../src/db/read/load.ts";
import { connect } from "../../src/db/session/connect.ts";
import { createProgressTables } from "../../src/db/write/progress.ts";
import { type WriteReport, writeRewrites } from "../../src/db/write/write.ts";
import { StoppedError } from "../../src/errors.ts";
import { countSkips, noSkips, totalSkips } from "../../src/db/write/skips.ts";
import { compressServer, type ServerEvent, type ServerOptions } from "../../src/jobs/auto.ts";
import type { ChunkReport } from "../../src/jobs/chunk.ts";
import { compressRoom } from "../../src/jobs/room.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { anyRoom, type PlainForest } from "../support/forest.ts";
import { impatient } from "../support/sessions.ts";
import { fullStates } from "../support/states.ts";
import { assertSound, Synapse } from "../support/synapse.ts";
import { clearTables, insertRooms } from "../support/tables.ts";

const MAX_GROUPS = 40;

/** What happens to a group between the load and the writing, and while that goes on. */
type Fate = "nothing" | "held" | "rows-held" | "purged" | "marked";

interface Case {
  readonly plain: PlainForest;
  readonly fates: readonly Fate[];
  readonly batch: number;
  /** After how many groups all that is held is let go, and after how many the writing is stopped. */
  readonly releaseAfter: number;
  readonly stopAfter: number;
  readonly patienceMs: number;
}

const someFates = (weights: Partial<Record<Fate, number>>) =>
  fc.array(
    fc.oneof(
      ...Object.entries({ nothing: 20, ...weights }).map(([fate, weight]) => ({
        weight,
        arbitrary: fc.constant(fate as Fate),
      })),
    ),
    { minLength: MAX_GROUPS, maxLength: MAX_GROUPS },
  );

const anyCase: fc.Arbitrary<Case> = fc.record({
  plain: anyRoom({ maxGroups: MAX_GROUPS }),
  fates: fc.oneof(
    someFates({ held: 3 }),
    someFates({ held: 2, purged: 3, marked: 2 }),
    someFates({ "rows-held": 1, held: 1 }),
  ),
  batch: fc.integer({ min: 1, max: 9 }),
  releaseAfter: fc.oneof(fc.constant(Infinity), fc.nat(10)),
  stopAfter: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(10) }),
  patienceMs: fc.constantFrom(0, 400),
});

/** A transaction that holds groups and rows, until it is let go. */
async function hold(db: TestDatabase, groups: readonly number[], rowsOf: readonly number[] = []) {
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN");
  await holder`SELECT FROM state_groups WHERE id = ANY (${groups as number[]}::bigint[]) FOR UPDATE`;
  await holder`SELECT FROM state_groups_state WHERE state_group = ANY (${rowsOf as number[]}::bigint[]) FOR UPDATE`;
  let released: Promise<void> | undefined;
  const release = () =>
    released ??= (async () => {
      await holder.unsafe("ROLLBACK");
      holder.release();
    })();
  return { release, [Symbol.asyncDispose]: release };
}

async function prepareTables(db: TestDatabase, ...rooms: readonly PlainForest[]): Promise<void> {
  await clearTables(db.sql);
  await insertRooms(db.sql, ...rooms);
}

const countRows = async ({ sql }: TestDatabase): Promise<number> =>
  (await sql`SELECT count(*)::int AS rows FROM state_groups_state`)[0]!["rows"];

/** What Synapse does to the groups of those fates. */
async function interfere(db: TestDatabase, { roomId }: PlainForest, idsOf: (fate: Fate) => number[]): Promise<void> {
  await using synapse = new Synapse(db.url);
  const purged = idsOf("purged");
  if (purged.length > 0) {
    await synapse.markPending(purged);
    const pending = await synapse.nextToDelete(roomId);
    await synapse.purgeUnreferenced(roomId, pending!);
  }
  await synapse.markPending(idsOf("marked"));
}

Deno.test("writeRewrites() accounts for every group and keeps every state, whatever is held, marked, deleted or stopped", async () => {
  await using db = await testDatabase();
  const seen = { ...noSkips(), left: 0, retries: 0 };
  await fc.assert(
    fc.asyncProperty(anyCase, async (one) => {
      const { plain, fates, batch, patienceMs } = one;
      await prepareTables(db, plain);
      const idsOf = (fate: Fate) => plain.groups.filter((_, g) => fates[g] === fate).map(({ id }) => id);
      await using session = await connect(db.url);
      const forest = await loadRoom(session, plain.roomId);
      const rewrites = findRewrites(compress(forest, { maxHops: 10 }));
      await interfere(db, plain, idsOf);
      const before = await fullStates(db.sql);
      const rows = await countRows(db);
      await using held = await hold(db, idsOf("held"), idsOf("rows-held"));
      const controller = new AbortController();
      let isStopped = false;
      const report = await writeRewrites(impatient(session), forest, rewrites, {
        batch,
        patienceMs,
        pausesMs: [1],
        signal: controller.signal,
        onProgress(done) {
          if (done >= one.releaseAfter) held.release();
          if (done >= one.stopAfter) controller.abort();
        },
      }).catch((error) => {
        if (!(error instanceof StoppedError)) throw error;
        isStopped = true;
        return error.report as WriteReport;
      });
      await held.release();

      await assertSound(db.sql);
      deepStrictEqual(await fullStates(db.sql), before);
      strictEqual(rows - await countRows(db), report.rowsDeleted - report.rowsInserted);
      const { groupsWritten, groupsUnchanged, skipped, skippedByKind, groupsLeft } = report;
      strictEqual(groupsWritten + groupsUnchanged + skipped.length + groupsLeft, rewrites.count);
      deepStrictEqual(skippedByKind, countSkips(skipped));
      strictEqual(new Set(skipped.map(({ groupId }) => groupId)).size, skipped.length);
      ok(isStopped || groupsLeft === 0);
      // Each reason is true.
      const bases = new Map([...rewrites.group].map((g, i) => [forest.groupId[g]!, rewrites.predecessor[i]!]));
      for (const { groupId, kind } of skipped) {
        const [fate, baseFate] = [groupId, forest.groupId[bases.get(groupId)!]].map((id) =>
          fates[plain.groups.findIndex((group) => group.id === id)]
        );
        if (kind === "gone") strictEqual(fate, "purged");
        if (kind === "marked") strictEqual(fate, "marked");
        if (kind === "base-gone") strictEqual(baseFate, "purged");
        if (kind === "base-marked") strictEqual(baseFate, "marked");
        seen[kind]++;
      }
      seen.left += groupsLeft;
      seen.retries += report.retries;

      // Nothing is in the way any more.
      await db.sql`DELETE FROM state_groups_pending_deletion`;
      await using next = await connect(db.url);
      const later = await compressRoom(next, { roomId: plain.roomId, maxHops: 10, commit: true });
      deepStrictEqual([later.groupsSkipped, later.groupsLeft], [0, 0]);
      deepStrictEqual(await fullStates(db.sql), before);
    }),
    { numRuns: 50, endOnFailure: true },
  );
  const { gone, changed, marked, contention, left, retries } = seen;
  // Of the rarer kinds not every run has each.
  ok(contention > 0 && retries > 0 && gone + changed + marked + left > 0, JSON.stringify(seen));
});

Deno.test("compressServer() never saves progress past a group that others held; a later run finishes all", async () => {
  await using db = await testDatabase();
  {
    await using session = await connect(db.url);
    await createProgressTables(session);
  }
  const anyServer = fc.record({
    plains: fc.tuple(anyRoom({ maxGroups: MAX_GROUPS }), anyRoom({ maxGroups: MAX_GROUPS })),
    fates: fc.tuple(someFates({ held: 4 }), someFates({ held: 1 })),
    releaseAfter: fc.oneof(fc.constant(Infinity), fc.nat(6)),
    chunkSize: fc.integer({ min: 3, max: 50 }),
    strategy: fc.constantFrom("branches" as const, "levels" as const),
    order: fc.constantFrom("oldest" as const, "biggest" as const),
    workers: fc.integer({ min: 1, max: 2 }),
  });
  const run = async (options: ServerOptions, onEvent?: (event: ServerEvent) => void) =>
    await compressServer(async () => impatient(await connect(db.url)), options, { onEvent });
  const seen = { unfinished: 0, finished: 0, whole: 0 };
  await fc.assert(
    fc.asyncProperty(anyServer, async ({ plains, fates, releaseAfter, ...how }) => {
      const options = { ...how, pausesMs: [1], tryAgainMs: 1 };
      // The ids of a server are one sequence.
      const rooms = plains.map(({ groups }, n): PlainForest => ({
        roomId: `!room${n}:test`,
        groups: groups.map(({ id, predecessors, rows }) => ({
          id: id + n * 2 ** 41,
          predecessors: predecessors.map((base) => base + n * 2 ** 41),
          rows,
        })),
      }));
      await prepareTables(db, ...rooms);
      await db.sql`TRUNCATE state_compressor_state, state_compressor_progress`;
      const before = await fullStates(db.sql);
      const rows = await countRows(db);
      await using held = await hold(
        db,
        rooms.flatMap(({ groups }, n) => groups.filter((_, g) => fates[n]![g] === "held").map(({ id }) => id)),
      );
      const chunks: ChunkReport[] = [];
      const report = await run(options, (event) => {
        if (event.kind !== "chunk") return;
        chunks.push(event.report);
        if (chunks.length >= releaseAfter) held.release();
      });
      deepStrictEqual(await fullStates(db.sql), before);
      strictEqual(rows - await countRows(db), report.rowsSaved);
      deepStrictEqual([report.failed, report.outcome], [[], "done"]);
      strictEqual(report.groupsSkipped, totalSkips(report.skippedByKind));
      strictEqual(report.groupsRewritten, chunks.reduce((sum, chunk) => sum + chunk.groupsRewritten, 0));

      const progress = new Map(
        (await db.sql`SELECT room_id, last_compressed FROM state_compressor_progress`).map((
          row,
        ) => [row["room_id"], row["last_compressed"]]),
      );
      for (const { roomId, groups } of rooms) {
        const own = chunks.filter((chunk) => chunk.roomId === roomId);
        const saved = own.filter(({ outcome }) => outcome !== "unfinished");
        strictEqual(progress.get(roomId), saved.at(-1)?.lastGroup);
        for (const { skippedByKind: { contention, bound } } of saved) deepStrictEqual([contention, bound], [0, 0]);
        const isUnfinished = own.at(-1)!.outcome === "unfinished";
        strictEqual(report.roomsUnfinished.includes(roomId), isUnfinished);
        if (!isUnfinished) strictEqual(progress.get(roomId), groups.at(-1)!.id);
        if (isUnfinished) seen.unfinished++;
        else if (own.some(({ outcome }) => outcome === "unfinished")) seen.finished++;
        else seen.whole++;
      }

      await held.release();
      const later = await run(options);
      deepStrictEqual([later.roomsUnfinished, later.groupsSkipped, later.failed], [[], 0, []]);
      strictEqual((await run(options)).roomsFound, 0);
      deepStrictEqual(await fullStates(db.sql), before);
      await assertSound(db.sql);
    }),
    { numRuns: 30, endOnFailure: true },
  );
  ok(seen.unfinished > 0 && seen.finished + seen.whole > 0, JSON.stringify(seen));
});
