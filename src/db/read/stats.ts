/**
 * What Synapse's own room statistics say of rooms: name, alias, and how many local users are in them (room_stats_state,
 * room_stats_current). They are in the database with the events, which may be another one than the state's. Index look-ups.
 */
import type { Session } from "../session/connect.ts";

/** What is known of a room. */
export interface RoomInfo {
  /** m.room.name. */
  readonly name: string | undefined;
  /** The canonical alias. */
  readonly alias: string | undefined;
  /** Users of this server who are joined; undefined where Synapse has no statistics of the room. */
  readonly localUsers: number | undefined;
}

/** Rooms asked for at once. */
const BATCH = 5000;
const TABLES = ["room_stats_current", "room_stats_state"] as const;

/**
 * Why a database cannot tell of rooms, as half a sentence; undefined where it can.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function explainNoStats({ sql }: Session): Promise<string | undefined> {
  for (const table of TABLES) {
    const [row] = await sql.unsafe(`SELECT to_regclass('${table}') IS NOT NULL AS there,
      coalesce(has_table_privilege(to_regclass('${table}'), 'SELECT'), false) AS readable`);
    if (!row!["there"]) return `this database has no table ${table}`;
    if (!row!["readable"]) return `the role may not read ${table}`;
  }
  return undefined;
}

/**
 * Looks rooms up.
 *
 * @param events a database for which explainNoStats() finds no fault
 * @throws {CompressorError} the server or the connection failed
 */
export async function readRoomInfo({ sql }: Session, roomIds: readonly string[]): Promise<Map<string, RoomInfo>> {
  const found = new Map<string, RoomInfo>();
  for (let from = 0; from < roomIds.length; from += BATCH) {
    const rows = await sql.unsafe(
      `SELECT r.id, s.name, s.canonical_alias AS alias, c.local_users_in_room AS users
        FROM unnest($1::text[]) AS r (id) LEFT JOIN room_stats_current AS c ON c.room_id = r.id
        LEFT JOIN room_stats_state AS s ON s.room_id = r.id`,
      [roomIds.slice(from, from + BATCH)],
    );
    for (const { id, name, alias, users } of rows) {
      found.set(id, {
        name: name || undefined,
        alias: alias || undefined,
        localUsers: users === null ? undefined : Number(users),
      });
    }
  }
  return found;
}

/**
 * Looks rooms up where that can be done.
 *
 * @returns nothing of any room where explainNoStats() says why
 * @throws {CompressorError} the server or the connection failed
 */
export async function findRoomInfo(
  events: Session,
  roomIds: readonly string[],
): Promise<ReadonlyMap<string, RoomInfo>> {
  return await explainNoStats(events) === undefined ? await readRoomInfo(events, roomIds) : new Map();
}
