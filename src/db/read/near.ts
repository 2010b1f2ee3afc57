/**
 * The rooms whose ids are near one that is not there: cut, without its `!`, with spaces around it, or mistyped. Looks at the
 * neighbours in the index on room_id first, which costs a few rows; a slip in the first letters is looked for among all ids, a
 * look into the index each (some 20 µs). Gives up after a second.
 */
import { distance } from "fastest-levenshtein";
import type { Session } from "../session/connect.ts";
import { briefly } from "./brief.ts";

/** How many neighbours on each side are looked at. */
const NEIGHBOURS = 3;
/** A shorter common start says nothing: 64^5 random ids begin like one. Of a shorter id all of it is needed. */
const LEAST_COMMON = 6;
/** So many letters may differ: two that changed places count as two. */
const EDITS = 3;
/** Of a shorter id, three letters are too much. */
const LEAST_LENGTH = 10;
/** Ids that are read at once. */
const PAGE = 2000;
const TIMEOUT_MS = 1000;
/** Whatever the planner takes the table for, the index must do. */
const BRIEF = { timeoutMs: TIMEOUT_MS, settings: "SET LOCAL enable_seqscan = off" };

/**
 * Finds rooms that have state groups and whose ids begin like `roomId`, the nearest first; where there are none, those of which
 * at most three letters differ.
 *
 * @returns at most three; the room itself, if it is there
 * @throws {CompressorError} the server or the connection failed
 */
export async function findRoomsNear(session: Session, roomId: string): Promise<string[]> {
  const wanted = toRoomId(roomId);
  if (wanted === undefined) return [];
  return await briefly(session, BRIEF, async () => {
    const rooms = [...await findNeighbours(session, ">=", wanted), ...await findNeighbours(session, "<", wanted)];
    const least = Math.min(LEAST_COMMON, wanted.length);
    const near = rooms.map((room) => ({ room, common: countCommon(room, wanted) }))
      .filter(({ common }) => common >= least)
      .sort((a, b) => b.common - a.common)
      .slice(0, NEIGHBOURS)
      .map(({ room }) => room);
    return near.length > 0 || wanted.length < LEAST_LENGTH ? near : await findMistyped(session, wanted);
  }) ?? [];
}

/** What was probably meant by an id, or undefined where it is an alias or nothing. */
function toRoomId(text: string): string | undefined {
  const bare = text.replaceAll(/^[\s"'“”‘’]+|[\s"'“”‘’.…]+$/g, "");
  if (bare === "" || bare === "!" || bare.startsWith("#")) return undefined;
  return bare.startsWith("!") ? bare : `!${bare}`;
}

/** The next rooms on one side, each by one look into the index, over all groups of the room before. */
async function findNeighbours(session: Session, side: ">=" | "<", wanted: string): Promise<string[]> {
  const rooms: string[] = [];
  for (let at = wanted, by: string = side; rooms.length < NEIGHBOURS; by = side === "<" ? "<" : ">") {
    const [row] = await session.sql.unsafe(
      `SELECT room_id FROM state_groups WHERE room_id ${by} $1 ORDER BY room_id ${side === "<" ? "DESC" : ""} LIMIT 1`,
      [at],
    );
    if (row === undefined) break;
    rooms.push(at = row["room_id"] as string);
  }
  return rooms;
}

/** The ids of which a few letters differ, among as many as a second is enough for. */
async function findMistyped(session: Session, wanted: string): Promise<string[]> {
  const end = performance.now() + TIMEOUT_MS;
  const found: { room: string; edits: number }[] = [];
  for (let at: string | undefined = ""; at !== undefined && performance.now() < end;) {
    const rows = await session.sql.unsafe(
      `WITH RECURSIVE room AS (
        (SELECT room_id FROM state_groups WHERE room_id > $1 ORDER BY room_id LIMIT 1) UNION ALL
        SELECT (SELECT g.room_id FROM state_groups AS g WHERE g.room_id > room.room_id ORDER BY g.room_id LIMIT 1)
        FROM room WHERE room.room_id IS NOT NULL)
      SELECT room_id FROM room WHERE room_id IS NOT NULL LIMIT ${PAGE}`,
      [at],
    );
    const rooms: string[] = rows.map((row) => row["room_id"] as string);
    for (const room of rooms) {
      const edits = distance(wanted, wanted.includes(":") ? room : room.split(":")[0]!);
      if (edits <= EDITS) found.push({ room, edits });
    }
    at = rooms.length === PAGE ? rooms.at(-1) : undefined;
  }
  return found.sort((a, b) => a.edits - b.edits).slice(0, NEIGHBOURS).map(({ room }) => room);
}

function countCommon(a: string, b: string): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}
