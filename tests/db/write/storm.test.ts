/**
 * A storm: Synapses that store, de-delta and delete groups, whole rooms among them, beside compressors that take no turns,
 * not even with each other, by writeRewrites() and by guarded SQL files, and beside reclaim(), which moves rows. Seeded. SCS_STORM_SECONDS says for how long.
 */
import { deepStrictEqual, notStrictEqual } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { compress, findRewrites } from "../../../src/core/plan/compress.ts";
import { verify } from "../../../src/core/verify.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { loadRoom } from "../../../src/db/read/load.ts";
import { writeRewrites } from "../../../src/db/write/write.ts";
import { reclaim } from "../../../src/jobs/reclaim.ts";
import { formatRewrites } from "../../../src/format/sql/sql.ts";
import { applySql } from "../../format/sql/apply.ts";
import { testDatabase } from "../../support/database.ts";
import { digestState, fullStates, type StateDigest } from "../../support/states.ts";
import { assertSound, type State, Synapse } from "../../support/synapse.ts";

const SECONDS = Number(Deno.env.get("SCS_STORM_SECONDS") ?? 15);
const ROOMS = 4;

type Entries = ReadonlyMap<string, readonly [type: string, stateKey: string, eventId: string]>;

/** What Synapse was told: every group that it stored and did not delete, with its full state. */
class Truth {
  readonly groups = new Map<number, { roomId: string; state: Entries }>();

  store(id: number, roomId: string, base: Entries, rows: State): void {
    this.groups.set(id, {
      roomId,
      state: new Map([...base, ...rows.map((row) => [`${row[0]} ${row[1]}`, row] as const)]),
    });
  }

  /** As fullStates() digests them. */
  digests(): Map<number, StateDigest> {
    const groups = [...this.groups].sort(([a], [b]) => a - b);
    return new Map(groups.map(([id, { state }]) => [id, digestState(state.values())]));
  }
}

Deno.test(`nothing is lost in a storm of ${SECONDS} seconds`, async () => {
  await using db = await testDatabase();
  const truth = new Truth();
  const startedAt = performance.now();
  let hasFailed = false;
  /** After its time, and on a slow machine once each of them has met the others: ten times that at most. */
  const isOver = () => {
    const seconds = (performance.now() - startedAt) / 1000;
    const { stored, deleted, written, skipped, moved } = counts;
    const hasMet = [stored, deleted, written, skipped, moved].every((count) => count > 0);
    return hasFailed || seconds >= SECONDS * (hasMet ? 1 : 10);
  };
  const seed = Number(Deno.env.get("SCS_STORM_SEED") ?? 1);
  const counts = {
    stored: 0,
    deleted: 0,
    rooms: 0,
    synapseRetries: 0,
    rounds: 0,
    written: 0,
    skipped: 0,
    retries: 0,
    files: 0,
    synapseGaveUp: 0,
    moved: 0,
  };
  let generation = 0;
  const rooms = Array.from({ length: ROOMS }, () => `!storm${generation++}:test`);

  /** Rooms in which groups are being deleted: Synapse does that in one place at a time. */
  const deleting = new Set<string>();
  /** What is under way in a room: Synapse deletes one only after it has closed it. */
  const storing = new Map<string, Set<Promise<unknown>>>();

  /** What Synapse logs and does again a minute later where five attempts did not do. */
  async function tried<T>(deletion: Promise<T>): Promise<T | undefined> {
    try {
      return await deletion;
    } catch (error) {
      if (!["40001", "40P01"].includes((error as { code?: string }).code ?? "")) throw error;
      counts.synapseGaveUp++;
      return undefined;
    }
  }

  /** Stores groups, and deletes what no event refers to, which here is decided by dice. */
  async function synapse(dice: () => number): Promise<void> {
    // Ten minutes in Synapse: with none, even its own new groups would be built on what is being deleted.
    await using synapse = new Synapse(db.url, { delayMs: 250 });
    const below = (n: number) => Math.floor(dice() * n);
    const row = () => ["m.room.member", `@u${below(40)}:test`, `$${crypto.randomUUID()}`] as const;
    while (!isOver()) {
      const roomIndex = below(ROOMS);
      const roomId = rooms[roomIndex]!;
      const groups = [...truth.groups].filter(([, group]) => group.roomId === roomId).map(([id]) => id);
      const what = dice();
      if (groups.length < 30 || what < 0.7) {
        // Mostly at the tip, sometimes a fork; now and then a snapshot.
        const at = dice() < 0.03 ? undefined : groups.at(-1 - Math.floor(groups.length * dice() ** 6));
        const state: Entries = at === undefined ? new Map() : truth.groups.get(at)!.state;
        const base = dice() < 0.15 ? undefined : at;
        const rows = [...at === undefined || base !== undefined ? [] : state.values()];
        for (let i = at === undefined ? below(30) : 1 + below(3); i > 0; i--) rows.push(row());
        const store = synapse.storeGroup(roomId, base, unique(rows)).then((id) => {
          if (id !== undefined) truth.store(id, roomId, base === undefined ? new Map() : state, rows);
          counts.stored++;
        });
        if (!storing.has(roomId)) storing.set(roomId, new Set());
        storing.get(roomId)!.add(store);
        await store;
        storing.get(roomId)!.delete(store);
      } else if (what < 0.8) {
        await synapse.markPending(groups.filter(() => dice() < 0.1));
      } else if (!deleting.has(roomId)) {
        deleting.add(roomId);
        if (what < 0.995) {
          const pending = await synapse.nextToDelete(roomId);
          const deleted = pending === undefined ? [] : await tried(synapse.purgeUnreferenced(roomId, pending)) ?? [];
          for (const id of deleted) truth.groups.delete(id);
          counts.deleted += deleted.length;
        } else {
          rooms[roomIndex] = `!storm${generation++}:test`;
          await Promise.all(storing.get(roomId) ?? []);
          while (await tried(synapse.purgeRoom(roomId).then(() => true)) === undefined);
          for (const [id, group] of truth.groups) if (group.roomId === roomId) truth.groups.delete(id);
          counts.rooms++;
        }
        deleting.delete(roomId);
      }
    }
    counts.synapseRetries += synapse.retries;
  }

  async function compressor(dice: () => number): Promise<void> {
    await using session = await connect(db.url);
    while (!isOver()) {
      const forest = await loadRoom(session, rooms[Math.floor(dice() * ROOMS)]!);
      deepStrictEqual(forest.defects, []);
      const levels = [[100, 50, 25], [3, 2], [7], [20, 4]][Math.floor(dice() * 4)]!;
      const compression = compress(forest, { levels, strategy: dice() < 0.5 ? "levels" : "branches" });
      const rewrites = findRewrites(compression);
      verify(forest, rewrites);
      counts.rounds++;
      if (dice() < 0.15) {
        const { errors } = await applySql(
          db.url,
          [...formatRewrites(compression, rewrites, { transactions: true })].join(""),
        );
        deepStrictEqual(errors, []);
        counts.files++;
        continue;
      }
      const report = await writeRewrites(session, forest, rewrites, { batch: 1 + Math.floor(dice() * 60) });
      counts.written += report.groupsWritten;
      counts.skipped += report.skipped.length;
      counts.retries += report.retries;
    }
  }

  /** Moves rows about all the while, beside a reader whose snapshot stays open for moments at a time. */
  async function reclaimer(dice: () => number): Promise<void> {
    await using session = await connect(db.url);
    while (!isOver()) {
      const reader = db.sql.begin("isolation level repeatable read read only", async (txn) => {
        const read = async () => {
          const [row] =
            await txn`SELECT count(*)::int AS rows, sum(('x' || left(md5(s::text), 8))::bit(32)::bigint)::text AS digest
            FROM state_groups_state AS s`;
          return { ...row };
        };
        const before = await read();
        await new Promise((resolve) => setTimeout(resolve, dice() * 500));
        deepStrictEqual(await read(), before);
      });
      const report = await reclaim(session, { holderPatienceMs: 1000, maxTimeMs: 5000 });
      counts.moved += report.rowsMoved;
      await reader;
    }
  }

  // One that fails ends the others before the database goes.
  const results = await Promise.allSettled(
    [synapse, synapse, synapse, compressor, compressor, reclaimer].map((work, n) =>
      work(mulberry32(seed * 100 + n)).catch((error) => {
        hasFailed = true;
        throw error;
      })
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  console.log(JSON.stringify(counts));
  await assertSound(db.sql);
  deepStrictEqual(await fullStates(db.sql), truth.digests());
  const { stored, deleted, written, skipped, moved } = counts;
  for (const [what, count] of Object.entries({ stored, deleted, written, skipped, moved })) {
    notStrictEqual(count, 0, `nothing was ${what}`);
  }
});

/** The last row of each key. */
function unique(rows: State): State {
  return [...new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row])).values()];
}
