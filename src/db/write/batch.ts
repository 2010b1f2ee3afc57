/**
 * One batch of rewrites as one transaction in READ COMMITTED (every statement sees the newest commits). Knows what Synapse
 * does to these tables at the same time; hides the statements, which are a dozen however many groups and rows there are, in
 * four waits for the server.
 *
 * Why it is safe. Synapse deletes groups, and turns what was built on them into snapshots, in REPEATABLE READ: by what stood
 * when its transaction began. So, in this order:
 * 1. Groups and their new bases are locked by ascending id: a deletion under way is waited for, one to come waits for us.
 * 2. Only then is it looked at what stands. A group that is gone, changed or marked for deletion is left as it is; so is one
 *    whose new base is gone or marked. What is as wanted already counts as done: after a stop, a run simply begins again.
 * 3. The deletion marks of groups and bases are renewed, as Synapse does where it builds on a group, and the groups' own
 *    rows get a new version: a deletion that began before our commit fails to serialise and starts again on what we wrote,
 *    whatever it deletes and whether it knows marks or not.
 * 4. Edges and rows are changed where they differ, and counted afterwards: what stands then is what was verified, or all of
 *    it is undone.
 * 5. A deletion that is under way in the room by then, or waits for us, goes first, and we start again.
 *
 * A group may stand on a new base whose own rewrite comes later; so such bases are looked at, too, and what would be built
 * on one that was changed by hand is left as it is. And chains stay short, whatever is skipped: see core/plan/chains.ts.
 */
import { StandingChains } from "../../core/plan/chains.ts";
import type { Rewrites } from "../../core/plan/compress.ts";
import { orderRewrites } from "../../core/plan/order.ts";
import { type DeltaForest, NONE } from "../../core/forest/forest.ts";
import { ConflictError } from "../../errors.ts";
import { RowsDigest } from "../../format/sql/digest.ts";
import type { Session } from "../session/connect.ts";
import type { LoadedForest } from "../read/load.ts";
import { Rivals } from "./rivals.ts";
import {
  BEGIN_BATCH,
  BUMP_MARKS,
  COUNT_RESULT,
  DELETE_EDGES,
  DELETE_ROWS,
  DIGEST_GROUPS,
  FIND_MARKED,
  FIND_NEW_EDGES,
  idArray,
  INSERT_EDGES,
  INSERT_ROWS,
  INSPECT_GROUPS,
  LOCK_GROUPS,
  textArray,
  TOUCH_GROUPS,
} from "./statements.ts";

/** A forest to write to; one that knows when it was read is compared faster with what stands. */
export type ReadForest = DeltaForest & Partial<LoadedForest>;

/** One rewrite in database terms. */
export interface Task {
  /** Its place among the rewrites. */
  readonly index: number;
  readonly groupId: number;
  readonly baseId: number | undefined;
  readonly readBaseId: number | undefined;
  readonly readRows: number;
  readonly newRows: number;
}

/** The task of a rewrite, by its place among the rewrites. */
export function makeTask({ groupId, predecessor, rowCount }: DeltaForest, rewrites: Rewrites, index: number): Task {
  const g = rewrites.group[index]!;
  const idOf = (base: number) => base === NONE ? undefined : groupId[base]!;
  return {
    index,
    groupId: groupId[g]!,
    baseId: idOf(rewrites.predecessor[index]!),
    readBaseId: idOf(predecessor[g]!),
    readRows: rowCount[g]!,
    newRows: rewrites.rowStart[index + 1]! - rewrites.rowStart[index]!,
  };
}

/** A query under way. */
type Query = Promise<{ readonly count: number } & readonly Record<string, unknown>[]>;

/** What came of a batch's transaction. */
export interface BatchResult {
  write: Task[];
  unchanged: number;
  readonly skip: { task: Task; reason: string }[];
  rowsDeleted: number;
  rowsInserted: number;
  bytesFreed: number;
}

/** How far below the highest new group others may still turn up. */
const LATE_GROUPS = 1000;

/** Writes batches of one room's rewrites, one after the other. */
export class BatchWriter {
  /** The order in which to write the rewrites, by their places. */
  readonly order: Int32Array;
  readonly #session: Session;
  readonly #forest: ReadForest;
  readonly #rewrites: Rewrites;
  readonly #digest: RowsDigest;
  /** lastSeen[key]: the last rewrite of whose rows, as read, it was one; plus 1. */
  readonly #lastSeen: Int32Array;
  readonly #rowBytes: Int32Array;
  readonly #rivals: Rivals;
  readonly #chains: StandingChains;
  /** The most hops of a group that gets deeper. */
  readonly #maxHops: number;
  /** Places of the rewrites that were not looked at yet, by group id: their groups may be new bases before their turn comes. */
  readonly #waiting = new Map<number, number>();
  /** From where on to look for groups that are new. */
  #newFrom: number;
  /** Groups whose rows changed in a way that is not Synapse's: what was to be built on them is not known to be right. */
  readonly #suspect = new Set<number>();

  constructor(session: Session, forest: ReadForest, rewrites: Rewrites) {
    this.#session = session;
    this.#forest = forest;
    this.#rewrites = rewrites;
    this.#digest = new RowsDigest(forest.keys, forest.events);
    this.#lastSeen = new Int32Array(forest.keys.size);
    this.#rowBytes = estimateRowBytes(forest);
    this.#rivals = new Rivals(session, forest.groupId);
    ({ order: this.order, maxHops: this.#maxHops } = orderRewrites(forest, rewrites));
    this.#chains = new StandingChains(forest, rewrites, this.#maxHops);
    for (let i = 0; i < rewrites.count; i++) this.#waiting.set(forest.groupId[rewrites.group[i]!]!, i);
    this.#newFrom = forest.lastGroupId ?? Number.MAX_SAFE_INTEGER;
  }

  /**
   * Writes the groups that stand as they were read. Nothing is changed where this throws.
   *
   * @throws {ConflictError} others are in the way, and it may be tried again; the server's own errors may say the same
   */
  async write(tasks: readonly Task[]): Promise<BatchResult> {
    const { sql } = this.#session;
    await this.#rivals.giveWay();
    try {
      const ids = withBases(tasks);
      const bases = this.#findWaitingBases(tasks);
      const standing = await this.#look([...tasks, ...bases], ids);
      const result = await this.#judge(tasks, bases, standing);
      if (result.write.length > 0) await this.#change(result, standing);
      await sql.unsafe("COMMIT").simple();
      this.#chains.keep();
      for (const { groupId } of tasks) this.#waiting.delete(groupId);
      return result;
    } catch (error) {
      this.#chains.undo();
      if (this.#session.lost === undefined) await sql.unsafe("ROLLBACK").simple().catch(() => {});
      throw error;
    }
  }

  /** Begins the transaction, locks, and only then looks. */
  async #look(tasks: readonly Task[], ids: readonly number[]): Promise<Standing> {
    const { sql, hasPendingDeletion } = this.#session;
    const all = idArray(ids);
    const [, rivals, locked, groups, added, marked] = await inOrder([
      sql.unsafe(BEGIN_BATCH).simple() as unknown as Query,
      this.#rivals.find(),
      this.#query(LOCK_GROUPS, [all, this.#forest.roomId]),
      this.#query(INSPECT_GROUPS, [
        idArray(tasks.map(({ groupId }) => groupId)),
        this.#forest.horizon ?? null,
      ]),
      this.#query(FIND_NEW_EDGES, [String(this.#newFrom)]),
      ...hasPendingDeletion ? [this.#query(FIND_MARKED, [all])] : [],
    ]);
    this.#rivals.check(rivals!);
    for (const row of added!) {
      const id = Number(row["id"]);
      this.#chains.add(id, Number(row["base"]));
      // A group may be committed later than one with a higher id.
      this.#newFrom = Math.max(this.#newFrom, id - LATE_GROUPS);
    }
    return {
      locked: new Set(locked!.map((row) => Number(row["id"]))),
      groups: new Map(groups!.map((row) => [Number(row["id"]), row as unknown as StandingGroup])),
      marked: new Set(marked?.map((row) => Number(row["id"]))),
    };
  }

  /** The tasks of new bases whose turn comes later: they are only looked at. */
  #findWaitingBases(tasks: readonly Task[]): Task[] {
    const own = new Set(tasks.map(({ groupId }) => groupId));
    const places = new Set<number>();
    for (const { baseId } of tasks) {
      const index = baseId === undefined || own.has(baseId) ? undefined : this.#waiting.get(baseId);
      if (index !== undefined) places.add(index);
    }
    return Array.from(places, (index) => makeTask(this.#forest, this.#rewrites, index));
  }

  /** Which groups are to be written, are as wanted, are to be skipped. */
  async #judge(tasks: readonly Task[], bases: readonly Task[], standing: Standing): Promise<BatchResult> {
    const result: BatchResult = { write: [], unchanged: 0, skip: [], rowsDeleted: 0, rowsInserted: 0, bytesFreed: 0 };
    const skip = (task: Task, reason: string) => result.skip.push({ task, reason });
    const { locked, marked } = standing;
    const found = await this.#compare([...tasks, ...bases], standing.groups);
    for (const [task, { isSuspect }] of found) if (isSuspect) this.#suspect.add(task.groupId);
    const writable: Task[] = [];
    for (const task of tasks) {
      const { groupId, baseId } = task;
      const { is, why } = found.get(task)!;
      if (!locked.has(groupId)) skip(task, "it is gone");
      else if (baseId !== undefined && !locked.has(baseId)) skip(task, `its new predecessor ${baseId} is gone`);
      else if (is === "changed") skip(task, why);
      else if (is === "wanted") {
        result.unchanged++;
        this.#chains.accept(task.index);
      } else if (marked.has(groupId)) skip(task, "Synapse has marked it for deletion");
      else if (baseId !== undefined && marked.has(baseId)) {
        skip(task, `Synapse has marked its new predecessor ${baseId} for deletion`);
      } else if (baseId !== undefined && this.#suspect.has(baseId)) {
        skip(task, `its new predecessor ${baseId} has changed`);
      } else writable.push(task);
    }
    for (const task of writable) {
      if (this.#chains.move(task.index)) result.write.push(task);
      else {
        skip(
          task,
          `a chain would be longer than ${this.#maxHops} edges, since another group was left as it is or is new`,
        );
      }
    }
    return result;
  }

  /** Compares what stands of each task's group with what was read and with what is wanted. */
  async #compare(tasks: readonly Task[], groups: Standing["groups"]): Promise<Map<Task, Finding>> {
    const found = new Map<Task, Finding>();
    const unsure: { task: Task; asRead: boolean; asWanted: boolean }[] = [];
    for (const task of tasks) {
      const { groupId, baseId, readBaseId, readRows, newRows } = task;
      const { bases, rows, newer } = groups.get(groupId)!;
      const hasReadBase = bases === (readBaseId?.toString() ?? null);
      const hasNewBase = bases === (baseId?.toString() ?? null);
      const asRead = hasReadBase && rows === readRows;
      const asWanted = hasNewBase && rows === newRows;
      const changed = (why: string, isSuspect: boolean) => found.set(task, { is: "changed", why, isSuspect });
      if (asRead && newer === 0) found.set(task, { is: "read", why: "" });
      else if (asRead || asWanted) unsure.push({ task, asRead, asWanted });
      else if (hasReadBase) changed(`it had ${readRows} rows when it was read and has ${rows} now`, true);
      else changed(`its predecessor was ${readBaseId ?? "none"} when it was read and is ${bases ?? "none"} now`, false);
    }
    const digests = unsure.length === 0 ? [] : await this.#query(DIGEST_GROUPS, [
      idArray(unsure.map(({ task }) => task.groupId)),
    ]);
    const digestOf = new Map(digests.map((row) => [Number(row["id"]), row["digest"]]));
    for (const { task, asRead, asWanted } of unsure) {
      const digest = digestOf.get(task.groupId);
      if (asWanted && digest === this.#digest.of((visit) => this.#forEachNewRow(task, visit))) {
        found.set(task, { is: "wanted", why: "" });
      } else if (asRead && digest === this.#digest.of((visit) => this.#forEachReadRow(task, visit))) {
        found.set(task, { is: "read", why: "" });
      } else found.set(task, { is: "changed", why: "its rows are not those that were read", isSuspect: true });
    }
    return found;
  }

  /** Sends all changes of a batch at once and checks what each came to. */
  async #change(result: BatchResult, { groups: standing }: Standing): Promise<void> {
    const tasks = result.write;
    const { keys, events, roomId } = this.#forest;
    const touched = withBases(tasks);
    const edgesOf = ({ groupId }: Task) => standing.get(groupId)!.edges;
    // An edge that is there twice is written anew, once.
    const moved = tasks.filter((task) => task.baseId !== task.readBaseId || edgesOf(task) > 1);
    const lostEdges = moved.filter(({ readBaseId }) => readBaseId !== undefined);
    const newEdges = moved.filter(({ baseId }) => baseId !== undefined);
    const based = tasks.filter(({ baseId }) => baseId !== undefined);

    const thinned: number[] = [];
    const all = new RowArrays();
    const added = new RowArrays();
    for (const task of tasks) {
      const stamp = task.index + 1;
      this.#forEachReadRow(task, (key) => {
        this.#lastSeen[key] = stamp;
        result.bytesFreed += this.#rowBytes[key]!;
      });
      let kept = 0;
      this.#forEachNewRow(task, (key, event) => {
        const row = [task.groupId, keys.type(key), keys.stateKey(key), events.text(event)] as const;
        all.add(...row);
        result.bytesFreed -= this.#rowBytes[key]!;
        if (this.#lastSeen[key] === stamp) kept++;
        else added.add(...row);
      });
      if (kept < task.readRows) thinned.push(task.groupId);
      result.rowsDeleted += task.readRows - kept;
      result.rowsInserted += task.newRows - kept;
    }

    const [allGroups, allTypes, allKeys, allEvents] = all.texts();
    const statements: { query: Query; count?: number | undefined }[] = [];
    const run = (text: string, parameters: string[], count?: number) =>
      statements.push({ query: this.#query(text, parameters), count });
    run(TOUCH_GROUPS, [idArray(touched)], touched.length);
    if (this.#session.hasPendingDeletion) run(BUMP_MARKS, [idArray(touched)]);
    if (lostEdges.length > 0) {
      const edges = lostEdges.reduce((sum, task) => sum + edgesOf(task), 0);
      run(DELETE_EDGES, [idArray(lostEdges.map(({ groupId }) => groupId))], edges);
    }
    if (newEdges.length > 0) run(INSERT_EDGES, edgeArrays(newEdges), newEdges.length);
    if (thinned.length > 0) run(DELETE_ROWS, [idArray(thinned), allGroups, allTypes, allKeys], result.rowsDeleted);
    if (added.count > 0) {
      const [groups, ...texts] = added.texts();
      run(INSERT_ROWS, [groups, roomId, ...texts], added.count);
    }
    const groups = idArray(tasks.map(({ groupId }) => groupId));
    run(COUNT_RESULT, [groups, ...edgeArrays(based), allGroups, allTypes, allKeys, allEvents]);
    statements.push({ query: this.#rivals.find() });

    const results = await inOrder(statements.map(({ query }) => query));
    const { edges, wanted_edges, rows, wanted_rows } = results.at(-2)![0] as Record<string, number>;
    const isRight = statements.every(({ count }, i) => count === undefined || results[i]!.count === count) &&
      edges === based.length && wanted_edges === based.length && rows === all.count && wanted_rows === all.count;
    if (!isRight) throw new ConflictError("a writer that takes no locks changed it at the same time");
    this.#rivals.check(results.at(-1)!);
  }

  #forEachReadRow(task: Task, visit: (key: number, event: number) => void): void {
    this.#forest.forEachRow(this.#rewrites.group[task.index]!, visit);
  }

  #forEachNewRow(task: Task, visit: (key: number, event: number) => void): void {
    const { rowStart, key, event } = this.#rewrites;
    for (let row = rowStart[task.index]!; row < rowStart[task.index + 1]!; row++) visit(key[row]!, event[row]!);
  }

  #query(text: string, parameters: readonly (string | null)[]): Query {
    return this.#session.sql.unsafe(text, [...parameters], { prepare: true }) as unknown as Query;
  }
}

/** What a comparison came to. */
interface Finding {
  readonly is: "read" | "wanted" | "changed";
  /** Why it counts as changed. */
  readonly why: string;
  /** Whether it changed in a way that is not Synapse's. */
  readonly isSuspect?: boolean | undefined;
}

interface StandingGroup {
  /** Its predecessors, separated by spaces, or null for none. */
  readonly bases: string | null;
  readonly edges: number;
  readonly rows: number;
  readonly newer: number;
}

/** What stands once the locks are held. */
interface Standing {
  readonly locked: ReadonlySet<number>;
  readonly groups: ReadonlyMap<number, StandingGroup>;
  readonly marked: ReadonlySet<number>;
}

/** Rows as one array a column. */
class RowArrays {
  readonly #groups: number[] = [];
  readonly #types: string[] = [];
  readonly #stateKeys: string[] = [];
  readonly #events: string[] = [];

  get count(): number {
    return this.#groups.length;
  }

  add(group: number, type: string, stateKey: string, event: string): void {
    this.#groups.push(group);
    this.#types.push(type);
    this.#stateKeys.push(stateKey);
    this.#events.push(event);
  }

  texts(): [groups: string, types: string, stateKeys: string, events: string] {
    return [idArray(this.#groups), textArray(this.#types), textArray(this.#stateKeys), textArray(this.#events)];
  }
}

function edgeArrays(tasks: readonly Task[]): [groups: string, bases: string] {
  return [idArray(tasks.map(({ groupId }) => groupId)), idArray(tasks.map(({ baseId }) => baseId!))];
}

/**
 * rowBytes[key]: about what a row of that key takes: in the table 28 bytes of header, its number, and four texts with a
 * length byte each; in the index 12 bytes of header, number and two texts, on pages that are nine tenths full.
 */
function estimateRowBytes({ roomId, keys, events }: DeltaForest): Int32Array {
  const eventBytes = events.size === 0 ? 0 : events.view(0).length;
  const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;
  const rowBytes = new Int32Array(keys.size);
  for (let key = 0; key < keys.size; key++) {
    // A key's view has four bytes of length in it, just about the length bytes of the texts.
    const pair = keys.view(key).length;
    rowBytes[key] = 4 + aligned(24 + 8 + roomId.length + pair + eventBytes) + (4 + aligned(8 + 8 + pair)) / 0.9;
  }
  return rowBytes;
}

/** The groups and their new bases, ascending, each once. */
function withBases(tasks: readonly Task[]): number[] {
  const ids = tasks.flatMap(({ groupId, baseId }) => baseId === undefined ? [groupId] : [groupId, baseId]);
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** Waits for queries that were sent together. The first that failed is why: those after it only say that it had. */
async function inOrder(queries: readonly Query[]): Promise<Awaited<Query>[]> {
  const settled = await Promise.allSettled(queries);
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
