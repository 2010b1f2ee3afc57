/**
 * Which rooms an auto compressor has to work on, and in which order. Reads state_groups whole, once, and a sample of
 * state_groups_state; the server adds up, so that only rooms come back. Hides the statement.
 */
import type { Session } from "../session/connect.ts";
import { hasProgressTables } from "./progress.ts";

/** A room with groups that are not done. */
export interface RoomWork {
  readonly roomId: string;
  /** Its lowest group that is not done; beyond 2^53 not exact. */
  readonly nextGroup: number;
  /** How many are not done. */
  readonly groups: number;
  /** About how many rows these have; exact where that was asked for. */
  readonly rows: number;
}

/** Options for listWork(). */
export interface WorkOptions {
  /** By the lowest group, or by the most rows. @default "biggest" */
  readonly order?: "oldest" | "biggest" | undefined;
  /** Count every row of the whole table, rather than of a sample of its pages. @default false */
  readonly exact?: boolean | undefined;
  /** How many rows a sample is to have. @default 1,000,000 */
  readonly sampleRows?: number | undefined;
  /** Write nothing, and do without the progress tables where they are not there. @default false */
  readonly dryRun?: boolean | undefined;
}

/**
 * All rooms with groups that are not done. Also tells the Rust tool where to begin its search.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function listWork(session: Session, options: WorkOptions = {}): Promise<RoomWork[]> {
  const { order = "biggest", exact = false, sampleRows = 1_000_000, dryRun = false } = options;
  const { sql } = session;
  const hasProgress = !dryRun || await hasProgressTables(session);
  const { share, sample } = order === "oldest" || exact
    ? { share: 1, sample: "" }
    : await chooseSample(session, sampleRows);
  const rows = await session.transaction("READ ONLY", async () => {
    // Without statistics the planner may take tables for small, and read one of them again for each row of the other.
    await sql.unsafe("SET LOCAL enable_nestloop = off; SET LOCAL jit = off").simple();
    return await sql.unsafe(workStatement(order, sample, hasProgress));
  });
  let lowest: bigint | undefined;
  const work: RoomWork[] = [];
  for (const row of rows) {
    const next = BigInt(row["next"]);
    if (lowest === undefined || next < lowest) lowest = next;
    const [groups, sampled] = [row["groups"] as number, Math.round((row["rows"] ?? 0) / share)];
    work.push({
      roomId: row["room_id"],
      nextGroup: Number(next),
      groups,
      // A room that the sample missed is about as big as its groups.
      rows: Math.max(order === "oldest" || !exact ? groups : 0, sampled),
    });
  }
  if (lowest !== undefined && !dryRun) {
    await sql.unsafe(
      `UPDATE state_compressor_total_progress SET lowest_uncompressed_group = $1::bigint
        WHERE lowest_uncompressed_group < $1::bigint`,
      [String(lowest)],
    );
  }
  return order === "oldest"
    ? work.sort((a, b) => a.nextGroup - b.nextGroup)
    : work.sort((a, b) => b.rows - a.rows || a.nextGroup - b.nextGroup);
}

/** The statement that finds the rooms. */
function workStatement(order: "oldest" | "biggest", sample: string, hasProgress: boolean): string {
  const progress = hasProgress ? "LEFT JOIN state_compressor_progress AS p USING (room_id)" : "";
  /** Whether a group is above its room's progress, if that has any. */
  const isLeft = (id: string) => hasProgress ? `(p.last_compressed IS NULL OR ${id} > p.last_compressed)` : "true";
  const groups = `SELECT g.room_id, min(g.id)::text AS next, count(*)::float8 AS groups FROM state_groups AS g
    ${progress} WHERE g.room_id IS NOT NULL AND ${isLeft("g.id")} GROUP BY g.room_id`;
  if (order === "oldest") return groups;
  return `SELECT g.room_id, g.next, g.groups, s.rows FROM (${groups}) AS g LEFT JOIN (
    SELECT s.room_id, count(*)::float8 AS rows FROM state_groups_state AS s ${sample}
    ${progress} WHERE ${isLeft("s.state_group")} GROUP BY s.room_id) AS s USING (room_id)`;
}

/** A sample of state_groups_state of about `sampleRows` rows, and which share of the table that is. */
async function chooseSample({ sql }: Session, sampleRows: number): Promise<{ share: number; sample: string }> {
  const [table] = await sql.unsafe(
    `SELECT greatest(reltuples::float8, pg_relation_size(oid) / 200.0)::float8 AS rows FROM pg_class
      WHERE oid = 'state_groups_state'::regclass`,
  );
  const share = Math.min(1, sampleRows / Math.max(1, table!["rows"]));
  return { share, sample: share === 1 ? "" : `TABLESAMPLE SYSTEM (${(share * 100).toFixed(6)})` };
}
