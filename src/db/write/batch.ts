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
import { NONE } from "../../core/forest/forest.ts";
import { ConflictError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";
import { Judge, type Skip, type Standing, type StandingGroup, type Verdict } from "./judge.ts";
import { estimateRowBytes } from "../../core/forest/bytes.ts";
import { Rivals } from "./rivals.ts";
import { edgeArrays, groupArray, makeTask, type ReadForest, RowArrays, type Task, withBases } from "./rows.ts";
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
  TOUCH_GROUPS,
} from "./statements.ts";

/** A query under way. */
type Query = Promise<{ readonly count: number } & readonly Record<string, unknown>[]>;

/** What came of a batch's transaction. */
export interface BatchResult {
  readonly written: readonly Task[];
  readonly unchanged: readonly Task[];
  readonly skip: readonly Skip[];
  readonly rowsDeleted: number;
  readonly rowsInserted: number;
  readonly bytesFreed: number;
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
  readonly #judge: Judge;
  /** lastSeen[key]: the last rewrite of whose rows, as read, it was one; plus 1. */
  readonly #lastSeen: Int32Array;
  readonly #rowBytes: Int32Array;
  readonly #rivals: Rivals;
  readonly #chains: StandingChains;
  /** The most hops of a group that gets deeper. */
  readonly #maxHops: number;
  /** From where on to look for groups that are new. */
  #newFrom: number;
  /** waiting[g]: the place of g's rewrite until it is looked at, or NONE: g may be a new base before its turn comes. */
  readonly #waiting: Int32Array;

  constructor(session: Session, forest: ReadForest, rewrites: Rewrites) {
    this.#session = session;
    this.#forest = forest;
    this.#rewrites = rewrites;
    this.#judge = new Judge(forest, rewrites);
    this.#lastSeen = new Int32Array(forest.keys.size);
    this.#rowBytes = estimateRowBytes(forest);
    this.#rivals = new Rivals(session, forest.groupId);
    ({ order: this.order, maxHops: this.#maxHops } = orderRewrites(forest, rewrites));
    this.#chains = new StandingChains(forest, rewrites, this.#maxHops);
    this.#newFrom = forest.lastGroupId ?? Number.MAX_SAFE_INTEGER;
    this.#waiting = new Int32Array(forest.size).fill(NONE);
    for (let i = 0; i < rewrites.count; i++) this.#waiting[rewrites.group[i]!] = i;
  }

  /**
   * To be called before a transaction: waits, for a bounded time, while deletions that were seen are beginning.
   *
   * @throws {StoppedError} the signal is or gets aborted
   */
  giveWay(signal: AbortSignal | undefined): Promise<void> {
    return this.#rivals.giveWay(signal);
  }

  /**
   * Writes the groups that stand as they were read. Nothing is changed where this throws.
   *
   * @throws {ConflictError} others are in the way, and it may be tried again; the server's own errors may say the same
   */
  async write(tasks: readonly Task[]): Promise<BatchResult> {
    const { sql } = this.#session;
    try {
      const bases = this.#findWaitingBases(tasks);
      const standing = await this.#look([...tasks, ...bases], withBases(tasks));
      const verdict = await this.#judge.judge(tasks, bases, standing, (ids) => this.#digests(ids));
      const { write, unchanged, skip } = this.#keepShort(verdict);
      const changed = write.length > 0
        ? await this.#change(write, standing)
        : { rowsDeleted: 0, rowsInserted: 0, bytesFreed: 0 };
      await sql.unsafe("COMMIT").simple();
      this.#chains.keep();
      for (const { index } of tasks) this.#waiting[this.#rewrites.group[index]!] = NONE;
      return { written: write, unchanged, skip, ...changed };
    } catch (error) {
      this.#chains.undo();
      if (this.#session.lost === undefined) await sql.unsafe("ROLLBACK").simple().catch(() => {});
      throw error;
    }
  }

  /** The tasks of new bases whose turn comes later: they are only looked at. */
  #findWaitingBases(tasks: readonly Task[]): Task[] {
    const own = new Set(tasks.map(({ groupId }) => groupId));
    const places = new Set<number>();
    for (const { baseId } of tasks) {
      if (baseId === undefined || own.has(baseId)) continue;
      const g = this.#forest.indexOf(baseId);
      if (g !== NONE && this.#waiting[g] !== NONE) places.add(this.#waiting[g]!);
    }
    return Array.from(places, (index) => makeTask(this.#forest, this.#rewrites, index));
  }

  /** Begins the transaction, locks, and only then looks. */
  async #look(tasks: readonly Task[], ids: readonly number[]): Promise<Standing> {
    const { sql, hasPendingDeletion } = this.#session;
    const all = idArray(ids);
    const [, rivals, locked, groups, added, marked] = await inOrder([
      sql.unsafe(BEGIN_BATCH).simple() as unknown as Query,
      this.#rivals.find(),
      this.#query(LOCK_GROUPS, [all, this.#forest.roomId]),
      this.#query(INSPECT_GROUPS, [groupArray(tasks), this.#forest.horizon ?? null]),
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

  /** Skips those with which a chain would be too long, as the chains stand by now. */
  #keepShort({ write, unchanged, skip }: Verdict): Verdict {
    for (const { index } of unchanged) this.#chains.accept(index);
    const [short, long] = [[] as Task[], [] as Task[]];
    for (const task of write) (this.#chains.move(task.index) ? short : long).push(task);
    const reason =
      `a chain would be longer than ${this.#maxHops} edges, since another group was left as it is or is new`;
    return {
      write: short,
      unchanged,
      skip: [...skip, ...long.map((task) => ({ task, kind: "bound" as const, reason }))],
    };
  }

  /** The digests of the rows of groups as they stand. */
  async #digests(groupIds: readonly number[]): Promise<Map<number, unknown>> {
    const rows = await this.#query(DIGEST_GROUPS, [idArray(groupIds)]);
    return new Map(rows.map((row) => [Number(row["id"]), row["digest"]]));
  }

  /** Sends all changes of a batch at once and checks what each came to. */
  async #change(
    tasks: readonly Task[],
    { groups }: Standing,
  ): Promise<Pick<BatchResult, "rowsDeleted" | "rowsInserted" | "bytesFreed">> {
    const { keys, events, roomId } = this.#forest;
    const touched = withBases(tasks);
    const edgesOf = ({ groupId }: Task) => groups.get(groupId)!.edges;
    // An edge that is there twice is written anew, once.
    const moved = tasks.filter((task) => task.baseId !== task.readBaseId || edgesOf(task) > 1);
    const lostEdges = moved.filter(({ readBaseId }) => readBaseId !== undefined);
    const newEdges = moved.filter(({ baseId }) => baseId !== undefined);
    const based = tasks.filter(({ baseId }) => baseId !== undefined);

    let [rowsDeleted, rowsInserted, bytesFreed] = [0, 0, 0];
    const thinned: number[] = [];
    const all = new RowArrays();
    const added = new RowArrays();
    for (const task of tasks) {
      const stamp = task.index + 1;
      this.#judge.forEachReadRow(task, (key) => {
        this.#lastSeen[key] = stamp;
        bytesFreed += this.#rowBytes[key]!;
      });
      let kept = 0;
      this.#judge.forEachNewRow(task, (key, event) => {
        const row = [task.groupId, keys.type(key), keys.stateKey(key), events.text(event)] as const;
        all.add(...row);
        bytesFreed -= this.#rowBytes[key]!;
        if (this.#lastSeen[key] === stamp) kept++;
        else added.add(...row);
      });
      if (kept < task.readRows) thinned.push(task.groupId);
      rowsDeleted += task.readRows - kept;
      rowsInserted += task.newRows - kept;
    }

    const [allGroups, allTypes, allKeys, allEvents] = all.texts();
    const statements: { query: Query; count?: number | undefined }[] = [];
    const run = (text: string, parameters: string[], count?: number) =>
      statements.push({ query: this.#query(text, parameters), count });
    run(TOUCH_GROUPS, [idArray(touched)], touched.length);
    if (this.#session.hasPendingDeletion) run(BUMP_MARKS, [idArray(touched)]);
    if (lostEdges.length > 0) {
      const edges = lostEdges.reduce((sum, task) => sum + edgesOf(task), 0);
      run(DELETE_EDGES, [groupArray(lostEdges)], edges);
    }
    if (newEdges.length > 0) run(INSERT_EDGES, edgeArrays(newEdges), newEdges.length);
    if (thinned.length > 0) run(DELETE_ROWS, [idArray(thinned), allGroups, allTypes, allKeys], rowsDeleted);
    if (added.count > 0) {
      const [groups, ...texts] = added.texts();
      run(INSERT_ROWS, [groups, roomId, ...texts], added.count);
    }
    run(COUNT_RESULT, [groupArray(tasks), ...edgeArrays(based), allGroups, allTypes, allKeys, allEvents]);
    statements.push({ query: this.#rivals.find() });

    const results = await inOrder(statements.map(({ query }) => query));
    const { edges, wanted_edges, rows, wanted_rows } = results.at(-2)![0] as Record<string, number>;
    const isRight = statements.every(({ count }, i) => count === undefined || results[i]!.count === count) &&
      edges === based.length && wanted_edges === based.length && rows === all.count && wanted_rows === all.count;
    if (!isRight) throw new ConflictError("a writer that takes no locks changed it at the same time");
    this.#rivals.check(results.at(-1)!);
    return { rowsDeleted, rowsInserted, bytesFreed };
  }

  #query(text: string, parameters: readonly (string | null)[]): Query {
    return this.#session.sql.unsafe(text, [...parameters], { prepare: true }) as unknown as Query;
  }
}

/** Waits for queries that were sent together. The first that failed is why: those after it only say that it had. */
async function inOrder(queries: readonly Query[]): Promise<Awaited<Query>[]> {
  const settled = await Promise.allSettled(queries);
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
