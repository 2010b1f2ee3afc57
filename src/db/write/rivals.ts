/**
 * Giving way to Synapse's deletions. One that began before a commit of ours starts again where it meets what we wrote, and
 * Synapse gives up after five times: so it goes first, and we start again. Knows how a deletion shows in the server's lock
 * table; hides the statement, what was seen before, and how long we wait in all. Cost: a look at the lock table and at some
 * rows of the room.
 */
import { ConflictError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";
import { pause } from "../session/stop.ts";
import { idArray } from "./statements.ts";

/**
 * `found`: somebody waits for this transaction to end, or a transaction under way has deleted what stands of the groups of
 * $1, a sample of the room. A row that is deleted, but not for good yet, has its deleter's number in xmax, and whoever is
 * under way holds a lock on its own number.
 *
 * `beginning`: deletions of whole rooms that may not have deleted anything yet. A DELETE locks its table for writing before
 * it deletes a row. Who stores groups, deletes single ones, or compresses as we do, locks state_groups first of all, as a
 * table to write or whose rows to lock; a room's deletion does last of all. Where $2, as of schema 89, it names its groups by
 * a subquery, and so holds state_groups for reading: who only writes rows and edges, such as the Rust tool, is none.
 */
const FIND_RIVALS = `WITH under_way AS (
  SELECT transactionid AS id, granted FROM pg_locks WHERE locktype = 'transactionid'
    AND (granted OR transactionid::text = (txid_current_if_assigned() % 4294967296)::text)
), holders AS (
  SELECT virtualtransaction, mode, relation = 'state_groups'::regclass AS is_groups FROM pg_locks
  WHERE relation IN ('state_groups'::regclass, 'state_group_edges'::regclass, 'state_groups_state'::regclass)
    AND mode IN ('RowExclusiveLock', 'RowShareLock', 'AccessShareLock') AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT EXISTS (SELECT FROM under_way WHERE NOT granted) OR EXISTS (
  SELECT FROM unnest($1::bigint[]) AS g (id), LATERAL (
    (SELECT e.xmax AS deleter FROM state_group_edges AS e WHERE e.state_group = g.id LIMIT 1)
    UNION ALL (SELECT s.xmax FROM state_groups_state AS s WHERE s.state_group = g.id LIMIT 1)) AS r
  WHERE r.deleter IN (SELECT id FROM under_way WHERE granted)
    AND r.deleter::text IS DISTINCT FROM (txid_current_if_assigned() % 4294967296)::text) AS found,
array_to_string(ARRAY(
  SELECT virtualtransaction FROM holders GROUP BY virtualtransaction
  HAVING bool_or(mode = 'RowExclusiveLock' AND NOT is_groups) AND NOT bool_or(mode <> 'AccessShareLock' AND is_groups)
    AND (bool_or(is_groups) OR NOT $2::boolean)), ' ') AS beginning`;

/** How many of a room's groups are looked at: the first of them, which a deletion by id meets first, and others all over it. */
const FIRST = 10;
const SAMPLE = 40;
/** For so long a deletion that may be of another room is waited for; one of ours has met the sample by then. */
const BEGINNING_MS = 2000;
/** For so long, and then for this share of the time, such deletions may hold us up in all: new ones may come for ever. */
const HELD_UP_MS = 4000;
const HELD_UP_SHARE = 0.1;
const POLL_MS = 20;

/** What {@linkcode Rivals.find} resolves to. */
type RivalRows = { readonly count: number } & readonly Record<string, unknown>[];

/** Deletions that are in the way of writing to a room. */
export class Rivals {
  readonly #session: Session;
  readonly #sample: string;
  readonly #startedAt = performance.now();
  /** When each transaction of `beginning` was first seen, by its virtual number; those of the last look alone. */
  #since = new Map<string, number>();
  /** Since when they hold us up, or undefined while they do not; and how long they did before. */
  #heldUpSince: number | undefined;
  #heldUpMs = 0;

  constructor(session: Session, groupIds: ArrayLike<number>) {
    this.#session = session;
    const step = Math.max(1, Math.floor(groupIds.length / SAMPLE));
    this.#sample = idArray(
      Array.from(groupIds).filter((_, g) => g < FIRST || g % step === 0).slice(0, FIRST + SAMPLE),
    );
  }

  /** Sends the question, within our transaction or without. */
  find(): Promise<RivalRows> {
    const { sql, hasPendingDeletion } = this.#session;
    const query = sql.unsafe(FIND_RIVALS, [this.#sample, hasPendingDeletion], { prepare: true });
    return query as unknown as Promise<RivalRows>;
  }

  /** @throws {ConflictError} a deletion is in our way, or we are in its */
  check(rows: RivalRows): void {
    this.#note(rows);
    if (rows[0]!["found"] === true || this.#heldUpSince !== undefined) {
      throw new ConflictError("another transaction is deleting groups of this room");
    }
  }

  /**
   * Before a transaction of ours: waits, for a bounded time, while deletions that were seen are beginning.
   *
   * @throws {StoppedError} the signal is or gets aborted
   */
  async giveWay(signal: AbortSignal | undefined): Promise<void> {
    while (this.#heldUpSince !== undefined) {
      await pause(POLL_MS, signal);
      this.#note(await this.find());
    }
  }

  #note(rows: RivalRows): void {
    const now = performance.now();
    const beginning = (rows[0]!["beginning"] as string).split(" ").filter(Boolean);
    this.#since = new Map(beginning.map((id) => [id, this.#since.get(id) ?? now]));
    const heldUpMs = this.#heldUpMs + (this.#heldUpSince === undefined ? 0 : now - this.#heldUpSince);
    const mayWait = heldUpMs < HELD_UP_MS + HELD_UP_SHARE * (now - this.#startedAt);
    if (mayWait && [...this.#since.values()].some((since) => now - since < BEGINNING_MS)) {
      this.#heldUpSince ??= now;
    } else {
      this.#heldUpMs = heldUpMs;
      this.#heldUpSince = undefined;
    }
  }
}
