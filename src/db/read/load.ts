/**
 * Loads a room, or a range of its groups with all that they build on, into a DeltaForest: one REPEATABLE READ READ ONLY
 * snapshot, a few binary COPYs, no row of other rooms. What builds on the range is loaded too, its edges alone. Knows the
 * state tables; hides the order in which they must be read. Costs what the server needs to send the rows; memory is the
 * forest's.
 */
import type { DeltaForest } from "../../core/forest/forest.ts";
import { indexOf } from "../../core/forest/defects.ts";
import { ForestBuilder } from "../../core/forest/forest.ts";
import { quoteLiteral } from "../../format/sql/quote.ts";
import type { Session } from "../session/connect.ts";
import { type OnRow, readInt32, readInt64 } from "../session/copy.ts";
import { type Copy, loadContext, MARK_OF_GROUP, type PlannedGroups, PlannedRows, type Seen } from "./context.ts";
import { mustScan } from "./indexes.ts";
import { IdColumn, IdReader, parseId } from "./ids.ts";
import { RowReader } from "./rows.ts";

/** Which groups of a room. All of them where nothing is said. */
export interface GroupRange {
  /** Only groups above this id. */
  readonly minGroup?: number | undefined;
  /** Only groups up to this id. */
  readonly maxGroup?: number | undefined;
  /** Only the first of those, up to this many. */
  readonly groups?: number | undefined;
}

/** Options for loadRoom(). */
export interface LoadOptions extends GroupRange {
  /** Groups, by id, to be loaded as context together with all that they build on: the heads of saved levels. */
  readonly heads?: readonly number[] | undefined;
  /**
   * Of which groups outside the range the edges are loaded: of those that build on the range, or of the whole room, so that
   * figures about its chains are true of all of it. @default "above"
   */
  readonly outside?: "above" | "room" | undefined;
  /** By when the load must be over, as performance.now() tells time: the server gives it up then. @default never */
  readonly deadline?: number | undefined;
  /**
   * Groups as they will stand once what was planned for them is written: context is loaded so, not as the database has it.
   * @default none
   */
  readonly planned?: PlannedGroups | undefined;
  /** Called now and then with the number of rows so far, and the share of the groups, 0 to 1, whose rows these are. */
  readonly onProgress?: ((rows: number, share: number) => void) | undefined;
}

/** A forest as it was read from a database. */
export interface LoadedForest extends DeltaForest {
  /** The server's highest state group then: groups above it are new. */
  readonly lastGroupId: number;
  /**
   * A transaction's number: all below it were over when the forest was read, so their rows are in it, if they still stand.
   * As PostgreSQL's xid, without the epoch.
   */
  readonly horizon: string;
}

const SNAPSHOT = `SELECT (txid_snapshot_xmin(txid_current_snapshot()) % 4294967296)::text AS horizon,
  coalesce((SELECT max(id) FROM state_groups), 0)::text AS last`;

/**
 * The planner must walk the indexes group by group: it reads this room's rows alone, and in the order of the groups. Without
 * these it may well scan the whole table for a big room.
 */
const LOOK_UP = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
/** Where an index is missing: each table is read whole, but once and not for each group. */
const SCAN = "SET LOCAL enable_nestloop = off";
/** All of them end with the transaction. */
const PLANNER =
  "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL cursor_tuple_fraction = 1";

/**
 * Loads a room's groups.
 *
 * @throws {CompressorError} the connection, the server or the data fail us
 * @returns the forest; its size is 0 where the room has no groups in the range
 */
export function loadRoom(session: Session, roomId: string, options: LoadOptions = {}): Promise<LoadedForest> {
  return session.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
    const planner = `${await mustScan(session) ? SCAN : LOOK_UP}; ${PLANNER}`;
    // Sent one after the other without waiting: small rooms take as long as their round trips.
    const [, , [snapshot], range] = await Promise.all([
      session.sql.unsafe(planner).simple().execute(),
      options.deadline === undefined ? undefined : limitStatements(session, options.deadline),
      session.sql.unsafe(SNAPSHOT).execute(),
      findMaxGroup(session, roomId, options),
    ]);
    const copy = (query: string, onRow: OnRow) => copyUntil(session, options.deadline, query, onRow);
    const builder = new ForestBuilder(roomId);
    const room = roomRange(roomId, range);
    const seen = await loadGroups(session, copy, builder, room);
    const { heads = [], planned } = options;
    const context = await loadContext(session, copy, builder, { roomId, seen, heads, planned });
    const isRest = options.groups !== undefined && options.maxGroup === undefined && seen.groups.size < options.groups;
    if (seen.groups.size > 0) {
      // Where fewer groups were left than were asked for, none of the room is above them.
      await loadOutside(
        copy,
        builder,
        roomId,
        isRest ? { ...range, maxGroup: undefined } : range,
        options.outside ?? "above",
      );
    }
    const own = seen.groups.all();
    const stored = planned === undefined ? context : context.filter((id) => !planned.has(id));
    const all = own.length + stored.length;
    // What is read of a run that is under way is told by the last row's group: rows come in the groups' order.
    let before = 0;
    let run: Float64Array = own;
    const reader = new RowReader(
      builder,
      (rows, groupId) => options.onProgress?.(rows, (before + Math.max(0, indexOf(run, groupId))) / all),
    );
    const rewritten = new PlannedRows(builder, planned, context);
    const copyRows = async (groups: string | undefined, ids: Float64Array) => {
      if (groups === undefined) return;
      run = ids;
      await copy(`COPY (${rowsOf(groups)}) TO STDOUT (FORMAT binary)`, (bytes, at) => {
        if (planned !== undefined) rewritten.addBelow(readInt64(bytes, at + 4));
        reader.read(bytes, at);
      });
      before += ids.length;
    };
    const from = own[0] ?? Infinity;
    const [below, above] = [stored.filter((id) => id < from), stored.filter((id) => id > from)];
    await copyRows(idRange(below), below);
    rewritten.addBelow(from);
    await copyRows(room, own);
    await copyRows(idRange(above), above);
    rewritten.addBelow(Infinity);
    return { ...builder.finish(), horizon: snapshot!["horizon"], lastGroupId: Number(snapshot!["last"]) };
  });
}

/** A COPY that the server gives up at the deadline, with SQLSTATE 57014; the session stays usable. */
async function copyUntil(session: Session, deadline: number | undefined, query: string, onRow: OnRow): Promise<void> {
  if (deadline !== undefined) await limitStatements(session, deadline);
  await session.copyOut(query, onRow);
}

/** Makes the server end each further statement of this transaction at the deadline, as performance.now() tells time. */
export async function limitStatements(session: Session, deadline: number): Promise<void> {
  const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
  await session.sql.unsafe(`SET LOCAL statement_timeout = ${leftMs}`).simple();
}

/** The statement that reads the rows; exported so that its plan can be looked at. */
export function rowsStatement(roomId: string, range: GroupRange = {}): string {
  return rowsOf(roomRange(roomId, range));
}

function rowsOf(groups: string): string {
  return `SELECT s.state_group, s.type, s.state_key, s.event_id FROM ${groups} JOIN state_groups_state AS s ON s.state_group = g.id
    ORDER BY g.id`;
}

/** The groups of a room within a range, as a table `g (id)` for a FROM. */
function roomRange(roomId: string, { minGroup, maxGroup }: GroupRange): string {
  const above = minGroup === undefined ? "" : ` AND id > ${bigint(minGroup)}`;
  const upTo = maxGroup === undefined ? "" : ` AND id <= ${bigint(maxGroup)}`;
  // OFFSET 0 keeps the planner from pulling the groups up into the join, where it could not sort them first.
  return `(SELECT id FROM state_groups WHERE room_id = ${
    quoteLiteral(roomId)
  }${above}${upTo} ORDER BY id OFFSET 0) AS g`;
}

/** Groups given by id, likewise; undefined for none. */
function idRange(ids: Float64Array): string | undefined {
  if (ids.length === 0) return undefined;
  return `(SELECT id FROM unnest('{${ids.join()}}'::bigint[]) AS u (id) ORDER BY id OFFSET 0) AS g`;
}

function bigint(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a state group's id is a whole number, got ${value}`);
  return String(value);
}

/** Turns "the first N groups" into a largest id. */
async function findMaxGroup(session: Session, roomId: string, range: GroupRange): Promise<GroupRange> {
  if (range.groups === undefined) return range;
  const [row] = await session.sql.unsafe(
    `SELECT max(id)::text AS id FROM (SELECT id FROM ${roomRange(roomId, range)} LIMIT ${bigint(range.groups)}) AS ids`,
  );
  return row!["id"] === null ? range : { ...range, maxGroup: parseId(row!["id"]) };
}

async function loadGroups(session: Session, copy: Copy, builder: ForestBuilder, room: string): Promise<Seen> {
  const seen: Seen = { groups: new IdColumn(), predecessors: new IdColumn() };
  const ids = new IdReader();
  const pending = session.hasPendingDeletion;
  const statement = `SELECT g.id, e.state_group, e.prev_state_group, ${
    pending ? "p.state_group" : "NULL::bigint"
  } FROM ${room}
    LEFT JOIN state_group_edges AS e ON e.state_group = g.id
    ${pending ? MARK_OF_GROUP : ""} ORDER BY g.id`;
  await copy(`COPY (${statement}) TO STDOUT (FORMAT binary)`, (bytes, at) => {
    const id = ids.read(bytes, at + 4);
    const hasEdge = readInt32(bytes, at + 12) === 8;
    const predecessorAt = hasEdge ? at + 24 : at + 16;
    const hasPredecessor = readInt32(bytes, predecessorAt) === 8;
    const isPending = readInt32(bytes, hasPredecessor ? predecessorAt + 12 : predecessorAt + 4) === 8;
    // A group with two edges comes twice.
    if (id !== seen.groups.last) {
      builder.addGroup(id, { isPending });
      seen.groups.add(id);
    }
    if (!hasEdge) return;
    const predecessor = hasPredecessor ? ids.read(bytes, predecessorAt + 4) : NaN;
    builder.addEdge(id, predecessor);
    if (hasPredecessor) seen.predecessors.add(predecessor);
  });
  ids.check();
  return seen;
}

/** Adds the edges of groups outside the range. */
async function loadOutside(
  copy: Copy,
  builder: ForestBuilder,
  roomId: string,
  range: GroupRange,
  which: "above" | "room",
): Promise<void> {
  const statement = which === "room" ? roomOutside(roomId, range) : aboveStatement(roomId, range);
  if (statement === undefined) return;
  const ids = new IdReader();
  await copy(`COPY (${statement}) TO STDOUT (FORMAT binary)`, (bytes, at) => {
    const hasEdge = readInt32(bytes, at + 12) === 8;
    builder.addOutside(ids.read(bytes, at + 4), hasEdge ? ids.read(bytes, at + 16) : undefined);
  });
  ids.check();
}

/** Every group of the room that is not in the range, and its predecessor. */
function roomOutside(roomId: string, { minGroup, maxGroup }: GroupRange): string | undefined {
  const parts: string[] = [];
  if (minGroup !== undefined) parts.push(`g.id <= ${bigint(minGroup)}`);
  if (maxGroup !== undefined) parts.push(`g.id > ${bigint(maxGroup)}`);
  if (parts.length === 0) return undefined;
  return `SELECT g.id, e.prev_state_group FROM ${roomRange(roomId, {})}
    LEFT JOIN state_group_edges AS e ON e.state_group = g.id WHERE ${parts.join(" OR ")}`;
}

/** What builds on the range, directly or not. */
function aboveStatement(roomId: string, range: GroupRange): string | undefined {
  if (range.maxGroup === undefined) return undefined;
  // UNION, not UNION ALL: each edge once, and a cycle ends.
  return `WITH RECURSIVE above (id, base) AS (
      SELECT e.* FROM ${roomRange(roomId, range)}, ${edgesOnto("g.id")} AS e WHERE e.state_group > ${
    bigint(range.maxGroup)
  }
      UNION SELECT e.* FROM above, ${edgesOnto("above.id")} AS e
    ) SELECT id, base FROM above`;
}

/**
 * The edges onto a group, each looked up in the index on prev_state_group. Where most groups of a server build on one, the
 * planner takes every group for such a one, and would read all edges for each of them: it estimates an equality by the
 * table's statistics, but a range of unknown ends by a constant. OFFSET 0 keeps it from making a join of it.
 */
function edgesOnto(group: string): string {
  return `LATERAL (SELECT state_group, prev_state_group FROM state_group_edges
        WHERE prev_state_group >= ${group} AND prev_state_group <= ${group} OFFSET 0)`;
}
