/** Plain rooms into the tables of a database, and out of them again. What the tables do not forbid goes in, defects too. */
import type { TestSql } from "./database.ts";
import type { PlainForest, PlainGroup, PlainRow } from "./forest.ts";

/** Puts rooms into the tables, a statement for each table. Context groups are groups; foreign ones are another room's. */
export async function insertRooms(sql: TestSql, ...rooms: readonly PlainForest[]): Promise<void> {
  const all = rooms.flatMap(({ roomId, groups }) =>
    groups.map((group) => ({ ...group, roomId: group.isForeign ? `${roomId} other` : roomId }))
  );
  const edges = all.flatMap(({ id, predecessors }) => predecessors.map((predecessor) => [id, predecessor]));
  const rows = all.flatMap(({ id, roomId, rows }) => rows.map((row) => [id, roomId, ...row] as const));
  const pending = all.filter(({ isPending }) => isPending).map(({ id }) => id);
  await sql`INSERT INTO state_groups SELECT id, room_id, '$e' || id FROM unnest(
    ${all.map(({ id }) => id)}::bigint[], ${all.map(({ roomId }) => roomId)}::text[]) AS g (id, room_id)`;
  await sql`INSERT INTO state_group_edges SELECT * FROM unnest(
    ${edges.map(([id]) => id!)}::bigint[], ${edges.map(([, predecessor]) => predecessor!)}::bigint[])`;
  await sql`INSERT INTO state_groups_state SELECT * FROM unnest(${rows.map(([id]) => id)}::bigint[],
    ${rows.map((row) => row[1])}::text[], ${rows.map((row) => row[2])}::text[], ${rows.map((row) => row[3])}::text[],
    ${rows.map((row) => row[4])}::text[])`;
  if (pending.length > 0) {
    await sql`INSERT INTO state_groups_pending_deletion (state_group, insertion_ts)
      SELECT id, 0 FROM unnest(${pending}::bigint[]) AS p (id)`;
  }
}

/** Empties the tables. */
export async function clearTables(sql: TestSql): Promise<void> {
  await sql.unsafe("TRUNCATE state_groups, state_group_edges, state_groups_state, state_groups_pending_deletion");
}

/** A room as the tables hold it. */
export async function readRoom(sql: TestSql, roomId: string): Promise<PlainForest> {
  const groups = new Map<number, PlainGroup & { predecessors: number[]; rows: PlainRow[] }>();
  for (const { id } of await sql`SELECT id FROM state_groups WHERE room_id = ${roomId} ORDER BY id`) {
    groups.set(id, { id, predecessors: [], rows: [] });
  }
  for (
    const { state_group, prev_state_group } of await sql`SELECT e.* FROM state_group_edges AS e
      JOIN state_groups AS g ON g.id = e.state_group WHERE room_id = ${roomId} ORDER BY 1, 2`
  ) groups.get(state_group)!.predecessors.push(prev_state_group);
  for (
    const { state_group, type, state_key, event_id } of await sql`SELECT s.* FROM state_groups_state AS s
      JOIN state_groups AS g ON g.id = s.state_group WHERE g.room_id = ${roomId}`
  ) groups.get(state_group)!.rows.push([type, state_key, event_id]);
  return { roomId, groups: [...groups.values()] };
}
