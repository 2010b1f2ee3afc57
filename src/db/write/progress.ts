/**
 * How far each room is compressed: the tables of the Rust auto compressor, made and kept as it does (state_saving.rs), so that
 * either program goes on where the other ended. Hides their statements. A room costs one statement to read and one to save.
 */
import { type Session, toCompressorError } from "../session/connect.ts";

/** A saved level, with database ids. */
export interface SavedLevel {
  readonly maxLength: number;
  readonly length: number;
  /** The id of its head, or undefined where there is none. */
  readonly head: number | undefined;
}

/** How far a room is. */
export interface RoomProgress {
  /** Groups up to this id are done, or undefined where none is. */
  readonly lastCompressed: number | undefined;
  /** Lowest first; empty where none are saved. */
  readonly levels: readonly SavedLevel[];
  /** Saved heads that are gone, and the nearest group below each that stands. */
  readonly replaced: readonly { readonly head: number; readonly by: number | undefined }[];
}

/** A room with groups that are not done. */
export interface RoomWork {
  readonly roomId: string;
  /** Its lowest group that is not done. */
  readonly nextGroup: number;
  /** How many are not done. */
  readonly groups: number;
  /** About how many rows these have; exact where that was asked for. */
  readonly rows: number;
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
export function createProgressTables(session: Session): Promise<void> {
  return typed(session, async () => {
    const names = ["state", "progress", "total_progress"];
    const exist = names.map((name) => `to_regclass('state_compressor_${name}') IS NOT NULL`).join(" AND ");
    const [row] = await session.sql.unsafe(`SELECT ${exist} AS exist`);
    if (row!["exist"]) return;
    await session.transaction("", async () => {
      await session.sql.unsafe(`SELECT pg_advisory_xact_lock(${TABLES_LOCK})`);
      await session.sql.unsafe(TABLES).simple();
    });
  });
}

/** How far a room is. */
export function readProgress(session: Session, roomId: string): Promise<RoomProgress> {
  return typed(session, async () => {
    const rows = await session.sql.unsafe(
      `SELECT p.last_compressed::text AS last, s.level_num, s.max_size, s.current_length, s.current_head::text AS head,
        g.id IS NULL AS gone FROM state_compressor_progress AS p LEFT JOIN state_compressor_state AS s USING (room_id)
        LEFT JOIN state_groups AS g ON g.id = s.current_head AND g.room_id = s.room_id AND g.id <= p.last_compressed
        WHERE p.room_id = $1 ORDER BY s.level_num`,
      [roomId],
    );
    const last = rows[0]?.["last"];
    if (last === undefined) return { lastCompressed: undefined, levels: [], replaced: [] };
    const lastCompressed = Number(last);
    const levels: SavedLevel[] = [];
    const replaced: { head: number; by: number | undefined }[] = [];
    for (const row of rows) {
      // What the Rust tool would refuse, such as a missing level, begins anew.
      if (row["level_num"] !== levels.length + 1 || row["max_size"] < 1) break;
      let head = row["head"] === null ? undefined : Number(row["head"]);
      if (head !== undefined && row["gone"]) {
        const by = await findNearest(session, roomId, Math.min(head, lastCompressed));
        replaced.push({ head, by });
        head = by;
      }
      const length = head === undefined ? 0 : Math.max(0, Math.min(row["current_length"], row["max_size"]));
      levels.push({ maxLength: row["max_size"], length, head });
    }
    return { lastCompressed, levels, replaced };
  });
}

async function findNearest(session: Session, roomId: string, id: number): Promise<number | undefined> {
  const [row] = await session.sql.unsafe(
    "SELECT max(id)::text AS id FROM state_groups WHERE room_id = $1 AND id <= $2::bigint",
    [roomId, String(id)],
  );
  return row!["id"] === null ? undefined : Number(row!["id"]);
}

/** The last groups of a room up to an id, highest first. */
export function findLastGroups(session: Session, roomId: string, upTo: number, limit: number): Promise<number[]> {
  return typed(session, async () => {
    const rows = await session.sql.unsafe(
      `SELECT id::text AS id FROM state_groups WHERE room_id = $1 AND id <= $2::bigint ORDER BY id DESC LIMIT ${limit}`,
      [roomId, String(upTo)],
    );
    return rows.map((row) => Number(row["id"]));
  });
}

/** Saves how far a room is: progress and levels in one statement, so both or neither. */
export function saveProgress(
  session: Session,
  roomId: string,
  lastCompressed: number,
  levels: readonly SavedLevel[],
): Promise<void> {
  return typed(session, async () => {
    const array = (values: readonly (number | undefined)[]) => `{${values.map((value) => value ?? "NULL").join()}}`;
    await session.sql.unsafe(
      `WITH progress AS (
        INSERT INTO state_compressor_progress (room_id, last_compressed) VALUES ($1, $2::bigint)
        ON CONFLICT (room_id) DO UPDATE SET last_compressed = excluded.last_compressed
      ), surplus AS (
        DELETE FROM state_compressor_state WHERE room_id = $1 AND level_num > $3::int
      ) INSERT INTO state_compressor_state (room_id, level_num, max_size, current_length, current_head)
        SELECT $1, n, size, length, head
        FROM unnest($4::int[], $5::int[], $6::bigint[]) WITH ORDINALITY AS level (size, length, head, n)
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
  });
}

/** What listWork() may be told. */
export interface WorkOptions {
  /** By the lowest group, or by the most rows. @default "biggest" */
  readonly order?: "oldest" | "biggest" | undefined;
  /** Count every row of the whole table, rather than of a sample of its pages. @default false */
  readonly exact?: boolean | undefined;
  /** How many rows a sample is to have. @default 1,000,000 */
  readonly sampleRows?: number | undefined;
}

/**
 * All rooms with groups that are not done. Reads state_groups whole, and, for "biggest", a sample of state_groups_state.
 * Also tells the Rust tool where to begin its search.
 */
export function listWork(session: Session, options: WorkOptions = {}): Promise<RoomWork[]> {
  const { order = "biggest", exact = false, sampleRows = 1_000_000 } = options;
  return typed(session, async () => {
    const rows = await session.sql.unsafe(
      `SELECT g.room_id, min(g.id)::text AS next, count(*)::float8 AS groups FROM state_groups AS g
        LEFT JOIN state_compressor_progress AS p USING (room_id)
        WHERE g.id > coalesce(p.last_compressed, -1) GROUP BY g.room_id`,
    );
    const sizes = order === "oldest"
      ? new Map<string, number>()
      : await sampleRooms(session, exact ? Infinity : sampleRows);
    const work = rows.map((row) => ({
      roomId: row["room_id"] as string,
      nextGroup: Number(row["next"]),
      groups: row["groups"] as number,
      // A room that the sample missed is about as big as its groups.
      rows: Math.max(order === "oldest" || !exact ? row["groups"] as number : 0, sizes.get(row["room_id"]) ?? 0),
    }));
    let lowest = Infinity;
    for (const { nextGroup } of work) lowest = Math.min(lowest, nextGroup);
    if (lowest !== Infinity) {
      await session.sql.unsafe(
        `UPDATE state_compressor_total_progress SET lowest_uncompressed_group = $1::bigint
          WHERE lowest_uncompressed_group < $1::bigint`,
        [String(lowest)],
      );
    }
    return order === "oldest"
      ? work.sort((a, b) => a.nextGroup - b.nextGroup)
      : work.sort((a, b) => b.rows - a.rows || a.nextGroup - b.nextGroup);
  });
}

/** About how many rows each room has above its last compressed group. */
async function sampleRooms(session: Session, sampleRows: number): Promise<Map<string, number>> {
  const [table] = await session.sql.unsafe(
    `SELECT greatest(reltuples::float8, pg_relation_size(oid) / 200.0)::float8 AS rows FROM pg_class
      WHERE oid = 'state_groups_state'::regclass`,
  );
  const share = Math.min(1, sampleRows / Math.max(1, table!["rows"]));
  const sample = share === 1 ? "" : `TABLESAMPLE SYSTEM (${(share * 100).toFixed(6)})`;
  const rows = await session.sql.unsafe(
    `SELECT s.room_id, count(*)::float8 AS rows FROM state_groups_state AS s ${sample}
      LEFT JOIN state_compressor_progress AS p USING (room_id)
      WHERE s.state_group > coalesce(p.last_compressed, -1) GROUP BY s.room_id`,
  );
  return new Map(rows.map((row) => [row["room_id"], Math.round(row["rows"] / share)]));
}

/** The lowest group of a room above an id, or undefined. */
export function findNextGroup(session: Session, roomId: string, above: number): Promise<number | undefined> {
  return typed(session, async () => {
    const [row] = await session.sql.unsafe(
      "SELECT min(id)::text AS id FROM state_groups WHERE room_id = $1 AND id > $2::bigint",
      [roomId, String(above)],
    );
    return row!["id"] === null ? undefined : Number(row!["id"]);
  });
}

async function typed<T>(session: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toCompressorError(error, session.target);
  }
}
