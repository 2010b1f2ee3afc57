/**
 * Rooms by state, biggest first. Estimated from a sample of the tables' pages (TABLESAMPLE SYSTEM), so that it takes seconds
 * however big they are, and with an honest error: rows of one room lie together, so pages, not rows, are what was drawn.
 * Or counted, which reads the whole table. Knows the state tables and the Rust auto compressor's progress; read only.
 */
import { quoteLiteral } from "../../format/sql/quote.ts";
import { CompressorError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";
import { countDrawn, estimate, type Figure } from "./estimate.ts";

/** A room's size. Errors are half the width of a 95 % confidence interval; 0 where it was counted. */
export interface RoomSize {
  /** The room. */
  readonly roomId: string;
  /** Its rows. */
  readonly rows: number;
  /** Half the width of the 95 % confidence interval; 0 where rows were counted. */
  readonly rowsError: number;
  /** The part of all rows of all rooms, from 0 to 1. */
  readonly share: number;
  /** Rows above what an auto compressor has done; all of them where none has. */
  readonly uncompressedRows: number;
  /** The same of the uncompressed rows. */
  readonly uncompressedRowsError: number;
  /** State groups. */
  readonly groups: number;
  /** Half the width of the 95 % confidence interval; 0 where groups were counted. */
  readonly groupsError: number;
}

/** Sizes, and what they were found from. */
export interface RoomSizes {
  /** The biggest rooms, biggest first. A sample finds no room that has no row in it: small ones are missing. */
  readonly rooms: readonly RoomSize[];
  /** Of all rooms together. */
  readonly rows: number;
  /** Half the width of the 95 % confidence interval; 0 where rows were counted. */
  readonly rowsError: number;
  /** State groups. */
  readonly groups: number;
  /** Half the width of the 95 % confidence interval; 0 where groups were counted. */
  readonly groupsError: number;
  /** Pages of state_groups_state that were read, and how many there are; equal where the rows were counted. */
  readonly pagesRead: number;
  /** Pages of the table. */
  readonly pages: number;
  /** Whether an auto compressor has left its progress here. */
  readonly hasProgress: boolean;
}

/** Options of findBiggestRooms(). */
export interface BiggestRoomsOptions {
  /** How many rooms. @default 20 */
  readonly limit?: number | undefined;
  /** By all their rows, or by those above what an auto compressor has done. @default "rows" */
  readonly order?: "rows" | "uncompressed" | undefined;
  /** Count every row: reads the whole table. @default false */
  readonly exact?: boolean | undefined;
  /** Pages of each table to read; a table with less than twice as many is counted. @default 4096 */
  readonly samplePages?: number | undefined;
  /** Which sample: the same seed draws the same pages. @default one by chance */
  readonly seed?: number | undefined;
  /** How long the sample may take; where it takes longer, an eighth of it is drawn. @default 20,000 */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_LIMIT = 20;
/** Pages of a table that are read, unless it is said otherwise. */
export const DEFAULT_PAGES = 4096;
const DEFAULT_TIMEOUT_MS = 20_000;
/** With fewer groups than this in the sample, the index is asked for all of them, which are few then. */
const FEW_GROUPS = 100;

/**
 * Finds the biggest rooms.
 *
 * @throws {CompressorError} the server or the connection failed, or even a small sample took too long
 */
export async function findBiggestRooms(session: Session, options: BiggestRoomsOptions = {}): Promise<RoomSizes> {
  const { exact = false, timeoutMs = DEFAULT_TIMEOUT_MS, seed = Math.floor(Math.random() * 2 ** 31) } = options;
  const find = (samplePages: number) =>
    session.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
      // Without statistics the planner may take the progress for small, and read it again for each row.
      await session.sql.unsafe(
        `SET LOCAL statement_timeout = ${exact ? 0 : timeoutMs}; SET LOCAL jit = off; SET LOCAL enable_nestloop = off`,
      ).simple();
      return await findIn(session, options, samplePages, seed);
    });
  for (let samplePages = exact ? Infinity : options.samplePages ?? DEFAULT_PAGES;; samplePages /= 8) {
    try {
      return await find(samplePages);
    } catch (error) {
      const tookLong = error instanceof CompressorError && error.code === "57014";
      if (!tookLong || exact || samplePages < 64) throw error;
    }
  }
}

async function findIn(
  { sql }: Session,
  { limit = DEFAULT_LIMIT, order = "rows" }: BiggestRoomsOptions,
  samplePages: number,
  seed: number,
): Promise<RoomSizes> {
  const [found] = await sql.unsafe(
    `SELECT coalesce(has_table_privilege(to_regclass('state_compressor_progress'), 'SELECT'), false) AS progress`,
  );
  const hasProgress: boolean = found!["progress"];
  const rows = await sample(
    sql,
    { table: "state_groups_state", group: "state_group", hasProgress, samplePages, seed },
    {
      tail: `ORDER BY ${order === "rows" ? "rows" : "part"} DESC, room_id LIMIT ${limit}`,
    },
  );
  const names = [...rows.rooms.keys()].map(quoteLiteral);
  const groups = await sample(sql, { table: "state_groups", group: "id", hasProgress, samplePages, seed }, {
    where: names.length === 0 ? "false" : `room_id IN (${names})`,
  });
  const few = groups.isCounted
    ? []
    : [...rows.rooms.keys()].filter((id) => (groups.rooms.get(id)?.seen ?? 0) < FEW_GROUPS);
  const counted = new Map<string, number>();
  if (few.length > 0) {
    const counts = await sql.unsafe(`SELECT room_id, count(*) AS groups FROM state_groups
      WHERE room_id IN (${few.map(quoteLiteral)}) GROUP BY room_id`);
    for (const { room_id, groups } of counts) counted.set(room_id, Number(groups));
  }
  return {
    rooms: [...rows.rooms].map(([roomId, room]) => {
      const sampled = groups.rooms.get(roomId)?.rows;
      return {
        roomId,
        rows: room.rows.value,
        rowsError: room.rows.error,
        share: rows.total.value === 0 ? 0 : room.rows.value / rows.total.value,
        uncompressedRows: room.part.value,
        uncompressedRowsError: room.part.error,
        groups: counted.get(roomId) ?? sampled?.value ?? 0,
        groupsError: counted.has(roomId) ? 0 : sampled?.error ?? 0,
      };
    }),
    rows: rows.total.value,
    rowsError: rows.total.error,
    groups: groups.total.value,
    groupsError: groups.total.error,
    pagesRead: rows.pagesRead,
    pages: rows.pages,
    hasProgress,
  };
}

/** What a table's pages tell of its rooms. */
interface Sample {
  readonly rooms: ReadonlyMap<string, { readonly seen: number; readonly rows: Figure; readonly part: Figure }>;
  readonly total: Figure;
  readonly pagesRead: number;
  readonly pages: number;
  readonly isCounted: boolean;
}

interface Source {
  readonly table: "state_groups_state" | "state_groups";
  /** The column with the group's id. */
  readonly group: string;
  readonly hasProgress: boolean;
  readonly samplePages: number;
  readonly seed: number;
}

/** Reads pages of a table; `tail` and `where` say which rooms are wanted. */
async function sample(
  sql: Session["sql"],
  { table, group, hasProgress, samplePages, seed }: Source,
  { where = "true", tail = "" }: { where?: string; tail?: string },
): Promise<Sample> {
  const [size] = await sql.unsafe(
    `SELECT (pg_relation_size('${table}') / current_setting('block_size')::int)::float8 AS pages`,
  );
  const pages: number = size!["pages"];
  const isCounted = pages <= 2 * samplePages;
  const chance = isCounted ? 1 : samplePages / pages;
  const pieces = isCounted ? "" : `TABLESAMPLE SYSTEM (${chance * 100}) REPEATABLE (${seed})`;
  // Where all is counted, the pages need not be told apart.
  const page = isCounted ? "0" : "(t.ctid::text::point)[0]";
  const part = hasProgress ? `count(*) FILTER (WHERE t.${group} > p.last_compressed IS NOT FALSE)` : "count(*)";
  const progress = hasProgress ? "LEFT JOIN state_compressor_progress AS p ON p.room_id = t.room_id" : "";
  const rows = await sql.unsafe(`WITH drawn AS (
      SELECT ${page} AS page, t.room_id, count(*)::float8 AS rows, (${part})::float8 AS part
      FROM ${table} AS t ${pieces} ${progress} GROUP BY 1, 2
    ), room AS (
      SELECT room_id, sum(rows) AS rows, sum(rows * rows) AS rows2, sum(part) AS part, sum(part * part) AS part2, 0 AS pages
      FROM drawn WHERE room_id IS NOT NULL AND ${where} GROUP BY room_id ${tail}
    ) SELECT NULL AS room_id, coalesce(sum(rows), 0) AS rows, coalesce(sum(rows * rows), 0) AS rows2, 0::float8 AS part,
        0::float8 AS part2, count(*)::int AS pages
      FROM (SELECT sum(rows) AS rows FROM drawn GROUP BY page) AS whole
    UNION ALL SELECT * FROM room`);
  const [whole, ...rooms] = rows;
  const pagesRead = isCounted ? pages : countDrawn(pages, chance, whole!["pages"]);
  const figure = (sum: number, squares: number): Figure =>
    isCounted ? { value: sum, error: 0 } : estimate(pages, pagesRead, sum, squares);
  return {
    rooms: new Map(rooms.map(({ room_id, rows, rows2, part, part2 }) => [
      room_id,
      { seen: rows, rows: figure(rows, rows2), part: figure(part, part2) },
    ])),
    total: figure(whole!["rows"], whole!["rows2"]),
    pagesRead,
    pages,
    isCounted,
  };
}
