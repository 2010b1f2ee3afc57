/**
 * Deletes what Synapse never cleans up: rows and edges of state groups that do not exist, and deletion marks of groups that
 * are gone. Nobody reads them, unless an edge leads there: Synapse follows edges from id to id, whether the groups between
 * exist or not. So what an edge leads to stays; a chain of missing groups goes from its top down, an edge a pass. Each
 * statement looks again whether the group is missing, in the snapshot in which it deletes; ids come from a sequence and are
 * never used again. In batches, each a transaction of its own, with short waits for locks. Reads the index of every row once.
 */
import { ConflictError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";
import { finishing, pause } from "../session/stop.ts";

/** What was deleted. */
export interface LeftOverReport {
  /** Edges deleted. */
  edges: number;
  /** Rows deleted. */
  rows: number;
  /** Deletion marks deleted. */
  marks: number;
  /** Batches that were left alone, since somebody else held their rows at every attempt. */
  busy: number;
}

/** Options of removeLeftOvers(). */
export interface LeftOverOptions {
  /** Stops it after the batch under way. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch. */
  readonly onProgress?: ((report: Readonly<LeftOverReport>) => void) | undefined;
}

/** Ids that are looked at in one statement. */
const WINDOW = 5000;
/** Ids stay texts here: broken data may have some beyond 2^53. */
const LEAST_ID = "-9223372036854775808";
/** The most edges of a chain of missing groups that one run deletes; the next run deletes the rest. */
const MOST_PASSES = 200;
const PAUSES_MS = [100, 300, 900];

const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = '500ms';
SET LOCAL statement_timeout = '60s';
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off`;

/** Whether a group's rows and edges, or its mark, are of no use to anybody. */
function isLeftOver(table: string, id: string): string {
  const isMissing = `NOT EXISTS (SELECT FROM state_groups AS g WHERE g.id = ${id})`;
  if (table === "state_groups_pending_deletion") return isMissing;
  return `${isMissing} AND NOT EXISTS (SELECT FROM state_group_edges AS e WHERE e.prev_state_group = ${id})`;
}

/** The next ids in a column, each once, by hopping from one to the next in the index. */
function window(table: string, column: string): string {
  return `WITH RECURSIVE ids (id) AS (
    SELECT min(${column}) FROM ${table} WHERE ${column} > $1::bigint
    UNION ALL SELECT (SELECT min(${column}) FROM ${table} WHERE ${column} > ids.id) FROM ids WHERE ids.id IS NOT NULL
  ) SELECT id::text AS id, ${isLeftOver(table, "w.id")} AS missing
  FROM (SELECT id FROM ids LIMIT ${WINDOW}) AS w WHERE id IS NOT NULL ORDER BY w.id`;
}

/** Deletes what stands of the groups $1, if they are still left over. */
function deletion(table: string, column: string): string {
  return `DELETE FROM ${table} AS t WHERE t.${column} = ANY ($1::bigint[])
    AND ${isLeftOver(table, `t.${column}`)}`;
}

/**
 * Deletes left-overs of the whole server.
 *
 * @throws {CompressorError} a privilege is missing, or the server or the connection failed; what was deleted stays so
 * @throws {StoppedError} the signal was aborted, likewise
 */
export async function removeLeftOvers(
  session: Session,
  { signal, onProgress }: LeftOverOptions = {},
): Promise<LeftOverReport> {
  const report: LeftOverReport = { edges: 0, rows: 0, marks: 0, busy: 0 };
  const places = [["edges", "state_group_edges"], ["rows", "state_groups_state"]] as const;
  const all = session.hasPendingDeletion ? [...places, ["marks", "state_groups_pending_deletion"] as const] : places;
  const removeFrom = async (kind: "edges" | "rows" | "marks", table: string) => {
    const before = report[kind];
    for (let from: string | undefined = LEAST_ID; from !== undefined;) {
      const found = await findWindow(session, table, from);
      const missing = found.filter((row) => row["missing"]).map(({ id }) => id);
      const deleted = missing.length === 0 ? 0 : await remove(session, table, missing, signal);
      if (deleted === undefined) report.busy++;
      else report[kind] += deleted;
      onProgress?.(report);
      from = found.length === WINDOW ? found.at(-1)!["id"] : undefined;
    }
    return report[kind] - before;
  };
  for (const [kind, table] of all) {
    for (let passes = kind === "edges" ? MOST_PASSES : 1; passes > 0 && await removeFrom(kind, table) > 0; passes--);
  }
  return report;
}

function findWindow(session: Session, table: string, from: string) {
  return session.transaction("ISOLATION LEVEL READ COMMITTED READ ONLY", async () => {
    await session.sql.unsafe("SET LOCAL enable_seqscan = off; SET LOCAL jit = off").simple();
    return await session.sql.unsafe(window(table, "state_group"), [from]);
  });
}

/** Returns how many rows were deleted, or undefined where others were in the way at every attempt. */
async function remove(
  session: Session,
  table: string,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const { sql } = session;
  for (const pauseMs of [...PAUSES_MS, undefined]) {
    try {
      return await finishing(session, async () => {
        try {
          await sql.unsafe(BEGIN).simple();
          const { count } = await sql.unsafe(deletion(table, "state_group"), [`{${ids.join()}}`]);
          await sql.unsafe("COMMIT").simple();
          return count;
        } catch (error) {
          if (session.lost === undefined) await sql.unsafe("ROLLBACK").simple();
          throw error;
        }
      });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (pauseMs !== undefined) await pause(pauseMs, signal);
    }
  }
  return undefined;
}
