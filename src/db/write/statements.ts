/**
 * The statements of a batch of rewrites: all of them take arrays, so that a batch is a handful of statements however many
 * groups and rows it has. Knows SQL; hides how arrays are passed. What each is for is said in write.ts.
 */
import { digestSql } from "../../format/sql/digest.ts";

/** How long one statement of a batch may take. */
export const BATCH_TIMEOUT_MS = 30_000;

/**
 * Limits of one batch's transaction, in force for it alone. A lock is waited for less long than deadlock_timeout (1 s),
 * so that in a deadlock with Synapse we are the ones to give way; a frozen client of ours is thrown out with its locks.
 * The planner must use the indexes whatever the tables' statistics say; work_mem keeps a big group's keys in one hash.
 */
export const BEGIN_BATCH = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = '500ms';
SET LOCAL statement_timeout = ${BATCH_TIMEOUT_MS};
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL work_mem = '64MB'`;

/** Locks a room's groups by ascending id; $1 ids, $2 room. KEY SHARE, Synapse's lock for building on a group, goes by it. */
export const LOCK_GROUPS = `SELECT id::text FROM state_groups WHERE id = ANY ($1::bigint[]) AND room_id = $2
ORDER BY id FOR NO KEY UPDATE`;

/**
 * What stands: for each group of $1 its predecessors (the same edge twice, which a database without Synapse's unique index may
 * hold, is one of them), its edges, its rows, and how many of those are not known to be older than
 * transaction $2 (all of them where that is NULL). Rows of older transactions were there when the room was read, so where
 * all are older and as many as they were, they are the same, without a look at their contents.
 */
export const INSPECT_GROUPS = `SELECT g.id::text AS id,
  b.bases, b.edges::int AS edges, r.rows::int AS rows, r.newer::int AS newer
FROM unnest($1::bigint[]) AS g (id), LATERAL (
  SELECT string_agg(DISTINCT e.prev_state_group::text, ' ') AS bases, count(*) AS edges
  FROM state_group_edges AS e WHERE e.state_group = g.id) AS b, LATERAL (
  SELECT count(*) AS rows, count(*) FILTER (WHERE (age(s.xmin) > age($2::text::xid)) IS NOT TRUE) AS newer
  FROM state_groups_state AS s WHERE s.state_group = g.id) AS r`;

/** Which groups of $1 Synapse has marked for deletion. */
export const FIND_MARKED = `SELECT state_group::text AS id FROM state_groups_pending_deletion
WHERE state_group = ANY ($1::bigint[])`;

/** The edges of groups above $1, of any room: those that were stored since the room was read. */
export const FIND_NEW_EDGES = `SELECT state_group::text AS id, prev_state_group::text AS base FROM state_group_edges
WHERE state_group > $1::bigint ORDER BY state_group`;

/** The digests of the rows of the groups of $1. */
export const DIGEST_GROUPS = `SELECT g.id::text AS id,
  ${digestSql("FROM state_groups_state AS s WHERE s.state_group = g.id")} AS digest
FROM unnest($1::bigint[]) AS g (id)`;

/** Makes new versions of the rows of the groups of $1: whoever is about to delete one in an older snapshot fails with 40001. */
export const TOUCH_GROUPS = `UPDATE state_groups SET event_id = event_id WHERE id = ANY ($1::bigint[])`;

/** What Synapse itself does where it builds on groups: $1, so that a deletion which was planned before starts anew. */
export const BUMP_MARKS = `UPDATE state_groups_pending_deletion
SET sequence_number = DEFAULT, insertion_ts = floor(extract(epoch FROM clock_timestamp()) * 1000)
WHERE state_group = ANY ($1::bigint[])`;

/** Deletes the edges of the groups of $1. */
export const DELETE_EDGES = `DELETE FROM state_group_edges WHERE state_group = ANY ($1::bigint[])`;

/** Inserts edges from $1 to $2. */
export const INSERT_EDGES = `INSERT INTO state_group_edges (state_group, prev_state_group)
SELECT * FROM unnest($1::bigint[], $2::bigint[])`;

/** Deletes of the groups of $1 all rows but those of the keys $2, $3, $4 (group, type, state key). */
export const DELETE_ROWS = `DELETE FROM state_groups_state WHERE state_group = ANY ($1::bigint[])
AND (state_group, type, state_key) NOT IN (SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[]))`;

/** Inserts rows $1, $3, $4, $5 (group, type, state key, event) of room $2. */
export const INSERT_ROWS = `INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id)
SELECT n.state_group, $2, n.type, n.state_key, n.event_id
FROM unnest($1::bigint[], $3::text[], $4::text[], $5::text[]) AS n (state_group, type, state_key, event_id)`;

/**
 * What stands of the groups of $1 in the end: edges and rows in all, and those that are as wanted: edges $2, $3, rows $4
 * to $7. Where all four counts are as expected there is nothing else and nothing is missing.
 */
export const COUNT_RESULT = `SELECT
(SELECT count(*)::int FROM state_group_edges WHERE state_group = ANY ($1::bigint[])) AS edges,
(SELECT count(*)::int FROM unnest($2::bigint[], $3::bigint[]) AS n (state_group, base)
  JOIN state_group_edges AS e ON e.state_group = n.state_group AND e.prev_state_group = n.base) AS wanted_edges,
(SELECT count(*)::int FROM state_groups_state WHERE state_group = ANY ($1::bigint[])) AS rows,
(SELECT count(*)::int FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[]) AS n (state_group, type, state_key, event_id)
  JOIN state_groups_state AS s ON s.state_group = n.state_group AND s.type = n.type AND s.state_key = n.state_key
    AND s.event_id = n.event_id) AS wanted_rows`;

/** An array of ids as PostgreSQL's text form of arrays: every server reads it, and the driver need not know the type. */
export function idArray(ids: readonly number[]): string {
  return `{${ids.join()}}`;
}

/** An array of texts, likewise. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${/["\\]/.test(text) ? text.replace(/["\\]/g, "\\$&") : text}"`).join()}}`;
}
