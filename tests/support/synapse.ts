/**
 * Synapse beside the compressor: what it reads of the state tables and what it does to them, ported statement by statement
 * from synapse/storage/databases/state/{bg_updates,store,deletion}.py (1.163), with its isolation level and its retries.
 */
import { deepStrictEqual } from "node:assert/strict";
import postgres, { type TransactionSql } from "postgres";
import type { TestSql } from "./database.ts";

/** Asserts what Synapse assumes: edges between groups that exist, to a smaller id, one a group; no row twice or without its group. */
export async function assertSound(sql: TestSql): Promise<void> {
  const [found] = await sql`SELECT
    ARRAY(SELECT state_group || ' -> ' || prev_state_group FROM state_group_edges
      WHERE prev_state_group NOT IN (SELECT id FROM state_groups)) AS dangling,
    ARRAY(SELECT state_group || ' -> ' || prev_state_group FROM state_group_edges
      WHERE state_group NOT IN (SELECT id FROM state_groups)) AS orphan_edges,
    ARRAY(SELECT DISTINCT state_group FROM state_groups_state
      WHERE state_group NOT IN (SELECT id FROM state_groups)) AS orphan_rows,
    ARRAY(SELECT state_group FROM state_group_edges GROUP BY 1 HAVING count(*) > 1) AS two_predecessors,
    ARRAY(SELECT state_group FROM state_group_edges WHERE prev_state_group >= state_group) AS forward,
    ARRAY(SELECT DISTINCT state_group FROM state_groups_state GROUP BY state_group, type, state_key
      HAVING count(*) > 1) AS duplicates`;
  deepStrictEqual({ ...found }, {
    dangling: [],
    orphan_edges: [],
    orphan_rows: [],
    two_predecessors: [],
    forward: [],
    duplicates: [],
  });
}

/** A state: event ids by type and state key, in the order in which they were added. */
export type State = readonly (readonly [type: string, stateKey: string, eventId: string])[];

/** Which pending deletions are being dealt with, by state group: the sequence numbers that were seen. */
export type Pending = ReadonlyMap<number, number>;

/** How this Synapse is set up. */
export interface SynapseOptions {
  /** Whether it has the tables of schema 89; before, nothing was marked, locked or checked. @default true */
  readonly pendingDeletion?: boolean;
  /** DELAY_BEFORE_DELETION_MS; ten minutes in Synapse, none here, which is harder on us. @default 0 */
  readonly delayMs?: number;
  /** Called and waited for before each stage, by name, so that a test decides what happens in between. */
  readonly at?: (stage: string) => Promise<void>;
}

type Txn = TransactionSql<{ bigint: number }>;

/** One connection's worth of Synapse. */
export class Synapse implements AsyncDisposable {
  /** How often a transaction had to start again. */
  retries = 0;
  readonly #sql: TestSql;
  readonly #pendingDeletion: boolean;
  readonly #delayMs: number;
  readonly #at: (stage: string) => Promise<void>;

  constructor(url: string, { pendingDeletion = true, delayMs = 0, at = () => Promise.resolve() }: SynapseOptions = {}) {
    this.#sql = postgres(url, {
      max: 1,
      onnotice: () => {},
      types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
      connection: { application_name: "synapse" },
    });
    this.#pendingDeletion = pendingDeletion;
    this.#delayMs = delayMs;
    this.#at = at;
  }

  /** database.py, new_transaction: REPEATABLE READ; five attempts, without a pause, at what fails to serialise. */
  async #interact<T>(work: (txn: Txn) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#sql.begin("isolation level repeatable read", work) as T;
      } catch (error) {
        if (!["40001", "40P01"].includes((error as { code?: string }).code ?? "") || attempt === 5) throw error;
        this.retries++;
      }
    }
  }

  /** store.py, store_state_group: a new group as a delta on `base`, or as a snapshot; undefined where `base` is gone. */
  async storeGroup(roomId: string, base: number | undefined, rows: State): Promise<number | undefined> {
    await this.#at("store");
    return await this.#interact(async (txn) => {
      if (base !== undefined) {
        if (this.#pendingDeletion) {
          // deletion.py, _check_state_groups_and_bump_deletion_txn
          const [found] = await txn`SELECT id FROM state_groups WHERE id IN (${base}) FOR KEY SHARE`;
          await this.#at("locked");
          await txn`UPDATE state_groups_pending_deletion SET sequence_number = DEFAULT, insertion_ts = ${Date.now()}
            WHERE state_group IN (${base})`;
          if (found === undefined) return undefined;
        } else if ((await txn`SELECT 1 FROM state_groups WHERE id = ${base}`).length === 0) {
          return undefined;
        }
      }
      const [next] = await txn`SELECT nextval('state_group_id_seq')::bigint AS id`;
      const id: number = next!["id"];
      await txn`INSERT INTO state_groups (id, room_id, event_id) VALUES (${id}, ${roomId}, ${`$for${id}`})`;
      if (base !== undefined) {
        await txn`INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (${id}, ${base})`;
      }
      await insertRows(txn, id, roomId, rows);
      await this.#at("stored");
      return id;
    });
  }

  /** deletion.py, _mark_state_groups_as_pending_deletion_txn. */
  async markPending(groups: readonly number[]): Promise<void> {
    await this.#at("mark");
    await this.#interact((txn) =>
      txn`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts)
        SELECT id, ${Date.now()}::bigint FROM unnest(${groups as number[]}::bigint[]) AS id
        ON CONFLICT (state_group) DO NOTHING`
    );
  }

  /** deletion.py, _get_next_state_group_collection_to_delete_txn, for one room. */
  async nextToDelete(roomId: string): Promise<Pending | undefined> {
    await this.#at("next");
    return await this.#interact(async (txn) => {
      const [oldest] = await txn`SELECT insertion_ts FROM state_groups_pending_deletion AS sd
        INNER JOIN state_groups AS sg ON (id = sd.state_group) LEFT JOIN state_groups_persisting AS sp USING (state_group)
        WHERE insertion_ts <= ${Date.now() - this.#delayMs} AND sp.state_group IS NULL AND room_id = ${roomId}
        ORDER BY insertion_ts LIMIT 1`;
      if (oldest === undefined) return undefined;
      const rows = await txn`SELECT state_group, sequence_number FROM state_groups_pending_deletion AS sd
        INNER JOIN state_groups AS sg ON (id = sd.state_group) LEFT JOIN state_groups_persisting AS sp USING (state_group)
        WHERE room_id = ${roomId} AND insertion_ts = ${oldest["insertion_ts"]} AND sp.state_group IS NULL`;
      return new Map(rows.map((row) => [row["state_group"], row["sequence_number"]]));
    });
  }

  /** store.py, _purge_unreferenced_state_groups; returns the groups that it deleted. */
  async purgeUnreferenced(roomId: string, groups: Pending): Promise<readonly number[]> {
    await this.#at("purge");
    return await this.#interact(async (txn) => {
      const doomed = this.#pendingDeletion ? await this.#ready(txn, groups) : [...groups.keys()];
      if (doomed.length === 0) return [];
      const edges = await txn`SELECT state_group FROM state_group_edges WHERE prev_state_group IN ${txn(doomed)}`;
      await this.#at("edges-read");
      const remaining = new Set<number>(edges.map((row) => row["state_group"]).filter((id) => !doomed.includes(id)));
      for (const sg of remaining) {
        const state = await readState(txn, sg);
        await txn`DELETE FROM state_groups_state WHERE state_group = ${sg}`;
        await txn`DELETE FROM state_group_edges WHERE state_group = ${sg}`;
        await insertRows(txn, sg, roomId, state);
      }
      await this.#at("de-deltaed");
      for (const sg of doomed) await txn`DELETE FROM state_groups_state WHERE state_group = ${sg}`;
      for (const sg of doomed) await txn`DELETE FROM state_group_edges WHERE state_group = ${sg}`;
      await this.#at("rows-deleted");
      for (const sg of doomed) await txn`DELETE FROM state_groups WHERE id = ${sg}`;
      if (this.#pendingDeletion) {
        for (const sg of doomed) await txn`DELETE FROM state_groups_pending_deletion WHERE state_group = ${sg}`;
      }
      await this.#at("commit");
      return doomed;
    });
  }

  /** deletion.py, get_state_groups_ready_for_potential_deletion_txn. */
  async #ready(txn: Txn, groups: Pending): Promise<number[]> {
    const ids = [...groups.keys()];
    await txn`SELECT id FROM state_groups WHERE id IN ${txn(ids)} FOR UPDATE`;
    await this.#at("locked");
    const rows = await txn`SELECT state_group, insertion_ts, sequence_number FROM (
        SELECT state_group, insertion_ts, sequence_number FROM state_groups_pending_deletion
        UNION SELECT state_group, null, null FROM state_groups_persisting
      ) AS s WHERE state_group IN ${txn(ids)}`;
    const ready = new Set<number>();
    const notReady = new Set<number>();
    for (const { state_group, insertion_ts, sequence_number } of rows) {
      const isReady = insertion_ts !== null && groups.get(state_group) === sequence_number &&
        Date.now() - insertion_ts >= this.#delayMs;
      (isReady ? ready : notReady).add(state_group);
    }
    for (const group of notReady) ready.delete(group);
    if (notReady.size > 0) {
      const ancestors = await txn`WITH RECURSIVE ancestors(state_group) AS (
          SELECT DISTINCT prev_state_group FROM state_group_edges WHERE state_group IN ${txn(ids)}
          UNION SELECT prev_state_group FROM state_group_edges INNER JOIN ancestors USING (state_group)
        ) SELECT state_group FROM ancestors`;
      for (const { state_group } of ancestors) ready.delete(state_group);
    }
    return [...ready];
  }

  /** store.py, _purge_room_state_txn. */
  async purgeRoom(roomId: string): Promise<void> {
    await this.#at("purge");
    await this.#interact(async (txn) => {
      await txn`DELETE FROM state_group_edges AS sge WHERE sge.state_group IN (
        SELECT id FROM state_groups AS sg WHERE sg.room_id = ${roomId})`;
      await this.#at("edges-deleted");
      await txn`DELETE FROM state_groups_state AS sgs WHERE sgs.state_group IN (
        SELECT id FROM state_groups AS sg WHERE sg.room_id = ${roomId})`;
      await this.#at("rows-deleted");
      await txn`DELETE FROM state_groups WHERE room_id = ${roomId}`;
      await this.#at("commit");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }
}

/** bg_updates.py, _get_state_groups_from_groups_txn. */
async function readState(txn: Txn, group: number): Promise<State> {
  await txn`SET LOCAL enable_seqscan = off`;
  const rows = await txn`WITH RECURSIVE sgs(state_group) AS (
      VALUES(${group}::bigint)
      UNION ALL
      SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group
    )
    SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
    WHERE state_group IN (SELECT state_group FROM sgs) ORDER BY type, state_key, state_group DESC`;
  return rows.map((row) => [row["type"], row["state_key"], row["event_id"]]);
}

async function insertRows(txn: Txn, group: number, roomId: string, rows: State): Promise<void> {
  if (rows.length === 0) return;
  await txn`INSERT INTO state_groups_state ${
    txn(rows.map(([type, state_key, event_id]) => ({ state_group: group, room_id: roomId, type, state_key, event_id })))
  }`;
}
