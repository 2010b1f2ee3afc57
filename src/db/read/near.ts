/**
 * The rooms whose ids are near one that is not there: cut, mistyped, without its `!`, with spaces around it. Looks only at the
 * neighbours in the index on room_id, so it costs a few rows; where that index is missing it gives up after a second.
 */
import { CompressorError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";

/** How many neighbours on each side are looked at. */
const NEIGHBOURS = 3;
/** A shorter common start says nothing: 64^5 random ids begin like one. Of a shorter id all of it is needed. */
const LEAST_COMMON = 6;
const TIMEOUT_MS = 1000;
/** SQLSTATE of a statement that took too long. */
const CANCELLED = "57014";

/**
 * Finds rooms that have state groups and whose ids begin like `roomId`, the nearest first.
 *
 * @returns at most three; the room itself, if it is there
 * @throws {CompressorError} the server or the connection failed
 */
export async function findRoomsNear(session: Session, roomId: string): Promise<string[]> {
  const wanted = toRoomId(roomId);
  if (wanted === undefined) return [];
  try {
    const rooms = await session.transaction("READ ONLY", async () => {
      // Whatever the planner takes the table for, the index must do.
      await session.sql.unsafe(`SET LOCAL statement_timeout = ${TIMEOUT_MS}; SET LOCAL enable_seqscan = off`).simple();
      return [...await findNeighbours(session, ">=", wanted), ...await findNeighbours(session, "<", wanted)];
    });
    const least = Math.min(LEAST_COMMON, wanted.length);
    return rooms.map((room) => ({ room, common: countCommon(room, wanted) }))
      .filter(({ common }) => common >= least)
      .sort((a, b) => b.common - a.common)
      .slice(0, NEIGHBOURS)
      .map(({ room }) => room);
  } catch (error) {
    if (error instanceof CompressorError && error.code === CANCELLED) return [];
    throw error;
  }
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

function countCommon(a: string, b: string): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}
