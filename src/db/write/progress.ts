/**
 * How far each room is compressed: the tables of the Rust auto compressor, made and kept as it does (state_saving.rs), so that
 * either program goes on where the other ended. Hides their statements. A room costs one statement to read and one to save.
 */
import { CompressorError } from "../../errors.ts";
import { parseId } from "../read/ids.ts";
import type { Session } from "../session/connect.ts";
import { textArray } from "./statements.ts";

/** A saved level, with database ids. */
export interface SavedLevel {
  /** How many groups the level may hold. */
  readonly maxLength: number;
  /** How many it holds. */
  readonly length: number;
  /** The id of its head, or undefined where there is none. */
  readonly head: number | undefined;
}

/** A saved head that compression cannot go on from, and what it goes on from instead. */
export interface ReplacedHead {
  /** The group's id. */
  readonly head: number;
  /** `gone`: no such group. `other-room`: a group of another room. `ahead`: a group above what is said to be done. */
  readonly reason: "gone" | "other-room" | "ahead";
  /** The nearest group below that stands, or undefined: the level begins anew. */
  readonly by: number | undefined;
}

/** How far a room is. */
export interface RoomProgress {
  /** Groups up to this id are done, or undefined where none is. */
  readonly lastCompressed: number | undefined;
  /** Lowest first; empty where none are saved. */
  readonly levels: readonly SavedLevel[];
  /** Each saved head that was replaced, once. */
  readonly replaced: readonly ReplacedHead[];
}

/** The Rust tool's, word for word; and ours. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS state_compressor_state (room_id TEXT NOT NULL, level_num INT NOT NULL, max_size INT NOT NULL,
    current_length INT NOT NULL, current_head BIGINT, UNIQUE (room_id, level_num));
  CREATE INDEX IF NOT EXISTS state_compressor_state_index ON state_compressor_state (room_id);
  CREATE TABLE IF NOT EXISTS state_compressor_progress (room_id TEXT PRIMARY KEY, last_compressed BIGINT NOT NULL);
  CREATE TABLE IF NOT EXISTS state_compressor_total_progress(lock CHAR(1) NOT NULL DEFAULT 'X' UNIQUE,
    lowest_uncompressed_group BIGINT NOT NULL, CHECK (Lock='X'));
  INSERT INTO state_compressor_total_progress (lowest_uncompressed_group) VALUES (0) ON CONFLICT (lock) DO NOTHING;`;

/** Any number, the same in all processes: two that make the tables at once would fail. */
const TABLES_LOCK = "hashtext('synapse_compress_state tables')";

/** Makes the tables that are not there. Where all are, no privilege to make any is needed. */
export async function createProgressTables(session: Session): Promise<void> {
  const names = ["state", "progress", "total_progress"];
  const exist = names.map((name) => `to_regclass('state_compressor_${name}') IS NOT NULL`).join(" AND ");
  const [row] = await session.sql.unsafe(`SELECT ${exist} AS exist`);
  if (row!["exist"]) return;
  await session.transaction("", async () => {
    await session.sql.unsafe(`SELECT pg_advisory_xact_lock(${TABLES_LOCK})`);
    await session.sql.unsafe(TABLES).simple();
  });
}

/**
 * Whether an auto compressor has left its tables here, and the role may read them.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function hasProgressTables({ sql }: Session): Promise<boolean> {
  const tables = ["state", "progress"].map((name) =>
    `coalesce(has_table_privilege(to_regclass('state_compressor_${name}'), 'SELECT'), false)`
  );
  const [row] = await sql.unsafe(`SELECT ${tables.join(" AND ")} AS there`);
  return row!["there"];
}

/**
 * How far a room is; not at all where no auto compressor has ever been here.
 *
 * @throws {CapacityError} a saved id is beyond 2^53
 */
export async function readProgress({ sql }: Session, roomId: string): Promise<RoomProgress> {
  const rows = await sql.unsafe(
    `SELECT p.last_compressed::text AS last, s.level_num, s.max_size, s.current_length, s.current_head::text AS head,
      CASE WHEN g.id IS NULL THEN 'gone' WHEN g.room_id IS DISTINCT FROM s.room_id THEN 'other-room'
        WHEN g.id > p.last_compressed THEN 'ahead' END AS reason
      FROM state_compressor_progress AS p LEFT JOIN state_compressor_state AS s USING (room_id)
      LEFT JOIN state_groups AS g ON g.id = s.current_head
      WHERE p.room_id = $1 ORDER BY s.level_num`,
    [roomId],
  );
  const last = rows[0]?.["last"];
  if (last === undefined) return { lastCompressed: undefined, levels: [], replaced: [] };
  const lastCompressed = parseId(last);
  const levels: SavedLevel[] = [];
  const replaced: ReplacedHead[] = [];
  for (const row of rows) {
    // What the Rust tool would refuse, such as a missing level, begins anew.
    if (row["level_num"] !== levels.length + 1 || row["max_size"] < 1) break;
    let head = row["head"] === null ? undefined : parseId(row["head"]);
    if (head !== undefined && row["reason"] !== null) {
      let known = replaced.find((other) => other.head === head);
      if (known === undefined) {
        const [by] = await findLastGroups({ sql }, roomId, Math.min(head, lastCompressed), 1);
        replaced.push(known = { head, reason: row["reason"], by });
      }
      head = known.by;
    }
    const length = head === undefined ? 0 : Math.max(0, Math.min(row["current_length"], row["max_size"]));
    levels.push({ maxLength: row["max_size"], length, head });
  }
  return { lastCompressed, levels, replaced };
}

/**
 * A room's groups, for a FROM. OFFSET 0 makes the planner look them up by the room: to find the highest or the lowest few it
 * would else walk the primary key through the groups of all rooms, where it thinks that the room has many.
 */
function roomGroups(condition: string): string {
  return `(SELECT id FROM state_groups WHERE room_id = $1 AND ${condition} OFFSET 0) AS g`;
}

/** The last groups of a room up to an id, highest first. */
export async function findLastGroups(
  { sql }: Pick<Session, "sql">,
  roomId: string,
  upTo: number,
  limit: number,
): Promise<number[]> {
  const rows = await sql.unsafe(
    `SELECT id::text AS id FROM ${roomGroups("id <= $2::bigint")} ORDER BY g.id DESC LIMIT ${limit}`,
    [roomId, String(upTo)],
  );
  return rows.map((row) => parseId(row["id"]));
}

/** The lowest group of a room above an id, or undefined. */
export async function findNextGroup({ sql }: Session, roomId: string, above: number): Promise<number | undefined> {
  const [row] = await sql.unsafe(
    `SELECT min(id)::text AS id FROM ${roomGroups("id > $2::bigint")}`,
    [roomId, String(above)],
  );
  return row!["id"] === null ? undefined : parseId(row!["id"]);
}

/** Whether the user may delete what is saved. */
async function mayRemove({ sql }: Session): Promise<boolean> {
  const [row] = await sql.unsafe(
    `SELECT has_table_privilege('state_compressor_state', 'DELETE')
      AND has_table_privilege('state_compressor_progress', 'DELETE') AS may`,
  );
  return row!["may"];
}

/**
 * Deletes the progress and the levels of rooms that no longer have any state group: Synapse has deleted them, and does not know
 * these tables. Where the privilege to delete is missing, or a compressor is saving at this moment, they stay for the next time.
 *
 * @param options with dryRun they are counted, and stay
 * @returns how many rooms that were
 */
export async function removeGoneRooms(
  session: Session,
  { dryRun = false }: { readonly dryRun?: boolean | undefined } = {},
): Promise<number> {
  const { sql } = session;
  if (!await (dryRun ? hasProgressTables(session) : mayRemove(session))) return 0;
  const gone = await session.transaction("READ ONLY", async () => {
    // However little the planner knows of the tables: it reads them once, not once a room.
    await sql.unsafe("SET LOCAL enable_nestloop = off; SET LOCAL jit = off").simple();
    return await sql.unsafe(`SELECT room_id FROM (SELECT room_id FROM state_compressor_progress
        UNION SELECT room_id FROM state_compressor_state) AS p
      WHERE NOT EXISTS (SELECT FROM state_groups AS g WHERE g.room_id = p.room_id)`);
  });
  if (gone.length === 0 || dryRun) return gone.length;
  try {
    return await session.transaction("ISOLATION LEVEL READ COMMITTED", async () => {
      // The Rust tool saves levels, then progress, and fails for good on levels without progress: it must not come between.
      await sql.unsafe(`SET LOCAL lock_timeout = '500ms';
        LOCK TABLE state_compressor_state, state_compressor_progress IN SHARE ROW EXCLUSIVE MODE;
        SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`).simple();
      const rows = await sql.unsafe(
        `WITH gone AS (SELECT room_id FROM unnest($1::text[]) AS r (room_id)
          WHERE NOT EXISTS (SELECT FROM state_groups AS g WHERE g.room_id = r.room_id)
        ), levels AS (DELETE FROM state_compressor_state WHERE room_id IN (SELECT room_id FROM gone)
        ), progress AS (DELETE FROM state_compressor_progress WHERE room_id IN (SELECT room_id FROM gone)
        ) SELECT count(*)::int AS rooms FROM gone`,
        [textArray(gone.map((row) => row["room_id"]))],
      );
      return rows[0]!["rooms"] as number;
    });
  } catch (error) {
    if (error instanceof CompressorError && error.code === "55P03") return 0;
    throw error;
  }
}

/**
 * Saves how far a room is: progress and levels in one statement, so both or neither. The server need not have it on its disk at
 * once, for which every small room would wait: where it crashes, what is lost is some rooms' progress and never what was written
 * before, and the next run finds those rooms as they should be.
 */
export async function saveProgress(
  { sql }: Session,
  roomId: string,
  lastCompressed: number,
  levels: readonly SavedLevel[],
): Promise<void> {
  const array = (values: readonly (number | undefined)[]) => `{${values.map((value) => value ?? "NULL").join()}}`;
  await sql.unsafe(
    `WITH progress AS (
      INSERT INTO state_compressor_progress (room_id, last_compressed) VALUES ($1, $2::bigint)
      ON CONFLICT (room_id) DO UPDATE SET last_compressed = excluded.last_compressed
    ), surplus AS (
      DELETE FROM state_compressor_state WHERE room_id = $1 AND level_num > $3::int
    ), lazy AS (
      SELECT set_config('synchronous_commit', 'off', true)
    ) INSERT INTO state_compressor_state (room_id, level_num, max_size, current_length, current_head)
      SELECT $1, n, size, length, head
      FROM lazy, unnest($4::int[], $5::int[], $6::bigint[]) WITH ORDINALITY AS level (size, length, head, n)
      ON CONFLICT (room_id, level_num) DO UPDATE SET max_size = excluded.max_size,
        current_length = excluded.current_length, current_head = excluded.current_head`,
    [
      roomId,
      String(lastCompressed),
      levels.length,
      array(levels.map((level) => level.maxLength)),
      array(levels.map((level) => level.length)),
      array(levels.map((level) => level.head)),
    ],
  );
}
