/**
 * The guards of a rewrite that runs beside Synapse, as one temporary procedure that a SQL file makes at its top and calls
 * once for each group. Temporary: it needs the TEMPORARY privilege alone and is gone with the session.
 *
 * Why each step: Synapse deletes state groups while it runs, and turns what was built on them into snapshots. It locks the
 * groups to delete FOR UPDATE and reads the edges onto them in a REPEATABLE READ snapshot that may be older than our commit.
 * So a rewrite locks group and base against deletion, looks at what stands only once it has the locks (READ COMMITTED: each
 * statement sees the newest commits), renews the deletion marks of both, as Synapse does where it builds on a group, and
 * gives both a new version, so that a deletion that began before fails to serialise and cannot miss the new edge. db/batch.ts
 * does the same for many groups at once.
 */

import { SKIP_KINDS, SKIP_WORDS, type SkipKind } from "./skips.ts";
import { digestSql } from "./digest.ts";
import { quoteLiteral } from "./quote.ts";

/** The procedure's name; in pg_temp, so that it cannot clash. */
export const REWRITE_PROCEDURE = "pg_temp.rewrite_state_group";

/**
 * Custom settings count what the CALLs came to: they roll back with their transaction, and need no table. A kind of skip has
 * the name of its type, with underscores.
 */
const SETTING = "synapse_compress_state";
const counterOf = (kind: SkipKind) => kind.replaceAll("-", "_");
const COUNTERS = ["rewritten", "already", ...SKIP_KINDS.map(counterOf)];
/** After as many groups in a row that others held, each further one is tried only once: Synapse may hold the whole room. */
const STUCK = 5;

/**
 * The top of a guarded file: the procedure for one room.
 *
 * @param maxHops a group whose chain, or one built on it, would become longer than this is left alone; see core/plan/order.ts
 */
export function guardPrologue(roomId: string, maxHops: number): string {
  let tag = "$guard$";
  for (let i = 1; roomId.includes(tag); i++) tag = `$guard${i}$`;
  return `${
    [...COUNTERS, "stuck"].map((name) => `SET ${SETTING}.${name} = '0';\n`).join("")
  }SET ${SETTING}.suspect = ' ';

-- Arguments: the group, its new base (NULL: a snapshot), its base and the digest of its rows as they were read, its new rows,
-- and how many edges any chain through it may have in the end.
CREATE OR REPLACE PROCEDURE ${REWRITE_PROCEDURE}(
  this bigint, base bigint, read_base bigint, read_rows text,
  new_types text[] DEFAULT '{}', new_state_keys text[] DEFAULT '{}', new_event_ids text[] DEFAULT '{}',
  max_hops bigint DEFAULT ${maxHops})
LANGUAGE plpgsql SET lock_timeout = '500ms' SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS ${tag}
DECLARE
  room CONSTANT text := ${quoteLiteral(roomId)};
  bases bigint[];
  rows_digest text;
  marked bigint[] := '{}';
  hops bigint;
  stuck bigint := current_setting('${SETTING}.stuck')::bigint;
  outcome text;
  reason text;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'Cannot rewrite state groups in a transaction that is %', current_setting('transaction_isolation')
      USING HINT = 'Run this file in READ COMMITTED, the default of PostgreSQL.';
  END IF;
  -- Locks are waited for less long than deadlock_timeout: in a deadlock with Synapse this is the side that gives way.
  FOR attempt IN 1..CASE WHEN stuck < ${STUCK} THEN 4 ELSE 1 END LOOP BEGIN
    reason := NULL;
    outcome := NULL;
    -- Lock by ascending id. KEY SHARE holds a deletion off and lets Synapse go on; NO KEY UPDATE also holds off other compressors.
    IF base IS NOT NULL THEN
      PERFORM FROM state_groups WHERE id = base AND room_id = room FOR KEY SHARE;
      IF NOT FOUND THEN
        outcome := 'base_gone';
        reason := format('its new base %s is gone', base);
      END IF;
    END IF;
    PERFORM FROM state_groups WHERE id = this AND room_id = room FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      outcome := 'gone';
      reason := 'it is gone';
    END IF;

    -- What is marked is about to be deleted: a rewrite would be lost work and keep it alive.
    IF outcome IS NULL AND to_regclass('state_groups_pending_deletion') IS NOT NULL THEN
      marked := ARRAY(SELECT state_group FROM state_groups_pending_deletion WHERE state_group IN (this, base));
    END IF;

    IF outcome IS NULL THEN
      -- The same edge twice, in a database without Synapse's unique index, is one predecessor, and written anew as one.
      bases := ARRAY(SELECT DISTINCT prev_state_group FROM state_group_edges WHERE state_group = this ORDER BY 1);
      rows_digest := ${digestSql("FROM state_groups_state WHERE state_group = this")};
      IF bases = array_remove(ARRAY[base], NULL) AND rows_digest =
        ${digestSql("FROM unnest(new_types, new_state_keys, new_event_ids) AS n (type, state_key, event_id)")}
      THEN
        outcome := 'already';
      ELSIF this = ANY (marked) THEN
        outcome := 'marked';
        reason := 'it is marked for deletion';
      ELSIF base = ANY (marked) THEN
        outcome := 'base_marked';
        reason := format('its new base %s is marked for deletion', base);
      ELSIF bases <> array_remove(ARRAY[read_base], NULL) THEN
        outcome := 'changed';
        reason := format('its predecessor was %s when it was read and is %s now',
          coalesce(read_base::text, 'none'), coalesce(nullif(array_to_string(bases, ' and '), ''), 'none'));
      ELSIF rows_digest <> read_rows THEN
        outcome := 'changed';
        reason := 'its rows are not those that were read';
        -- Not Synapse's doing, so what would be built on it is not known to be right.
        PERFORM set_config('${SETTING}.suspect', current_setting('${SETTING}.suspect') || this || ' ', false);
      ELSIF strpos(current_setting('${SETTING}.suspect'), ' ' || base || ' ') > 0 THEN
        outcome := 'base_changed';
        reason := format('its new base %s has changed', base);
      ELSE
        -- A group left alone before, or a new one, may have made a chain longer than was foreseen: it must not grow too long.
        IF base IS NOT NULL AND base IS DISTINCT FROM read_base THEN
          hops := 1 + ${hopsSql("base")};
          IF hops > ${hopsSql("this")} AND EXISTS (
            WITH RECURSIVE above (id, hops) AS (SELECT this, hops UNION ALL SELECT e.state_group, above.hops + 1
              FROM above JOIN state_group_edges AS e ON e.prev_state_group = above.id WHERE above.hops <= max_hops)
            SELECT FROM above WHERE above.hops > max_hops)
          THEN
            outcome := 'bound';
            reason := format('a chain would be longer than %s edges', max_hops);
          END IF;
        END IF;
      END IF;

      IF outcome IS NULL THEN
        -- Only what differs: rows that stay are not touched.
        IF base IS DISTINCT FROM read_base OR (SELECT count(*) > 1 FROM state_group_edges WHERE state_group = this) THEN
          DELETE FROM state_group_edges WHERE state_group = this;
          IF base IS NOT NULL THEN
            INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (this, base);
          END IF;
        END IF;
        DELETE FROM state_groups_state WHERE state_group = this AND (type, state_key, event_id) NOT IN
          (SELECT type, state_key, event_id FROM unnest(new_types, new_state_keys, new_event_ids) AS n (type, state_key, event_id));
        INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id)
          SELECT this, room, type, state_key, event_id
          FROM unnest(new_types, new_state_keys, new_event_ids) AS n (type, state_key, event_id)
          WHERE (type, state_key, event_id) NOT IN
            (SELECT type, state_key, event_id FROM state_groups_state WHERE state_group = this);
        -- A writer that takes no locks may have come between.
        IF (SELECT count(*) FROM state_groups_state WHERE state_group = this) <> cardinality(new_types)
          OR ARRAY(SELECT prev_state_group FROM state_group_edges WHERE state_group = this) <> array_remove(ARRAY[base], NULL)
        THEN
          RAISE serialization_failure USING MESSAGE = 'another writer changed it meanwhile';
        END IF;
        UPDATE state_groups SET event_id = event_id WHERE id IN (this, base);
        IF to_regclass('state_groups_pending_deletion') IS NOT NULL THEN
          UPDATE state_groups_pending_deletion
            SET sequence_number = DEFAULT, insertion_ts = floor(extract(epoch FROM clock_timestamp()) * 1000)
            WHERE state_group IN (this, base);
        END IF;
        outcome := 'rewritten';
      END IF;
    END IF;
    EXIT;
  EXCEPTION WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
    outcome := 'contention';
    reason := CASE SQLSTATE WHEN '55P03' THEN 'another transaction held a lock on it for too long'
      WHEN '40P01' THEN 'it would have been a deadlock with another transaction' ELSE SQLERRM END;
    IF attempt < 4 AND stuck < ${STUCK} THEN PERFORM pg_sleep(0.1 * attempt * attempt); END IF;
  END; END LOOP;
  IF reason IS NOT NULL THEN RAISE WARNING 'state group % is left as it is: %', this, reason; END IF;
  PERFORM set_config('${SETTING}.stuck', CASE outcome WHEN 'contention' THEN stuck + 1 ELSE 0 END::text, false);
  outcome := '${SETTING}.' || outcome;
  PERFORM set_config(outcome, (current_setting(outcome)::bigint + 1)::text, false);
END
${tag};

`;
}

/** The edges from a group down to its snapshot. A cycle, which only broken data has, ends. */
function hopsSql(group: string): string {
  return `(WITH RECURSIVE chain (id, hops) AS (SELECT ${group}, 0 UNION ALL SELECT e.prev_state_group, chain.hops + 1
            FROM chain JOIN state_group_edges AS e ON e.state_group = chain.id WHERE chain.hops < 100000)
            SELECT max(chain.hops) FROM chain)`;
}

/** The end of a guarded file: says what came of its `count` rewrites, and how to finish. */
export function guardEpilogue(count: number): string {
  const number = (name: string) => `current_setting('${SETTING}.${name}')::bigint`;
  const skips = SKIP_KINDS.map((kind) => [number(counterOf(kind)), SKIP_WORDS[kind]] as const);
  const words = skips.map(([counter, words]) =>
    `    CASE WHEN ${counter} > 0 THEN ${counter} || ${quoteLiteral(` ${words}`)} END`
  );
  return `
DO $$ DECLARE
  rewritten bigint := ${number("rewritten")};
  already bigint := ${number("already")};
  skipped bigint := ${skips.map(([counter]) => counter).join(" + ")};
  reasons text := concat_ws(', ',
${words.join(",\n")});
BEGIN
  IF ${number("contention")} > 0 THEN
    RAISE NOTICE 'other transactions were in the way: run this file again to finish';
  END IF;
  IF rewritten + already + skipped < ${count} THEN
    RAISE WARNING '% of ${count} state groups were not dealt with: their statements failed or were left out. Run this file again',
      ${count} - rewritten - already - skipped;
  END IF;
  RAISE NOTICE 'of ${count} state groups % were rewritten, % were so already, % were left as they are%',
    rewritten, already, skipped, coalesce(': ' || nullif(reasons, ''), '');
END $$;
`;
}
