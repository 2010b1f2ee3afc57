/**
 * Marks unused state groups for deletion, as Synapse's own code does (storage/databases/state/deletion.py,
 * `_mark_state_groups_as_pending_deletion_txn`): Synapse deletes them ten minutes later, after checks of its own. A batch is
 * at most 100 groups of one room with one timestamp that no other mark has, and comes after (with a later timestamp than)
 * the batches with what builds on its groups: so whatever builds on a deleted group is deleted before or with it, and
 * Synapse need not write a snapshot for it. Each batch is one short transaction.
 */
import { ConflictError } from "../../errors.ts";
import { findUsed } from "../read/unused.ts";
import type { Session } from "../session/connect.ts";
import { breathe, finishing } from "../session/stop.ts";

/** What came of marking. */
interface MarkReport {
  /** Groups that are marked now. */
  marked: number;
  /** Groups left alone: used meanwhile, being persisted, gone, or something that is not marked builds on them. */
  left: number;
  batches: number;
}

/** Options of markGroups(). */
interface MarkOptions {
  /** Groups with one timestamp. @default 100, Synapse's own number */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch with the number of groups dealt with. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

const BATCH = 100;
const ATTEMPTS = 5;

const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = '500ms';
SET LOCAL statement_timeout = '30s';
SET LOCAL enable_seqscan = off`;

/** Locks the groups against a new group being built on them: Synapse locks what it builds on FOR KEY SHARE. */
const LOCK = `SELECT id FROM state_groups WHERE id = ANY ($1::bigint[]) AND room_id = $2 ORDER BY id FOR UPDATE`;

/**
 * Marks those of $1 (locked) that nothing unmarked builds on, at the first millisecond from now on, and from $2 on, that has
 * no marks. A group of $1 on which another of $1 builds goes only if that one goes: hence the recursion, from those that
 * must stay, down their predecessors.
 */
const MARK = `WITH RECURSIVE wanted AS (SELECT unnest($1::bigint[]) AS id),
staying (id) AS (
  SELECT e.prev_state_group FROM state_group_edges AS e JOIN wanted AS w ON w.id = e.prev_state_group
    LEFT JOIN state_groups_pending_deletion AS p ON p.state_group = e.state_group
    WHERE p.state_group IS NULL AND e.state_group NOT IN (SELECT id FROM wanted)
  UNION SELECT state_group FROM state_groups_persisting JOIN wanted ON wanted.id = state_group
  UNION SELECT e.prev_state_group FROM staying AS s JOIN state_group_edges AS e ON e.state_group = s.id
    JOIN wanted AS w ON w.id = e.prev_state_group
), instant AS (
  SELECT greatest($2::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    (SELECT max(insertion_ts) + 1 FROM state_groups_pending_deletion
      WHERE insertion_ts >= floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)) AS ts
)
INSERT INTO state_groups_pending_deletion (state_group, insertion_ts)
SELECT w.id, i.ts FROM wanted AS w, instant AS i WHERE w.id NOT IN (SELECT id FROM staying)
ON CONFLICT (state_group) DO NOTHING RETURNING state_group AS id, insertion_ts AS ts`;

/** The statements at which others may come in between; for tests. */
export const MARK_STEPS: readonly string[] = [BEGIN, MARK, "COMMIT"];

/**
 * Marks groups of one room.
 *
 * @param groupIds database ids; whatever of them is used by an event by now, or has something unmarked built on it, is left alone
 * @throws {CompressorError} the server or a connection failed; what was marked before stays marked
 * @throws {StoppedError} the signal was aborted, likewise
 */
export async function markGroups(
  session: Session,
  events: Session,
  roomId: string,
  groupIds: readonly number[],
  { batch = BATCH, signal, onProgress }: MarkOptions = {},
): Promise<MarkReport> {
  const report: MarkReport = { marked: 0, left: 0, batches: 0 };
  // A group's id is above those that it builds on: from the top down, whatever builds on a group comes first.
  const ids = groupIds.toSorted((a, b) => b - a);
  let earliest = 0;
  for (let from = 0; from < ids.length; from += batch) {
    await breathe(signal);
    const part = ids.slice(from, from + batch);
    const used = new Set(await findUsed(events, part));
    const marks = await markBatch(session, roomId, part.filter((id) => !used.has(id)), earliest);
    for (const { ts } of marks) earliest = Math.max(earliest, ts + 1);
    report.marked += marks.length;
    report.left += part.length - marks.length;
    if (marks.length > 0) report.batches++;
    onProgress?.(Math.min(ids.length, from + batch));
  }
  return report;
}

/** One batch, tried again while somebody is in the way; then its groups are left alone. */
async function markBatch(
  session: Session,
  roomId: string,
  ids: readonly number[],
  earliest: number,
): Promise<{ id: number; ts: number }[]> {
  const { sql } = session;
  for (let attempt = 1; ids.length > 0; attempt++) {
    try {
      return await finishing(session, async () => {
        try {
          await sql.unsafe(BEGIN).simple();
          const locked = await sql.unsafe(LOCK, [`{${ids.join()}}`, roomId]);
          const marks = await sql.unsafe<{ id: number; ts: number }[]>(MARK, [
            `{${locked.map(({ id }) => id).join()}}`,
            earliest,
          ]);
          await sql.unsafe("COMMIT").simple();
          return marks;
        } catch (error) {
          if (session.lost === undefined) await sql.unsafe("ROLLBACK").simple();
          throw error;
        }
      });
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS) {
        if (error instanceof ConflictError) return [];
        throw error;
      }
    }
  }
  return [];
}
