/**
 * Searches the state tables for what Synapse assumes cannot be, a room's or all of them, in one READ ONLY snapshot. The
 * server does the work by sets, sorted by its indexes, and sends only what is wrong, of which only the first few are kept: so
 * memory is bounded here and there. A room costs what its rows cost; the whole server every row, by the index's order.
 */
import { linkEdges } from "../../core/forest/defects.ts";
import type { Diagnosis, Finding, FindingKind, Found, Unused } from "../../format/doctor.ts";
import { FINDING_KINDS } from "../../format/doctor.ts";
import { quoteLiteral } from "../../format/sql/quote.ts";
import type { Session } from "../session/connect.ts";
import { readInt32, readInt64 } from "../session/copy.ts";
import { stoppable } from "../session/stop.ts";

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
/** The rows of all groups are read in so many parts, to tell how far it is. */
const PARTS = 200;
/** The most edges onto bigger ids that are followed to see whether they close a cycle. */
const MAX_FOLLOWED = 100_000;
const decoder = new TextDecoder();

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

async function diagnoseIn(
  session: Session,
  { roomId, limit = DEFAULT_LIMIT, onProgress }: DiagnoseOptions,
): Promise<Diagnosis> {
  const tell = onProgress ?? (() => {});
  await session.sql.unsafe("SET LOCAL statement_timeout = 0; SET LOCAL jit = off").simple();
  const [about] = await session.sql.unsafe(
    `SELECT coalesce(has_table_privilege(to_regclass('state_compressor_state'), 'SELECT'), false) AS heads,
    coalesce(has_table_privilege(to_regclass('event_to_state_groups'), 'SELECT'), false) AS events,
    (SELECT count(*)::float8 FROM state_groups ${
      roomId === undefined ? "" : `WHERE room_id = ${quoteLiteral(roomId)}`
    }) AS groups`,
  );
  const findings = new Findings(limit);
  const search = new Search(session, roomId, findings);
  tell("edges", 0);
  await search.edges();
  await search.forks();
  await search.cycles();
  if (roomId === undefined) await search.rows((done) => tell("rows", done));
  else await search.rowsOfRoom();
  if (about!["heads"]) await search.heads();
  await search.keys();
  tell("events", 0);
  const unused = about!["events"] ? await search.unused() : undefined;
  return { roomId, groups: about!["groups"], findings: findings.all(), unused };
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

  /** Those of a kind that are kept; `describe` may say more of each. */
  async complete(kind: FindingKind, describe: (found: Found) => Promise<Found>): Promise<void> {
    const of = this.#found.get(kind)!;
    for (const [i, found] of of.first.entries()) of.first[i] = await describe(found);
  }

  all(): Finding[] {
    return [...this.#found].map(([kind, { count, first }]) => ({ kind, count, first }));
  }
}

/** The queries. */
class Search {
  readonly #session: Session;
  readonly #findings: Findings;
  /** A condition on a table `g` of groups, and the edges of the groups that fulfil it. */
  readonly #inScope: string;
  readonly #edges: string;
  readonly #isRoom: boolean;
  /** Edges onto an equal or bigger id. */
  readonly #forward = new Map<number, Found>();
  /** Groups that do not exist, but that edges of the room name. */
  readonly #missing = new Set<number>();

  constructor(session: Session, roomId: string | undefined, findings: Findings) {
    this.#session = session;
    this.#findings = findings;
    this.#isRoom = roomId !== undefined;
    this.#inScope = roomId === undefined ? "true" : `g.room_id = ${quoteLiteral(roomId)}`;
    this.#edges = roomId === undefined
      ? "state_group_edges AS e"
      : `(SELECT e.state_group, e.prev_state_group FROM state_groups AS g JOIN state_group_edges AS e ON e.state_group = g.id
          WHERE ${this.#inScope}
        UNION SELECT e.state_group, e.prev_state_group FROM state_groups AS g JOIN state_group_edges AS e
          ON e.prev_state_group = g.id WHERE ${this.#inScope} AND NOT EXISTS (SELECT FROM state_groups AS o WHERE o.id = e.state_group)
        ) AS e`;
  }

  /** Each edge on its own: from or to a group that does not exist, to another room, to a bigger id. */
  async edges(): Promise<void> {
    await this.#read(
      `SELECT e.state_group, e.prev_state_group, g.room_id, p.room_id FROM ${this.#edges}
        LEFT JOIN state_groups AS g ON g.id = e.state_group LEFT JOIN state_groups AS p ON p.id = e.prev_state_group
      WHERE g.id IS NULL OR p.id IS NULL OR g.room_id <> p.room_id OR e.prev_state_group >= e.state_group
      ORDER BY e.state_group, e.prev_state_group`,
      (fields) => {
        const [groupId, predecessorId, roomId, otherRoomId] = [fields.id(), fields.id(), fields.text(), fields.text()];
        const found = { groupId, predecessorId, roomId };
        if (roomId === undefined) {
          this.#findings.add("orphan-edge", found);
          this.#note(groupId);
        } else if (otherRoomId === undefined) {
          this.#findings.add("dangling-edge", found);
          this.#note(predecessorId);
        } else if (otherRoomId !== roomId) {
          this.#findings.add("foreign-predecessor", { ...found, otherRoomId });
        }
        if (roomId !== undefined && otherRoomId !== undefined && predecessorId >= groupId) {
          if (this.#forward.size < MAX_FOLLOWED) this.#forward.set(groupId, found);
          else this.#findings.add("forward-edge", found);
        }
      },
    );
  }

  /** Only a room's search asks for these later: there they are few. */
  #note(groupId: number): void {
    if (this.#isRoom) this.#missing.add(groupId);
  }

  /** Groups with more than one predecessor. */
  async forks(): Promise<void> {
    await this.#read(
      `SELECT f.state_group, f.bases, (SELECT g.room_id FROM state_groups AS g WHERE g.id = f.state_group)
      FROM (SELECT state_group, string_agg(prev_state_group::text, ',' ORDER BY prev_state_group) AS bases
        FROM ${this.#edges} GROUP BY state_group HAVING count(*) > 1) AS f ORDER BY f.state_group`,
      (fields) => {
        const [groupId, bases, roomId] = [fields.id(), fields.text()!, fields.text()];
        this.#findings.add("two-predecessors", { groupId, roomId, predecessorIds: bases.split(",").map(Number) });
      },
    );
  }

  /** Which of the edges onto bigger ids close a cycle; a cycle has at least one such edge. */
  async cycles(): Promise<void> {
    if (this.#forward.size === 0) return;
    const ids: number[] = [];
    const edges: [number, number][] = [];
    await this.#read(
      `WITH RECURSIVE up (id) AS (SELECT unnest('{${[...this.#forward.keys()].join()}}'::bigint[])
        UNION SELECT e.prev_state_group FROM up JOIN state_group_edges AS e ON e.state_group = up.id)
      SELECT up.id, e.prev_state_group FROM up LEFT JOIN state_group_edges AS e ON e.state_group = up.id
      ORDER BY up.id, e.prev_state_group DESC`,
      (fields) => {
        const [id, predecessor] = [fields.id(), fields.optionalId()];
        if (id !== ids.at(-1)) ids.push(id);
        if (predecessor !== undefined) edges.push([id, predecessor]);
      },
    );
    const { defects } = linkEdges(Float64Array.from(ids), {
      count: edges.length,
      groupId: Float64Array.from(edges, ([id]) => id),
      predecessorId: Float64Array.from(edges, ([, predecessor]) => predecessor),
    }, new Uint8Array(ids.length));
    for (const { kind, groupId } of defects) {
      const found = this.#forward.get(groupId);
      if (found !== undefined && (kind === "cycle" || kind === "forward-edge")) this.#findings.add(kind, found);
    }
  }

  /** Rows of groups that do not exist, and two rows for one key, of all groups: a walk over the whole index. */
  async rows(onProgress: (done: number) => void): Promise<void> {
    const [range] = await this.#session.sql.unsafe(
      "SELECT min(state_group)::text AS first, max(state_group)::text AS last FROM state_groups_state",
    );
    if (range!["first"] === null) return;
    const [first, last] = [BigInt(range!["first"]), BigInt(range!["last"])];
    const step = (last - first) / BigInt(PARTS) + 1n;
    // By the index's order nothing needs to be sorted or hashed, however many rows there are.
    await this.#session.sql.unsafe(
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_hashagg = off; SET LOCAL enable_bitmapscan = off",
    ).simple();
    for (let from = first; from <= last; from += step) {
      onProgress(Number(from - first) / Number(last - first + 1n));
      const slice = (column: string) => `${column} >= ${from} AND ${column} < ${from + step}`;
      await this.#read(
        `SELECT k.state_group, k.rows, k.most, g.room_id FROM (
          SELECT state_group, sum(n)::bigint AS rows, max(n) AS most FROM (
            SELECT state_group, count(*) AS n FROM state_groups_state WHERE ${slice("state_group")}
            GROUP BY state_group, type, state_key) AS key GROUP BY state_group) AS k
        LEFT JOIN state_groups AS g ON g.id = k.state_group AND ${slice("g.id")}
        WHERE k.most > 1 OR g.id IS NULL ORDER BY k.state_group`,
        (fields) => {
          const [groupId, rows, most, roomId] = [fields.id(), fields.id(), fields.id(), fields.text()];
          if (roomId === undefined) this.#findings.add("orphan-row", { groupId, roomId, count: rows });
          else this.#findings.add("duplicate-row", { groupId, roomId, count: most });
        },
      );
    }
    await this.#session.sql.unsafe(
      "SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_hashagg = on; SET LOCAL enable_bitmapscan = on",
    ).simple();
  }

  /** The same of one room's groups; the table cannot be searched for a room's rows that belong to no group. */
  async rowsOfRoom(): Promise<void> {
    await this.#read(
      `SELECT g.id, k.most, g.room_id FROM state_groups AS g, LATERAL (SELECT max(n) AS most FROM (
        SELECT count(*) AS n FROM state_groups_state AS s WHERE s.state_group = g.id GROUP BY s.type, s.state_key) AS key) AS k
      WHERE ${this.#inScope} AND k.most > 1 ORDER BY g.id`,
      (fields) => {
        const [groupId, count, roomId] = [fields.id(), fields.id(), fields.text()];
        this.#findings.add("duplicate-row", { groupId, roomId, count });
      },
    );
    if (this.#missing.size === 0) return;
    await this.#read(
      `SELECT state_group, count(*) FROM state_groups_state WHERE state_group = ANY ('{${
        [...this.#missing].join()
      }}'::bigint[])
      GROUP BY state_group ORDER BY state_group`,
      (fields) => this.#findings.add("orphan-row", { groupId: fields.id(), count: fields.id() }),
    );
  }

  /** Of the groups with two rows for one key that will be named: which key. */
  async keys(): Promise<void> {
    await this.#findings.complete("duplicate-row", async (found) => {
      const [row] = await this.#session.sql.unsafe(
        `SELECT type, state_key, count(DISTINCT event_id)::int AS events FROM state_groups_state WHERE state_group = ${found.groupId}
        GROUP BY type, state_key ORDER BY count(*) DESC, type, state_key LIMIT 1`,
      );
      return { ...found, key: `${row!["type"]} ${JSON.stringify(row!["state_key"])}`, events: row!["events"] };
    });
  }

  /** Saved levels whose head is no group of their room. */
  async heads(): Promise<void> {
    await this.#read(
      `SELECT c.current_head, c.room_id FROM state_compressor_state AS c
      WHERE c.current_head IS NOT NULL AND ${this.#inScope.replace("g.room_id", "c.room_id")}
        AND NOT EXISTS (SELECT FROM state_groups AS g WHERE g.id = c.current_head AND g.room_id = c.room_id)
      ORDER BY c.room_id, c.level_num`,
      (fields) => {
        const [groupId, roomId] = [fields.id(), fields.text()];
        this.#findings.add("missing-head", { groupId, roomId });
      },
    );
  }

  /** Groups that no event uses, and those of them on which no other is built either. */
  async unused(): Promise<Unused> {
    const [row] = await this.#session.sql.unsafe(
      `SELECT count(*)::float8 AS groups, (count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM state_group_edges AS e WHERE e.prev_state_group = g.id)))::float8 AS unreferenced
      FROM state_groups AS g
      WHERE ${this.#inScope} AND NOT EXISTS (SELECT FROM event_to_state_groups AS u WHERE u.state_group = g.id)`,
    );
    return { groups: row!["groups"], unreferenced: row!["unreferenced"] };
  }

  async #read(query: string, onRow: (fields: Fields) => void): Promise<void> {
    await this.#session.copyOut(
      `COPY (${query}) TO STDOUT (FORMAT binary)`,
      (bytes, at) => onRow(new Fields(bytes, at)),
    );
  }
}

/** Reads a COPY row's fields one after the other. */
class Fields {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  id(): number {
    return this.optionalId() ?? 0;
  }

  optionalId(): number | undefined {
    const isNull = readInt32(this.#bytes, this.#at) === -1;
    const value = isNull ? undefined : readInt64(this.#bytes, this.#at + 4);
    this.#at += isNull ? 4 : 12;
    return value;
  }

  text(): string | undefined {
    const length = readInt32(this.#bytes, this.#at);
    const start = this.#at += 4;
    if (length === -1) return undefined;
    this.#at += length;
    return decoder.decode(this.#bytes.subarray(start, this.#at));
  }
}
