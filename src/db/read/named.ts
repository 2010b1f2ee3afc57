/**
 * Rooms by what people call them: an alias, a name, the first letters of an id. Aliases and names are in room_aliases and
 * room_stats_state, where Synapse's events are: often, but not always, the database with the state. Every question has a time
 * limit of a second, and a table that is not there, or may not be read, tells nothing.
 */
import type { Session } from "../session/connect.ts";
import { briefly } from "./brief.ts";

/** A room, with its name where that is known. */
export interface NamedRoom {
  readonly roomId: string;
  readonly name: string | undefined;
}

/** Rooms that are offered to choose from. */
const OFFERED = 20;
/** Rooms that are named in a hint. */
const HINTED = 3;
/** Whatever the planner takes the tables for, an index must do where there is one. */
const BRIEF = { timeoutMs: 1000, settings: "SET LOCAL enable_seqscan = off" };

/**
 * Finds the rooms that have this alias (#name:server, also without its server) or this name.
 *
 * @returns at most three
 * @throws {CompressorError} the server or the connection failed
 */
export async function findRoomsCalled(session: Session, called: string): Promise<NamedRoom[]> {
  const text = called.trim();
  if (text === "" || text.startsWith("!")) return [];
  return await briefly(session, BRIEF, async () => {
    const alias = text.startsWith("#") ? text : `#${text}`;
    const found: NamedRoom[] = [];
    if (await canRead(session, "room_aliases")) {
      found.push(
        ...await select(
          session,
          `SELECT room_id, room_alias AS name FROM room_aliases WHERE room_alias = $1 OR starts_with(room_alias, $1 || ':')`,
          [alias],
        ),
      );
    }
    if (found.length === 0 && await canRead(session, "room_stats_state")) {
      found.push(
        ...await select(
          session,
          `SELECT room_id, coalesce(name, canonical_alias) AS name FROM room_stats_state
            WHERE lower(name) = lower($1) OR canonical_alias = $2 OR starts_with(canonical_alias, $2 || ':')`,
          [text, alias],
        ),
      );
    }
    return found;
  }) ?? [];
}

/**
 * Finds rooms whose ids begin with `prefix`, at most twenty: for less than an id's first letter the biggest, by the server's
 * statistics, else those that follow in the index on room_id.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function findRoomsBeginning(session: Session, prefix: string): Promise<NamedRoom[]> {
  if (prefix !== "" && !prefix.startsWith("!")) return [];
  return await briefly(session, BRIEF, async () => {
    const rooms = prefix.length <= 1 ? await findCommon(session) : [];
    if (rooms.length === 0) rooms.push(...await findFollowing(session, prefix));
    if (rooms.length === 0 || !await canRead(session, "room_stats_state")) {
      return rooms.map((roomId) => ({ roomId, name: undefined }));
    }
    const rows = await session.sql.unsafe("SELECT room_id, name FROM room_stats_state WHERE room_id = ANY($1)", [
      rooms,
    ]);
    const names = new Map(rows.map((row) => [row["room_id"] as string, row["name"] as string | null]));
    return rooms.map((roomId) => ({ roomId, name: names.get(roomId) ?? undefined }));
  }) ?? [];
}

/** The rooms with the most rows, as ANALYZE sampled them. */
async function findCommon(session: Session): Promise<string[]> {
  const rows = await session.sql.unsafe(
    `SELECT unnest(most_common_vals::text::text[]) AS room FROM pg_stats
      WHERE schemaname = $1 AND tablename = 'state_groups_state' AND attname = 'room_id' LIMIT ${OFFERED}`,
    [session.schema],
  );
  return rows.map((row) => row["room"] as string);
}

/** The next rooms, each by one look into the index, over all groups of the room before. */
async function findFollowing(session: Session, prefix: string): Promise<string[]> {
  const rooms: string[] = [];
  for (let at = prefix === "" ? "!" : prefix, by = ">="; rooms.length < OFFERED; by = ">") {
    const [row] = await session.sql.unsafe(
      `SELECT room_id FROM state_groups WHERE room_id ${by} $1 ORDER BY room_id LIMIT 1`,
      [at],
    );
    const found = row?.["room_id"] as string | undefined;
    if (found === undefined || !found.startsWith(prefix)) break;
    rooms.push(at = found);
  }
  return rooms;
}

async function canRead({ sql }: Session, table: string): Promise<boolean> {
  const [row] = await sql.unsafe("SELECT coalesce(has_table_privilege(to_regclass($1), 'SELECT'), false) AS can", [
    table,
  ]);
  return row!["can"] === true;
}

async function select({ sql }: Session, query: string, parameters: string[]): Promise<NamedRoom[]> {
  const rows = await sql.unsafe(`${query} LIMIT ${HINTED}`, parameters);
  return rows.map((row) => ({ roomId: row["room_id"] as string, name: (row["name"] as string | null) ?? undefined }));
}
