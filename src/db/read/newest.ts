/** Which groups of a room are its newest, for work that does not load the whole room. Looks up the room's groups by their index. */
import { MAX_NEWEST, NEWEST_SHARE } from "../../core/plan/cost.ts";
import type { Session } from "../session/connect.ts";
import { parseId } from "./ids.ts";

/** In SQL, how many of a room's groups are its newest; `groups` is an expression for how many it has. */
export function newestCount(groups: string): string {
  return `least(${MAX_NEWEST}, greatest(1, ceil(${groups} * ${NEWEST_SHARE})))::int`;
}

/**
 * Finds the oldest of a room's newest groups, as core/plan/cost.ts counts them.
 *
 * @param upTo leaves groups above this id aside: which were the newest when it was the room's last
 * @returns the group's id and how many newest there are; undefined where there are no groups
 * @throws {CompressorError} the database failed
 */
export async function findNewest(
  { sql }: Pick<Session, "sql">,
  roomId: string,
  upTo?: number | undefined,
): Promise<{ readonly from: number; readonly count: number } | undefined> {
  const limit = upTo === undefined ? "" : "AND id <= $2::bigint ";
  // OFFSET 0 has the groups looked up by the room, and not the primary key walked through all rooms.
  const rows = await sql.unsafe(
    `SELECT id::text AS id, place::int AS count FROM (
      SELECT id, row_number() OVER (ORDER BY id DESC) AS place, count(*) OVER () AS groups
      FROM (SELECT id FROM state_groups WHERE room_id = $1 ${limit}OFFSET 0) AS g
    ) AS numbered WHERE place = ${newestCount("groups")}`,
    upTo === undefined ? [roomId] : [roomId, String(upTo)],
  );
  return rows.length === 0 ? undefined : { from: parseId(rows[0]!["id"]), count: rows[0]!["count"] };
}
