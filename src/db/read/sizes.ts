/**
 * How big state_groups_state and its indexes are, and how big they could be: the live rows' bytes, estimated from a random
 * sample of the table's pages, with the error of that. Reads some thousand pages; a small table is read whole.
 */
import type { Session } from "../session/connect.ts";

/** An index of the table. */
export interface IndexSize {
  /** As a statement takes it: quoted, and with its schema where that is needed. */
  readonly name: string;
  /** Bytes of its file. */
  readonly bytes: number;
  /** What a fresh index would take, or undefined where it has expressions or a condition. */
  readonly idealBytes: number | undefined;
}

/** Sizes of state_groups_state. Bytes are those of files. */
export interface TableSizes {
  /** Bytes of the table's file. */
  readonly tableBytes: number;
  /** What the live rows would take in a table written anew. */
  readonly idealBytes: number;
  /** Half the width of that figure's 95 % confidence interval; 0 where every page was read. */
  readonly idealBytesError: number;
  /** Rows that a query sees; an estimate where a sample was read. */
  readonly liveRows: number;
  /** Pages of the file. */
  readonly pages: number;
  /** Pages that the live rows would take. */
  readonly idealPages: number;
  /** Bytes of a page: block_size. */
  readonly pageBytes: number;
  /** The table's indexes, by name. */
  readonly indexes: readonly IndexSize[];
}

/** A page's header, and the line pointer of each row. https://www.postgresql.org/docs/current/storage-page-layout.html */
const PAGE_HEADER = 24;
const LINE_POINTER = 4;
/** A B-tree leaf page keeps a tenth free, and has a special area of 16 bytes. */
const LEAF_FILL = 0.9;
const LEAF_SPECIAL = 16;
/** Inner pages of a B-tree over some 30-byte keys. */
const INNER_PAGES = 1.01;
const DEFAULT_SAMPLE_PAGES = 4096;
const Z = 1.96;

/** The size of a tuple of `columns` with `header`, as PostgreSQL aligns it. */
function tupleBytes(size: string): string {
  return `((${size} + 7) / 8 * 8 + ${LINE_POINTER})`;
}

/**
 * Measures the table.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function readSizes(
  session: Session,
  { samplePages = DEFAULT_SAMPLE_PAGES, seed }: {
    readonly samplePages?: number | undefined;
    /** Which sample: the same seed draws the same pages. @default one by chance */
    readonly seed?: number | undefined;
  } = {},
): Promise<TableSizes> {
  return await session.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
    const { sql } = session;
    await sql.unsafe("SET LOCAL jit = off").simple();
    const [table] = await sql.unsafe(`SELECT pg_relation_size(c.oid)::float8 AS bytes,
        current_setting('block_size')::float8 AS page,
        coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100)
          AS fill
      FROM pg_class AS c WHERE c.oid = 'state_groups_state'::regclass`);
    const indexes = await sql.unsafe(`SELECT c.oid::regclass::text AS name, pg_relation_size(c.oid)::float8 AS bytes,
        CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL THEN (SELECT string_agg(quote_ident(a.attname), ' ')
          FROM pg_attribute AS a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) END AS columns
      FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
      WHERE i.indrelid = 'state_groups_state'::regclass ORDER BY c.relname`);
    const pageBytes: number = table!["page"];
    const pages = table!["bytes"] / pageBytes;
    const chance = pages <= 2 * samplePages ? 1 : samplePages / pages;
    const sizes = indexes.map(({ columns }) =>
      columns === null
        ? "0"
        : tupleBytes(`8 + ${columns.split(" ").map((name: string) => `pg_column_size(s.${name})`).join(" + ")}`)
    );
    const [seen] = await sql.unsafe(`SELECT coalesce(sum(rows), 0) AS rows, coalesce(sum(bytes), 0) AS bytes,
        coalesce(sum(bytes * bytes), 0) AS squares${
      sizes.map((_, i) => `, coalesce(sum(index${i}), 0) AS index${i}`).join("")
    }
      FROM (SELECT count(*)::float8 AS rows, sum(bytes)::float8 AS bytes
          ${sizes.map((_, i) => `, sum(index${i})::float8 AS index${i}`).join("")}
        FROM (SELECT (s.ctid::text::point)[0] AS page, ${tupleBytes("pg_column_size(s.*)")} AS bytes
            ${sizes.map((size, i) => `, ${size} AS index${i}`).join("")}
          FROM state_groups_state AS s ${
      chance === 1 ? "" : `TABLESAMPLE SYSTEM (${chance * 100}) ${seed === undefined ? "" : `REPEATABLE (${seed})`}`
    }
          -- Measured as the row lies on its page: a sort would have it in a shorter form.
          OFFSET 0) AS row GROUP BY page) AS page`);
    const perPage = pageBytes - PAGE_HEADER;
    const idealPages = Math.ceil(seen!["bytes"] / chance / perPage / (table!["fill"] / 100));
    // Horvitz and Thompson: each page was drawn with the same chance, empty ones, which show no row, included.
    const deviation = Math.sqrt(seen!["squares"] * (1 - chance)) / chance;
    return {
      tableBytes: table!["bytes"],
      idealBytes: idealPages * pageBytes,
      idealBytesError: Math.ceil(Z * deviation / perPage) * pageBytes,
      liveRows: Math.round(seen!["rows"] / chance),
      pages,
      idealPages,
      pageBytes,
      indexes: indexes.map(({ name, bytes, columns }, i) => ({
        name,
        bytes,
        idealBytes: columns === null ? undefined : pageBytes *
          (1 + Math.ceil(INNER_PAGES * seen![`index${i}`] / chance / ((perPage - LEAF_SPECIAL) * LEAF_FILL))),
      })),
    };
  });
}

/** The table's file now, in pages. */
export async function countPages({ sql }: Session): Promise<number> {
  const [row] = await sql.unsafe(
    "SELECT (pg_relation_size('state_groups_state') / current_setting('block_size')::int)::float8 AS pages",
  );
  return row!["pages"];
}

/** The bytes of the table's indexes now. */
export async function countIndexBytes({ sql }: Session): Promise<number> {
  const [row] = await sql.unsafe("SELECT pg_indexes_size('state_groups_state')::float8 AS bytes");
  return row!["bytes"];
}

/** Enough pages to know what a row takes within some percent. */
const ROW_PAGES = 256;

/**
 * About what a row takes in the table and its indexes, in bytes, by a small sample; 0 where there are no rows.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function readRowBytes(session: Session): Promise<number> {
  return bytesOfRow(await readSizes(session, { samplePages: ROW_PAGES }));
}

/** A live row's bytes in a table and indexes written anew; 0 where there are no rows. */
export function bytesOfRow({ idealBytes, indexes, liveRows }: TableSizes): number {
  const all = indexes.reduce((sum, { bytes, idealBytes }) => sum + (idealBytes ?? bytes), idealBytes);
  return liveRows === 0 ? 0 : all / liveRows;
}
