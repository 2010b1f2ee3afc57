/**
 * What a range of groups builds on outside itself: found by the edges, and loaded as context. Or, where a run is rehearsed, as
 * it will stand once what was planned so far is written. Knows state_groups, state_group_edges and the marks.
 */
import { indexOf } from "../../core/forest/defects.ts";
import { type ForestBuilder, NONE } from "../../core/forest/forest.ts";
import { quoteLiteral } from "../../format/sql/quote.ts";
import type { Session } from "../session/connect.ts";
import { type OnRow, readInt32 } from "../session/copy.ts";
import { IdColumn, IdReader } from "./ids.ts";

/** Copies out what a query selects. */
export type Copy = (query: string, onRow: OnRow) => Promise<unknown>;

/** The groups that were loaded, and the predecessors that were named. */
export interface Seen {
  readonly groups: IdColumn;
  readonly predecessors: IdColumn;
}

/** Groups that a plan rewrites, as they will stand. By database id. */
export interface PlannedGroups {
  /** Whether a group is one of them. */
  has(groupId: number): boolean;
  /** Its new predecessor, or undefined for a snapshot. */
  predecessorOf(groupId: number): number | undefined;
  /** Calls `visit` for each of its new rows, with the bytes of its key and of its event. */
  forEachRow(groupId: number, visit: (key: Uint8Array, event: Uint8Array) => void): void;
}

/**
 * A group's mark, looked up by itself: where the statistics say that there are next to none, the planner would read all marks
 * for each group, be there meanwhile millions.
 */
export const MARK_OF_GROUP = `LEFT JOIN LATERAL (
  SELECT m.state_group FROM state_groups_pending_deletion AS m WHERE m.state_group = g.id OFFSET 0) AS p ON true`;

/** What loadContext() is told. */
interface ContextOptions {
  readonly roomId: string;
  readonly seen: Seen;
  readonly heads: readonly number[];
  readonly planned: PlannedGroups | undefined;
}

/** Adds what the groups build on outside the range, and the heads; returns the ids of this room's among them, ascending. */
export async function loadContext(
  session: Session,
  copy: Copy,
  builder: ForestBuilder,
  { roomId, seen, heads, planned }: ContextOptions,
): Promise<Float64Array> {
  const groups = seen.groups.all();
  const outside = new IdColumn();
  for (const id of seen.predecessors.all()) if (indexOf(groups, id) === NONE) outside.add(id);
  for (const id of heads) if (indexOf(groups, id) === NONE) outside.add(id);
  const missing = outside.all().sort().filter((id, i, all) => i === 0 || id !== all[i - 1]);
  const context = new ContextReader(builder, groups, planned);
  if (planned === undefined) {
    if (missing.length > 0) await context.copy(copy, headersStatement(session, roomId, chains(missing)));
    return context.ids.all();
  }
  // The edges of what is planned are not in the database: it is asked for the groups of one hop at a time.
  const asked = new Set<number>();
  for (let next = [...missing]; next.length > 0;) {
    for (const id of next) asked.add(id);
    const from = context.predecessors.size;
    await context.copy(copy, headersStatement(session, roomId, `up (id) AS (SELECT unnest('{${next}}'::bigint[]))`));
    const named = new Set(context.predecessors.all().subarray(from));
    next = [...named].filter((id) => !asked.has(id) && indexOf(groups, id) === NONE);
  }
  return context.ids.all().sort();
}

/** Some groups with all that they build on, as the WITH query `up (id)`. UNION, not UNION ALL: a cycle ends. */
function chains(ids: Float64Array): string {
  return `RECURSIVE up (id) AS (
      SELECT unnest('{${ids.join()}}'::bigint[])
      UNION SELECT e.prev_state_group FROM up JOIN state_group_edges AS e ON e.state_group = up.id
    )`;
}

function headersStatement(session: Session, roomId: string, up: string): string {
  const pending = session.hasPendingDeletion;
  return `WITH ${up} SELECT g.id, e.state_group, e.prev_state_group,
      CASE WHEN g.room_id IS DISTINCT FROM ${quoteLiteral(roomId)} THEN 1::bigint END, ${
    pending ? "p.state_group" : "NULL::bigint"
  }
    FROM up JOIN state_groups AS g ON g.id = up.id LEFT JOIN state_group_edges AS e ON e.state_group = up.id
    ${pending ? MARK_OF_GROUP : ""} ORDER BY g.id`;
}

/** Reads the headers of context groups into a builder. */
class ContextReader {
  /** This room's groups among them. */
  readonly ids = new IdColumn();
  /** What they build on. */
  readonly predecessors = new IdColumn();
  readonly #builder: ForestBuilder;
  readonly #groups: Float64Array;
  readonly #planned: PlannedGroups | undefined;
  #last: number | undefined;

  constructor(builder: ForestBuilder, groups: Float64Array, planned: PlannedGroups | undefined) {
    this.#builder = builder;
    this.#groups = groups;
    this.#planned = planned;
  }

  async copy(copy: Copy, statement: string): Promise<void> {
    const ids = new IdReader();
    await copy(`COPY (${statement}) TO STDOUT (FORMAT binary)`, (bytes, at) => this.#read(ids, bytes, at));
    ids.check();
  }

  #read(ids: IdReader, bytes: Uint8Array, at: number): void {
    const id = ids.read(bytes, at + 4);
    if (indexOf(this.#groups, id) !== NONE) return;
    const hasEdge = readInt32(bytes, at + 12) === 8;
    const predecessorAt = hasEdge ? at + 24 : at + 16;
    const hasPredecessor = readInt32(bytes, predecessorAt) === 8;
    const foreignAt = hasPredecessor ? predecessorAt + 12 : predecessorAt + 4;
    const isForeign = readInt32(bytes, foreignAt) === 8;
    const isPending = readInt32(bytes, isForeign ? foreignAt + 12 : foreignAt + 4) === 8;
    const isNew = id !== this.#last;
    if (isNew) {
      this.#builder.addGroup(id, { isContext: true, isForeign, isPending });
      // What builds on another room's group is left out, so that group's rows are not needed.
      if (!isForeign) this.ids.add(id);
    }
    this.#last = id;
    const planned = this.#planned;
    if (planned?.has(id) === true) {
      const predecessor = planned.predecessorOf(id);
      if (isNew && predecessor !== undefined) this.#addEdge(id, predecessor);
    } else if (hasEdge) {
      this.#addEdge(id, hasPredecessor ? ids.read(bytes, predecessorAt + 4) : NaN);
    }
  }

  #addEdge(id: number, predecessor: number): void {
    this.#builder.addEdge(id, predecessor);
    if (!Number.isNaN(predecessor)) this.predecessors.add(predecessor);
  }
}

/** The rows of context groups that are planned, to be added among the others in the order of the groups. */
export class PlannedRows {
  readonly #builder: ForestBuilder;
  readonly #planned: PlannedGroups | undefined;
  readonly #ids: Float64Array;
  #next = 0;

  /** @param context ids of the context groups, ascending */
  constructor(builder: ForestBuilder, planned: PlannedGroups | undefined, context: Float64Array) {
    this.#builder = builder;
    this.#planned = planned;
    this.#ids = planned === undefined ? new Float64Array(0) : context.filter((id) => planned.has(id));
  }

  /** Adds the rows of those below an id that were not added yet. */
  addBelow(groupId: number): void {
    const { keys, events } = this.#builder;
    for (; this.#next < this.#ids.length && this.#ids[this.#next]! < groupId; this.#next++) {
      const id = this.#ids[this.#next]!;
      this.#planned!.forEachRow(id, (key, event) => {
        this.#builder.addRow(id, keys.intern(key, 0, key.length), events.intern(event, 0, event.length));
      });
    }
  }
}
