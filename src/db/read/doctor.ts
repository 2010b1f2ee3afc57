/**
 * Searches the state tables for what Synapse assumes cannot be, a room's or all of them, in one READ ONLY snapshot. The
 * server does the work by sets and sends only what is wrong, of which only the first few are kept: so memory is bounded here
 * and there. A room costs what its rows cost; the whole server every row, by the index's order. The queries are in search.ts.
 */
import { quoteLiteral } from "../../format/sql/quote.ts";
import type { Session } from "../session/connect.ts";
import { stoppable } from "../session/stop.ts";
import { type Diagnosis, type Finding, FINDING_KINDS, type FindingKind, type Found, type Unused } from "./findings.ts";
import { mustScan } from "./indexes.ts";
import { Search } from "./search.ts";

/** Options for diagnose(). */
export interface DiagnoseOptions {
  /** One room; all of them where undefined. */
  readonly roomId?: string | undefined;
  /** How many groups to name of each kind. @default 10 */
  readonly limit?: number | undefined;
  /** Called as it goes: what is looked at, and how much of that is done, from 0 to 1. */
  readonly onProgress?: ((what: string, done: number) => void) | undefined;
  /** Stops the search at once. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 10;

/**
 * The planner may know nothing of the tables, after a restore for one. All rooms: each table is read once, not once for each
 * row of another. One room: its rows are looked up in the indexes.
 */
const PLANNER = {
  all: "SET LOCAL enable_nestloop = off",
  room: "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
};

/**
 * Looks for defects.
 *
 * @throws {CompressorError} the server or the connection failed
 * @throws {StoppedError} the signal was aborted
 */
export function diagnose(session: Session, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const look = () =>
    session.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY", () => diagnoseIn(session, options));
  return stoppable(session, options.signal, look);
}

async function diagnoseIn(session: Session, options: DiagnoseOptions): Promise<Diagnosis> {
  const { roomId, limit = DEFAULT_LIMIT, onProgress: tell = () => {} } = options;
  // Where a room cannot be looked up, each table is read whole, but once.
  const scans = await mustScan(session);
  const planner = roomId === undefined || scans ? PLANNER.all : PLANNER.room;
  await session.sql.unsafe(`SET LOCAL statement_timeout = 0; SET LOCAL jit = off; ${planner}`).simple();
  const scope = roomId === undefined ? "true" : `g.room_id = ${quoteLiteral(roomId)}`;
  const [about] = await session.sql.unsafe(
    `SELECT ${["state_compressor_state", "state_compressor_progress", "event_to_state_groups"].map(mayRead)},
    (SELECT count(*)::float8 FROM state_groups AS g WHERE ${scope}) AS groups`,
  );
  const findings = new Findings(limit);
  const search = new Search(session, roomId, (kind, found) => findings.add(kind, found));
  tell("edges", 0);
  await search.edges();
  await search.forks();
  await search.cycles();
  await search.bigIds();
  await search.nulls();
  if (roomId === undefined) await search.rows(scans, (done) => tell("rows", done));
  else await search.rowsOfRoom(scans);
  if (about!["state_compressor_state"] && about!["state_compressor_progress"]) await search.progress();
  await findings.complete("duplicate-row", (found) => search.describeKey(found));
  tell("events", 0);
  const unused = about!["event_to_state_groups"] ? await findUnused(session, scope) : undefined;
  return { roomId, groups: about!["groups"], findings: findings.all(), unused };
}

function mayRead(table: string): string {
  return `coalesce(has_table_privilege(to_regclass('${table}'), 'SELECT'), false) AS ${table}`;
}

/** Groups that no event uses, and those of them on which no other is built either. */
async function findUnused({ sql }: Session, scope: string): Promise<Unused> {
  const [row] = await sql.unsafe(
    `WITH unused AS (SELECT g.id FROM state_groups AS g
      WHERE ${scope} AND NOT EXISTS (SELECT FROM event_to_state_groups AS u WHERE u.state_group = g.id))
    SELECT (SELECT count(*) FROM unused)::float8 AS groups, (SELECT count(*) FROM unused AS g
      WHERE NOT EXISTS (SELECT FROM state_group_edges AS e WHERE e.prev_state_group = g.id))::float8 AS unreferenced`,
  );
  return { groups: row!["groups"], unreferenced: row!["unreferenced"] };
}

/** What was found: all counted, the first few kept. */
class Findings {
  readonly #limit: number;
  readonly #found = new Map<FindingKind, { count: number; first: Found[] }>();

  constructor(limit: number) {
    this.#limit = limit;
    for (const kind of FINDING_KINDS) this.#found.set(kind, { count: 0, first: [] });
  }

  add(kind: FindingKind, found: Found): void {
    const of = this.#found.get(kind)!;
    of.count++;
    if (of.first.length < this.#limit) of.first.push(found);
  }

  /** Says more of those of a kind that are kept. */
  async complete(kind: FindingKind, describe: (found: Found) => Promise<Found>): Promise<void> {
    const of = this.#found.get(kind)!;
    for (const [i, found] of of.first.entries()) of.first[i] = await describe(found);
  }

  all(): Finding[] {
    return [...this.#found].map(([kind, { count, first }]) => ({ kind, count, first }));
  }
}
