/** Synapse's room statistics for the fixture's rooms. */
import type { TestSql } from "./database.ts";

/** Fills room_stats_current and room_stats_state: every room has a name and an alias, and those in `empty` no local user. */
export async function fillStats(sql: TestSql, empty: readonly string[] = []): Promise<void> {
  await sql`INSERT INTO room_stats_current (room_id, current_state_events, joined_members, invited_members, left_members,
      banned_members, local_users_in_room, completed_delta_stream_id, knocked_members)
    SELECT room_id, 1, 5, 0, 0, 0, CASE WHEN room_id IN ${sql(["", ...empty])} THEN 0 ELSE 3 END, 1, 0
    FROM (SELECT DISTINCT room_id FROM state_groups) AS r`;
  await sql`INSERT INTO room_stats_state (room_id, name, canonical_alias)
    SELECT room_id, 'Name of ' || substr(room_id, 2, 4), '#' || substr(room_id, 2, 4) || ':test' FROM room_stats_current`;
}
