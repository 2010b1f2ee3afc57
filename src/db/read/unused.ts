/**
 * Which state groups no event uses, and which of those are old enough to go. event_to_state_groups and events may be in
 * another database than the state tables. Other things than event_to_state_groups use a group for a while (an event that is
 * being persisted, an outlier that becomes an event of the room, a room joined in steps): hence the age, and a look at
 * state_groups_persisting. Index look-ups in batches; a byte a group.
 */
import { CompressorError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";
import { describeTarget } from "../target/target.ts";

/** Which groups may go. */
export interface UnusedOptions {
  /** Groups whose event was received later than this long ago are left alone, in milliseconds. @default 7 days */
  readonly minAgeMs?: number | undefined;
}

/** Groups that no event uses. */
interface UnusedGroups {
  /** isUnused[i]: 1 where group i is used by no event. */
  readonly isUnused: Uint8Array;
  /** mayGo[i]: 1 where it also is old enough, not being persisted, and not marked for deletion already. */
  readonly mayGo: Uint8Array;
}

/** How long a group must have been there. */
const DEFAULT_MIN_AGE_MS = 7 * 86_400_000;
const BATCH = 5000;

/**
 * Refuses a server on which unused groups cannot be found or marked.
 *
 * @param events where event_to_state_groups is: the same session, unless Synapse's `databases:` separate the two
 * @throws {CompressorError} the state tables have no table for deletion marks, or the events' database has no events
 */
export async function checkPrunable(state: Session, events: Session): Promise<void> {
  if (!state.hasPendingDeletion) {
    throw new CompressorError(
      `Cannot prune ${describeTarget(state.target)}: it has no table state_groups_pending_deletion`,
      { hint: "Synapse deletes the state groups, from version 1.124 on: upgrade Synapse first." },
    );
  }
  const missing = await findMissing(events, "to_regclass");
  if (missing === undefined) return;
  throw new CompressorError(`Cannot prune: ${describeTarget(events.target)} has no table ${missing}`, {
    hint: "Synapse keeps it in the database whose data_stores have `main` (homeserver.yaml, databases:). " +
      "Name that one with --events-postgres.",
  });
}

/**
 * Why unused groups cannot be found, as half a sentence; undefined where they can.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function explainUnprunable(state: Session, events: Session): Promise<string | undefined> {
  if (!state.hasPendingDeletion) return "Synapse deletes unused state groups from version 1.124 on";
  const missing = await findMissing(events, "to_regclass");
  if (missing !== undefined) return `this database has no table ${missing}`;
  const secret = await findMissing(events, "readable") ??
    (await hasPersisting(state) ? await findMissing(state, "readable", ["state_groups_persisting"]) : undefined);
  return secret === undefined ? undefined : `the role may not read ${secret}`;
}

/** The first of some tables that is not there, or that the role may not read. */
async function findMissing(
  { sql }: Session,
  test: "to_regclass" | "readable",
  tables: readonly string[] = ["event_to_state_groups", "events"],
): Promise<string | undefined> {
  const check = test === "to_regclass"
    ? "to_regclass(t.name) IS NOT NULL"
    : "coalesce(has_table_privilege(to_regclass(t.name), 'SELECT'), false)";
  const [row] = await sql.unsafe(
    `SELECT t.name FROM unnest($1::text[]) WITH ORDINALITY AS t (name, n) WHERE NOT ${check} ORDER BY t.n LIMIT 1`,
    [tables],
  );
  return row?.["name"];
}

/**
 * Finds out which of some groups are unused.
 *
 * @param ids database ids, ascending
 * @throws {CompressorError} a server or a connection failed
 */
export async function findUnused(
  state: Session,
  events: Session,
  ids: Float64Array,
  { minAgeMs = DEFAULT_MIN_AGE_MS }: UnusedOptions = {},
): Promise<UnusedGroups> {
  const isUnused = new Uint8Array(ids.length).fill(1);
  const mayGo = new Uint8Array(ids.length);
  const cutoff = Date.now() - minAgeMs;
  for (let from = 0; from < ids.length; from += BATCH) {
    const part = ids.subarray(from, from + BATCH);
    const at = new Map(Array.from(part, (id, i) => [id, from + i]));
    for (const id of await findUsed(events, part)) isUnused[at.get(id)!] = 0;
    const unused = part.filter((_, i) => isUnused[from + i] === 1);
    if (unused.length === 0) continue;
    const free = await state.sql.unsafe(
      `SELECT g.id, g.event_id FROM state_groups AS g WHERE g.id = ANY ($1::bigint[])
        AND NOT EXISTS (SELECT FROM state_groups_pending_deletion AS p WHERE p.state_group = g.id)
        ${
        await hasPersisting(state)
          ? "AND NOT EXISTS (SELECT FROM state_groups_persisting AS p WHERE p.state_group = g.id)"
          : ""
      }`,
      [`{${unused.join()}}`],
    );
    const old = await events.sql.unsafe(
      "SELECT e.event_id FROM events AS e WHERE e.event_id = ANY ($1::text[]) AND e.received_ts < $2::bigint",
      [free.map(({ event_id }) => event_id), cutoff],
    );
    const oldEvents = new Set(old.map(({ event_id }) => event_id));
    for (const { id, event_id } of free) if (oldEvents.has(event_id)) mayGo[at.get(id)!] = 1;
  }
  return { isUnused, mayGo };
}

/** The groups among `ids` that events use. */
export async function findUsed({ sql }: Session, ids: ArrayLike<number>): Promise<number[]> {
  const rows = await sql.unsafe(
    `SELECT u.id FROM unnest($1::bigint[]) AS u (id)
      WHERE EXISTS (SELECT FROM event_to_state_groups AS e WHERE e.state_group = u.id)`,
    [`{${Array.from(ids).join()}}`],
  );
  return rows.map(({ id }) => id);
}

/** Whether Synapse says which groups are being persisted: since schema 89, with the marks. */
async function hasPersisting({ sql }: Session): Promise<boolean> {
  const [row] = await sql.unsafe("SELECT to_regclass('state_groups_persisting') IS NOT NULL AS there");
  return row!["there"];
}

/** The oldest deletion mark's time, in milliseconds since 1970, or undefined where there is none. */
export async function findOldestMark({ sql }: Session): Promise<number | undefined> {
  const [row] = await sql.unsafe("SELECT min(insertion_ts) AS ts FROM state_groups_pending_deletion");
  return row!["ts"] ?? undefined;
}

/** Figures of some unused groups. */
interface UnusedFigures {
  /** Groups on which nothing builds. */
  readonly leaves: number;
  readonly rows: number;
  /** What their rows take in the table, without the indexes. */
  readonly bytes: number;
}

/**
 * Counts the rows of unused groups, and how many of the groups are leaves.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function countUnused({ sql }: Session, ids: ArrayLike<number>): Promise<UnusedFigures> {
  const figures = { leaves: 0, rows: 0, bytes: 0 };
  for (let from = 0; from < ids.length; from += BATCH) {
    const part = `{${Array.prototype.slice.call(ids, from, from + BATCH).join()}}`;
    const [row] = await sql.unsafe(
      `SELECT (SELECT count(*) FROM unnest($1::bigint[]) AS u (id)
          WHERE NOT EXISTS (SELECT FROM state_group_edges AS e WHERE e.prev_state_group = u.id))::int AS leaves,
        count(s.state_group)::int AS rows, coalesce(sum(pg_column_size(s.*) + 4), 0)::float8 AS bytes
      FROM unnest($1::bigint[]) AS u (id) JOIN state_groups_state AS s ON s.state_group = u.id`,
      [part],
    );
    figures.leaves += row!["leaves"];
    figures.rows += row!["rows"];
    figures.bytes += row!["bytes"];
  }
  return figures;
}

/** The ids of a room's groups, ascending. */
export async function listGroups({ sql }: Session, roomId: string): Promise<Float64Array> {
  const rows = await sql.unsafe("SELECT id FROM state_groups WHERE room_id = $1 ORDER BY id", [roomId]);
  return Float64Array.from(rows, ({ id }) => id);
}

/** All rooms, those with the most groups first. */
export async function listRooms({ sql }: Session): Promise<string[]> {
  const rows = await sql.unsafe("SELECT room_id FROM state_groups GROUP BY room_id ORDER BY count(*) DESC, room_id");
  return rows.map(({ room_id }) => room_id);
}
