/** What Synapse's purge loop does with deletion marks, on top of the port in synapse.ts; and what it wrote on the way. */
import type { TestSql } from "./database.ts";
import { Synapse } from "./synapse.ts";

/** What came of the marks. */
export interface Purged {
  readonly deleted: number[];
  /** Groups that Synapse had to write out as snapshots, since what they built on was deleted. */
  readonly deDeltaed: number[];
}

/**
 * Deletes what is marked in a room, batch after batch, until nothing is left: purge_events.py, _delete_state_groups_loop.
 *
 * @param beforeBatch called before each batch, with its groups
 */
export async function purgeMarked(
  url: string,
  sql: TestSql,
  roomId: string,
  beforeBatch: (groups: readonly number[]) => Promise<void> = () => Promise.resolve(),
): Promise<Purged> {
  await using synapse = new Synapse(url);
  const deleted: number[] = [];
  const deDeltaed: number[] = [];
  for (;;) {
    const next = await synapse.nextToDelete(roomId);
    if (next === undefined) return { deleted, deDeltaed };
    await beforeBatch([...next.keys()]);
    // purge_events.py, _delete_state_groups: looks again into event_to_state_groups, not into the edges.
    const used = await sql`SELECT DISTINCT state_group AS id FROM event_to_state_groups
      WHERE state_group IN ${sql([...next.keys()])}`;
    for (const { id } of used) {
      await sql`DELETE FROM state_groups_pending_deletion WHERE state_group = ${id}`;
    }
    const groups = new Map([...next].filter(([id]) => !used.some((row) => row["id"] === id)));
    if (groups.size === 0) continue;
    const built = await sql`SELECT state_group AS id FROM state_group_edges
      WHERE prev_state_group IN ${sql([...groups.keys()])} AND state_group NOT IN ${sql([...groups.keys()])}`;
    const gone = await synapse.purgeUnreferenced(roomId, groups);
    if (gone.length === 0) throw new Error("Synapse made no progress");
    deleted.push(...gone);
    deDeltaed.push(...built.map(({ id }) => id));
  }
}
