/**
 * The queries of the doctor: each finds some kinds of broken data, in a room's groups or in all, within a transaction of the
 * caller's. Hides the statements. Each sends only what is wrong.
 */
import { linkEdges } from "../../core/forest/defects.ts";
import { quoteLiteral } from "../../format/sql/quote.ts";
import type { Session } from "../session/connect.ts";
import { Fields } from "./fields.ts";
import type { FindingKind, Found } from "./findings.ts";
import type { Id } from "./ids.ts";

/** The rows of all groups are read in this many parts, to report progress. */
const PARTS = 200;
/** The most edges onto bigger ids that are followed to see whether they close a cycle. */
const MAX_FOLLOWED = 100_000;
/** Numbers end here. */
const MAX_ID = Number.MAX_SAFE_INTEGER;
const NULLABLE = {
  state_groups: ["room_id"],
  state_groups_state: ["state_group", "type", "state_key", "event_id"],
  state_group_edges: ["state_group", "prev_state_group"],
} as const;

/** A search of one room, or of all. */
export class Search {
  readonly #session: Session;
  readonly #add: (kind: FindingKind, found: Found) => void;
  readonly #isRoom: boolean;
  /** A condition on a table `g` of groups. */
  readonly #inScope: string;
  /** The edges of the groups that fulfil it, as `e`; of a room also the edges onto its groups that come from none. */
  readonly #edges: string;
  /** Edges onto an equal or bigger id, by the group that they come from; MAX_FOLLOWED at most. */
  readonly #forward = new Map<number, Found>();

  /** @param add takes what is found */
  constructor(session: Session, roomId: string | undefined, add: (kind: FindingKind, found: Found) => void) {
    this.#session = session;
    this.#add = add;
    this.#isRoom = roomId !== undefined;
    this.#inScope = roomId === undefined ? "true" : `g.room_id = ${quoteLiteral(roomId)}`;
    this.#edges = roomId === undefined
      ? "state_group_edges AS e"
      : `(SELECT e.state_group, e.prev_state_group FROM state_groups AS g JOIN state_group_edges AS e ON e.state_group = g.id
          WHERE ${this.#inScope}
        UNION ALL SELECT e.state_group, e.prev_state_group FROM state_groups AS g JOIN state_group_edges AS e
          ON e.prev_state_group = g.id WHERE ${this.#inScope} AND NOT EXISTS (SELECT FROM state_groups AS o WHERE o.id = e.state_group)
        ) AS e`;
  }

  /** Each edge on its own: from or to a group that does not exist, to another room, to a bigger id. */
  async edges(): Promise<void> {
    await this.#read(
      `SELECT e.state_group, e.prev_state_group, g.id, p.id, g.room_id, p.room_id,
          (e.prev_state_group >= e.state_group)::int::bigint FROM ${this.#edges}
        LEFT JOIN state_groups AS g ON g.id = e.state_group LEFT JOIN state_groups AS p ON p.id = e.prev_state_group
      WHERE e.state_group IS NOT NULL AND e.prev_state_group IS NOT NULL
        AND (g.id IS NULL OR p.id IS NULL OR g.room_id IS DISTINCT FROM p.room_id OR e.prev_state_group >= e.state_group)
      GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY e.state_group, e.prev_state_group`,
      (fields) => {
        const [groupId, predecessorId] = [fields.id()!, fields.id()!];
        const [exists, hasPredecessor] = [fields.id() !== undefined, fields.id() !== undefined];
        const [roomId, otherRoomId, isForward] = [fields.text(), fields.text(), fields.id() === 1];
        const found = { groupId, predecessorId, roomId };
        if (!exists) this.#add("orphan-edge", found);
        else if (!hasPredecessor) this.#add("dangling-edge", found);
        else if (otherRoomId !== roomId) this.#add("foreign-predecessor", { ...found, otherRoomId });
        if (exists && hasPredecessor && isForward) {
          const canFollow = typeof groupId === "number" && typeof predecessorId === "number";
          if (canFollow && this.#forward.size < MAX_FOLLOWED) this.#forward.set(groupId, found);
          else this.#add("forward-edge", found);
        }
      },
    );
  }

  /** Groups with more than one edge: to one predecessor or to several. */
  async forks(): Promise<void> {
    await this.#read(
      `SELECT f.state_group, f.bases, g.room_id FROM (
        SELECT state_group, string_agg(prev_state_group::text, ',' ORDER BY prev_state_group) AS bases
        FROM ${this.#edges} WHERE state_group IS NOT NULL GROUP BY state_group HAVING count(prev_state_group) > 1) AS f
      LEFT JOIN state_groups AS g ON g.id = f.state_group ORDER BY f.state_group`,
      (fields) => {
        const [groupId, bases, roomId] = [fields.id(), fields.text()!.split(",").map(toId), fields.text()];
        const distinct = bases.filter((base, i) => base !== bases[i - 1]);
        if (distinct.length > 1) this.#add("two-predecessors", { groupId, roomId, predecessorIds: distinct });
        for (const predecessorId of distinct) {
          const count = bases.lastIndexOf(predecessorId) - bases.indexOf(predecessorId) + 1;
          if (count > 1) this.#add("duplicate-edge", { groupId, roomId, predecessorId, count });
        }
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
      WHERE abs(up.id::numeric) <= ${MAX_ID} AND coalesce(abs(e.prev_state_group::numeric) <= ${MAX_ID}, true)
      ORDER BY up.id, e.prev_state_group DESC`,
      (fields) => {
        const [id, predecessor] = [fields.count(), fields.id()];
        if (id !== ids.at(-1)) ids.push(id);
        if (predecessor !== undefined) edges.push([id, Number(predecessor)]);
      },
    );
    const { defects } = linkEdges(Float64Array.from(ids), {
      count: edges.length,
      groupId: Float64Array.from(edges, ([id]) => id),
      predecessorId: Float64Array.from(edges, ([, predecessor]) => predecessor),
    }, new Uint8Array(ids.length));
    for (const { kind, groupId } of defects) {
      const found = this.#forward.get(groupId);
      if (found !== undefined && (kind === "cycle" || kind === "forward-edge")) this.#add(kind, found);
    }
  }

  /** Ids that this program cannot work with. */
  async bigIds(): Promise<void> {
    const isBig = (column: string) => `(${column} > ${MAX_ID} OR ${column} < -${MAX_ID})`;
    await this.#read(
      `SELECT g.id, NULL::bigint, g.room_id FROM state_groups AS g WHERE ${this.#inScope} AND ${isBig("g.id")}
      UNION ALL SELECT e.state_group, e.prev_state_group, g.room_id
      FROM ${this.#isRoom ? this.#edges : `(SELECT * FROM state_group_edges WHERE ${isBig("prev_state_group")}) AS e`}
      JOIN state_groups AS g ON g.id = e.state_group WHERE ${isBig("e.prev_state_group")} ORDER BY 1, 2`,
      (fields) => this.#add("id-too-big", { groupId: fields.id(), predecessorId: fields.id(), roomId: fields.text() }),
    );
  }

  /** NULLs, in whatever columns may have one: none, in the tables that Synapse makes. */
  async nulls(): Promise<void> {
    const tables = Object.keys(NULLABLE) as (keyof typeof NULLABLE)[];
    const columns = await this.#session.sql.unsafe(
      `SELECT c.relname AS name, a.attname AS column FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      WHERE a.attrelid IN (${tables.map((name) => `'${name}'::regclass`)}) AND a.attnum > 0 AND NOT a.attnotnull
      ORDER BY 1, 2`,
    );
    for (const { name, column } of columns) {
      if (!(NULLABLE[name as keyof typeof NULLABLE] as readonly string[]).includes(column)) continue;
      const isNull = `t.${column} IS NULL`;
      const described = { column: `${name}.${column}` };
      const onRow = (fields: Fields) => {
        const [groupId, predecessorId, roomId, count] = [fields.id(), fields.id(), fields.text(), fields.count()];
        this.#add("null-value", {
          groupId,
          ...(name === "state_group_edges" ? { predecessorId } : {}),
          roomId,
          count,
          ...described,
        });
      };
      if (name === "state_groups") {
        // A group without a room is in no room's scope.
        if (!this.#isRoom) {
          await this.#read(
            `SELECT t.id, NULL::bigint, NULL::text, 1::bigint FROM state_groups AS t WHERE ${isNull} ORDER BY 1`,
            onRow,
          );
        }
        continue;
      }
      const base = name === "state_group_edges" ? "t.prev_state_group" : "NULL::bigint";
      const join = this.#isRoom ? "state_groups AS g JOIN" : "state_groups AS g RIGHT JOIN";
      await this.#read(
        `SELECT t.state_group, ${base}, g.room_id, count(*) FROM ${join} ${name} AS t ON t.state_group = g.id
        WHERE ${this.#inScope} AND ${isNull} GROUP BY 1, 2, 3 ORDER BY 1, 2`,
        onRow,
      );
    }
  }

  /**
   * Rows of groups that do not exist, and two rows for one key, of all groups: a walk over the whole index, or, where `scans`
   * says that there is none, one scan of the table, sorted on the server's disk.
   */
  async rows(scans: boolean, onProgress: (done: number) => void): Promise<void> {
    const { sql } = this.#session;
    const [range] = await sql.unsafe(
      "SELECT min(state_group)::text AS first, max(state_group)::text AS last FROM state_groups_state",
    );
    if (range!["first"] === null) return;
    const [first, last] = [BigInt(range!["first"]), BigInt(range!["last"])];
    const step = (last - first) / BigInt(scans ? 1 : PARTS) + 1n;
    // By the index's order nothing needs to be sorted or hashed, however many rows there are.
    const planner = ["seqscan", "sort", "hashagg", "hashjoin", "bitmapscan"].map((name) => `SET LOCAL enable_${name}`);
    if (!scans) await sql.unsafe(planner.map((set) => `${set} = off`).join("; ")).simple();
    for (let from = first; from <= last; from += step) {
      onProgress(Number(from - first) / Number(last - first + 1n));
      const to = from + step - 1n < last ? from + step - 1n : last;
      // A literal beyond bigint would be a numeric, which no index knows.
      const slice = (column: string) => `${column} BETWEEN '${from}'::bigint AND '${to}'::bigint`;
      await this.#read(
        `SELECT k.state_group, k.rows, k.most, g.id, g.room_id FROM (
          SELECT state_group, sum(n)::bigint AS rows, max(n) AS most FROM (
            SELECT state_group, count(*) AS n FROM state_groups_state WHERE ${slice("state_group")}
            GROUP BY state_group, type, state_key) AS key GROUP BY state_group) AS k
        LEFT JOIN state_groups AS g ON g.id = k.state_group AND ${slice("g.id")}
        WHERE k.most > 1 OR g.id IS NULL ORDER BY k.state_group`,
        (fields) => {
          const [groupId, rows, most] = [fields.id(), fields.count(), fields.count()];
          const [exists, roomId] = [fields.id() !== undefined, fields.text()];
          if (!exists) this.#add("orphan-row", { groupId, count: rows });
          else this.#add("duplicate-row", { groupId, roomId, count: most });
        },
      );
    }
    await sql.unsafe(planner.map((set) => `${set} = on`).join("; ")).simple();
  }

  /**
   * The same of one room's groups, and of groups that are not there, but that edges of the room name: the table cannot be
   * searched for a room's rows that belong to no group.
   */
  async rowsOfRoom(scans: boolean): Promise<void> {
    const doubled = scans
      ? `SELECT k.id, max(k.n) AS most, k.room_id FROM (SELECT g.id, g.room_id, count(*) AS n
          FROM state_groups AS g JOIN state_groups_state AS s ON s.state_group = g.id
          WHERE ${this.#inScope} GROUP BY g.id, g.room_id, s.type, s.state_key HAVING count(*) > 1) AS k
        GROUP BY k.id, k.room_id`
      // Group by group, so that the server keeps one group's keys and no more.
      : `SELECT g.id, k.most, g.room_id FROM state_groups AS g, LATERAL (SELECT max(n) AS most FROM (
          SELECT count(*) AS n FROM state_groups_state AS s WHERE s.state_group = g.id GROUP BY s.type, s.state_key) AS key) AS k
        WHERE ${this.#inScope} AND k.most > 1`;
    await this.#read(
      `${doubled} ORDER BY 1`,
      (fields) => {
        const [groupId, count, roomId] = [fields.id(), fields.count(), fields.text()];
        this.#add("duplicate-row", { groupId, roomId, count });
      },
    );
    const missing = (column: string) =>
      `SELECT e.${column} AS id FROM ${this.#edges} WHERE NOT EXISTS (SELECT FROM state_groups AS o WHERE o.id = e.${column})`;
    await this.#read(
      `SELECT m.id, count(*) FROM (${missing("state_group")} UNION ${missing("prev_state_group")}) AS m
        JOIN state_groups_state AS s ON s.state_group = m.id GROUP BY m.id ORDER BY m.id`,
      (fields) => this.#add("orphan-row", { groupId: fields.id(), count: fields.count() }),
    );
  }

  /** Of a group with two rows for one key: which key. */
  async describeKey(found: Found): Promise<Found> {
    const [row] = await this.#session.sql.unsafe(
      `SELECT type, state_key, count(DISTINCT event_id)::int AS events FROM state_groups_state
      WHERE state_group = '${found.groupId}'::bigint
      GROUP BY type, state_key ORDER BY count(*) DESC, type, state_key LIMIT 1`,
    );
    return { ...found, key: `${row!["type"]} ${JSON.stringify(row!["state_key"])}`, events: row!["events"] };
  }

  /** What an auto compressor saved for rooms that are gone, and its levels whose head is no group of their room. */
  async progress(): Promise<void> {
    const inScope = (table: string) => this.#inScope.replace("g.room_id", `${table}.room_id`);
    const exists = (table: string) => `EXISTS (SELECT FROM state_groups AS r WHERE r.room_id = ${table}.room_id)`;
    await this.#read(
      `SELECT c.current_head, c.room_id FROM state_compressor_state AS c
      WHERE c.current_head IS NOT NULL AND ${inScope("c")} AND ${exists("c")}
        AND NOT EXISTS (SELECT FROM state_groups AS g WHERE g.id = c.current_head AND g.room_id = c.room_id)
      ORDER BY c.room_id, c.level_num`,
      (fields) => this.#add("missing-head", { groupId: fields.id(), roomId: fields.text() }),
    );
    await this.#read(
      `SELECT p.room_id FROM (SELECT room_id FROM state_compressor_progress UNION SELECT room_id FROM state_compressor_state) AS p
      WHERE ${inScope("p")} AND NOT ${exists("p")} ORDER BY p.room_id`,
      (fields) => this.#add("gone-room", { roomId: fields.text() }),
    );
  }

  async #read(query: string, onRow: (fields: Fields) => void): Promise<void> {
    await this.#session.copyOut(
      `COPY (${query}) TO STDOUT (FORMAT binary)`,
      (bytes, at) => onRow(new Fields(bytes, at)),
    );
  }
}

function toId(text: string): Id {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
