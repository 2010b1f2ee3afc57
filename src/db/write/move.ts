/**
 * Moves rows from the end of state_groups_state to free space further down, so that VACUUM can cut the file. One call is one
 * transaction over a run of pages: every row in them is deleted and inserted again, and where one of them lands in the part
 * that is to be freed, all of it is undone.
 *
 * Why it is safe: readers see a row in its old place or in its new one, by their snapshot, as for any UPDATE. A writer in
 * REPEATABLE READ, such as Synapse, that deletes a moved row fails with 40001 and starts again. A READ COMMITTED DELETE whose
 * snapshot is older than the move would silently leave the moved row behind; `SHARE ROW EXCLUSIVE` keeps every writer out
 * while a move is under way, and a writer takes its table lock before its snapshot. Readers are not kept out. The lock is
 * asked for with a short time-out, so that writers queue behind the request for no longer than that.
 */
import { CompressorError } from "../../errors.ts";
import { formatCount, formatUnits } from "../../format/numbers.ts";
import type { Session } from "../session/connect.ts";

/** A run of pages, and where the part to be freed begins. */
interface MoveRange {
  /** The first page to empty. */
  readonly fromPage: number;
  /** The first page not to empty. */
  readonly toPage: number;
  /** No row may land on this page or a later one. */
  readonly boundaryPage: number;
}

/** What came of a move. */
interface Move {
  /** `moved`; `full`: a row found no free space below the boundary, and everything was undone. */
  readonly outcome: "moved" | "full";
  readonly rows: number;
  /** The transaction's id, its low 32 bits; undefined where nothing was moved. */
  readonly xid: string | undefined;
}

/** How long the lock may be waited for; whoever wants to write waits behind us for as long. */
const LOCK_TIMEOUT_MS = 200;
/** More line pointers than this do not fit on a page of 8 KiB (MaxHeapTuplesPerPage). */
const POINTERS_PER_PAGE = 291;

const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms';
SET LOCAL statement_timeout = '30s';
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
LOCK TABLE ONLY state_groups_state IN SHARE ROW EXCLUSIVE MODE`;

/**
 * Moves the rows of a run of pages; sorted by group, so that the rows of one stay together.
 *
 * @throws {ConflictError} somebody held a lock on the table for too long, or our transaction was in the way; nothing happened
 * @throws {CompressorError} the server or the connection failed; nothing happened
 */
export async function movePages(session: Session, range: MoveRange): Promise<Move> {
  const { sql } = session;
  try {
    await sql.unsafe(BEGIN).simple();
    const [counts] = await sql.unsafe(
      `WITH gone AS (DELETE FROM ONLY state_groups_state WHERE ${
        tidCondition(session.serverVersion, range)
      } RETURNING *),
        moved AS (INSERT INTO state_groups_state SELECT * FROM gone ORDER BY state_group RETURNING ctid)
      SELECT (SELECT count(*)::int FROM gone) AS gone, count(*)::int AS moved,
        (count(*) FILTER (WHERE (ctid::text::point)[0] >= ${Number(range.boundaryPage)}))::int AS high,
        (txid_current_if_assigned() % 4294967296)::text AS xid FROM moved`,
    );
    const { gone, moved, high, xid } = counts!;
    if (gone !== moved) {
      throw new CompressorError(
        `Cannot move rows of state_groups_state: of ${formatUnits(gone, "row")} only ${
          formatCount(moved)
        } were inserted again`,
        {
          hint:
            "Nothing was changed. Is there a trigger or a rule on the table? Look at it with psql: \\d state_groups_state",
        },
      );
    }
    await sql.unsafe(high > 0 ? "ROLLBACK" : "COMMIT").simple();
    return high > 0
      ? { outcome: "full", rows: 0, xid: undefined }
      : { outcome: "moved", rows: moved, xid: xid ?? undefined };
  } catch (error) {
    if (session.lost === undefined) await sql.unsafe("ROLLBACK").simple();
    throw error;
  }
}

/** TID range scans are of PostgreSQL 14; before, every place on the pages is named. */
function tidCondition(serverVersion: number, { fromPage, toPage }: MoveRange): string {
  const [from, to] = [Number(fromPage), Number(toPage)];
  return serverVersion >= 140_000
    ? `ctid >= '(${from},0)'::tid AND ctid < '(${to},0)'::tid`
    : `ctid = ANY (ARRAY(SELECT ('(' || page || ',' || place || ')')::tid
        FROM generate_series(${from}, ${to - 1}) AS page, generate_series(1, ${POINTERS_PER_PAGE}) AS place))`;
}
