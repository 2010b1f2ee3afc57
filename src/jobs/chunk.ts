/**
 * One chunk of a room: loaded with what it builds on, compressed from where the last chunk ended, verified, written, and only
 * then its progress saved. So a stop at any moment repeats at most one chunk's work. Memory is the chunk's.
 */
import type { Compression } from "../core/plan/compress.ts";
import { type Defect, NONE } from "../core/forest/defects.ts";
import { DEFAULT_LEVELS, type Level } from "../core/plan/levels.ts";
import { type CompressOptions, type Preference, preferenceOf, type Strategy } from "../core/plan/plan.ts";
import { deriveLevels, findStanding } from "../core/plan/standing.ts";
import type { Session } from "../db/session/connect.ts";
import type { LoadedForest } from "../db/read/load.ts";
import { findNewest } from "../db/read/newest.ts";
import {
  findLastGroups,
  readProgress,
  type RoomProgress,
  type SavedLevel,
  saveProgress,
} from "../db/write/progress.ts";
import { type WriteOptions, type WriteReport, writeRewrites } from "../db/write/write.ts";
import { finishing, stoppable } from "../db/session/stop.ts";
import { StoppedError } from "../errors.ts";
import { isUnfinished, isWorthAnotherLook, noSkips, type SkipCounts, type SkippedGroup } from "../db/write/skips.ts";
import { prepare, type PrepareEvent, type WorkEvent } from "./prepare.ts";
import type { Rehearsal } from "./rehearsal.ts";

/** How chunks are compressed. */
export interface ChunkOptions extends Pick<WriteOptions, "patienceMs" | "pausesMs"> {
  /** Groups of a chunk. */
  readonly chunkSize: number;
  /** How bases are chosen. @default "branches" */
  readonly strategy?: Strategy | undefined;
  /** Sizes of the levels of a room that has none saved. @default 100,50,25, or with "branches" what suits a small room best */
  readonly levels?: readonly number[] | undefined;
  /** What counts most; only for "branches", and only where no levels are given. @default "balance" */
  readonly prefer?: Preference | undefined;
  /** The most hops a chain may have; only for "branches". @default as compress() has it */
  readonly maxHops?: number | undefined;
  /** Groups written in one transaction. @default the writer's */
  readonly batch?: number | undefined;
  /**
   * Save no progress either where groups were skipped that a fresh look at the chunk could rewrite, since it is to be tried
   * again. @default false
   */
  readonly mayTryAgain?: boolean | undefined;
  /**
   * Go over the groups again that were the newest when the room was worked on last: they were kept fast to read then, at the cost
   * of rows, and new ones are read now. Not for `prefer` "rows", levels, or "levels". @default false
   */
  readonly revisit?: boolean | undefined;
  /** The id of the oldest of the room's newest groups. @default it is looked up, which costs a look at all of the room's groups */
  readonly newestFrom?: number | undefined;
  /** Called as the work goes on. */
  readonly onWork?: ((event: WorkEvent) => void) | undefined;
  /** Write nothing; keep there what would have been written. @default everything is written */
  readonly rehearsal?: Rehearsal | undefined;
}

/** What came of a chunk. Counts of rows include context groups, as the Rust tool counts them. */
export interface ChunkReport {
  /** The room. */
  readonly roomId: string;
  /**
   * `skipped`: it saves nothing, so nothing was written. `unfinished`: groups were skipped that would stay as they are if the
   * next chunk began after them, so no progress was saved.
   */
  readonly outcome: "written" | "skipped" | "unfinished";
  /** The groups of the chunk itself. */
  readonly groups: number;
  /** Their rows before, context groups left out. */
  readonly ownRows: number;
  /** The id of the chunk's last group: how far the room is now. */
  readonly lastGroup: number;
  /** Rows before, context groups included. */
  readonly rowsBefore: number;
  /** Rows of the plan, context groups included. */
  readonly rowsAfter: number;
  /** Groups that were rewritten. */
  readonly groupsRewritten: number;
  /** Groups that were as wanted already. */
  readonly groupsUnchanged: number;
  /** Groups that were to be rewritten and were left as they are. */
  readonly groupsSkipped: number;
  /** Those groups, each with its reason. */
  readonly skipped: readonly SkippedGroup[];
  /** How many of them for which reason. */
  readonly skippedByKind: Readonly<SkipCounts>;
  /** Groups that a stop left unwritten. */
  readonly groupsLeft: number;
  /** Transactions that were repeated because another one was in the way. */
  readonly retries: number;
  /** Rows deleted less rows inserted. */
  readonly rowsSaved: number;
  /** About how many bytes of table and index the saved rows took. */
  readonly bytesFreed: number;
  /** Broken data in the chunk or under it. */
  readonly defects: readonly Defect[];
  /** Groups left out because of that. */
  readonly groupsLeftOut: number;
  /** Saved heads that were gone, and what was taken instead. */
  readonly replaced: RoomProgress["replaced"];
  /** Whether it was the last of the room. */
  readonly isLast: boolean;
}

/** Groups before a chunk that are loaded with it, so that it can continue their branches. */
const RECENT_GROUPS = 64;

/**
 * Compresses a room's next chunk; the room is locked by the caller. The signal stops it: a read at once, writing after the
 * batch under way.
 *
 * @returns undefined where the room has no further groups
 * @throws {MismatchError} verification failed: nothing was written
 * @throws {StoppedError} the signal was aborted; its report, if any, is a {@linkcode ChunkReport} of what was written
 * @throws {CompressorError} the database failed us
 */
export function compressChunk(
  session: Session,
  roomId: string,
  options: ChunkOptions,
  signal?: AbortSignal | undefined,
): Promise<ChunkReport | undefined> {
  return stoppable(session, signal, () => runChunk(session, roomId, options, signal));
}

async function runChunk(
  session: Session,
  roomId: string,
  options: ChunkOptions,
  signal: AbortSignal | undefined,
): Promise<ChunkReport | undefined> {
  const strategy = options.strategy ?? "branches";
  const { rehearsal } = options;
  const progress = rehearsal?.progress ?? await readProgress(session, roomId);
  const { lastCompressed } = progress;
  const heads = progress.levels.flatMap(({ head }) => head ?? []);
  const spared = await findSpared(session, roomId, progress, options);
  const minGroup = spared === undefined ? lastCompressed : spared.from - 1;
  const groups = options.chunkSize + (spared?.count ?? 0);
  if (strategy === "branches" && minGroup !== undefined) {
    heads.push(...await findLastGroups(session, roomId, minGroup, RECENT_GROUPS));
  }
  const { onWork } = options;
  const onEvent = (event: PrepareEvent) => (event.kind === "loading" || event.kind === "computing") && onWork?.(event);
  let plan!: ChunkPlan;
  const preparation = await prepare(session, roomId, {
    minGroup,
    groups,
    heads: [...new Set(heads)],
    planned: rehearsal,
    how: (forest) => {
      plan = new ChunkPlan(forest, progress, { ...options, chunkSize: groups });
      return { ...plan.how, newestFrom: options.newestFrom };
    },
    isWanted: isWorthIt,
  }, { signal, onEvent });
  if (plan.own <= (spared?.count ?? 0)) return undefined;
  const { forest, compression, rewrites } = preparation;
  let written: WriteReport | undefined;
  let stopped: StoppedError | undefined;
  if (rewrites !== undefined && rewrites.count > 0) {
    const total = rewrites.count;
    const onProgress = (done: number) => onWork?.({ kind: "writing", done, total });
    onProgress(0);
    written = rehearsal?.write(forest, rewrites) ??
      await writeRewrites(session, forest, rewrites, { ...options, signal, onProgress }).catch((error) => {
        if (!(error instanceof StoppedError) || error.report === undefined) throw error;
        stopped = error;
        return error.report as WriteReport;
      });
  }
  const skipped = written?.skippedByKind ?? noSkips();
  const isOpen = isUnfinished(skipped) || options.mayTryAgain === true && isWorthAnotherLook(skipped);
  if (stopped === undefined && !isOpen) {
    const levels = plan.levelsToSave(compression);
    if (rehearsal !== undefined) rehearsal.save(plan.lastGroup, levels);
    else await finishing(session, () => saveProgress(session, roomId, plan.lastGroup, levels));
  }
  const report: ChunkReport = {
    roomId,
    outcome: rewrites === undefined ? "skipped" : isOpen ? "unfinished" : "written",
    groups: plan.own,
    ownRows: forest.rowCount.reduce((sum, rows, g) => sum + (forest.isContext[g] === 1 ? 0 : rows), 0),
    lastGroup: plan.lastGroup,
    rowsBefore: compression.rowsBefore,
    rowsAfter: compression.rowsAfter,
    groupsRewritten: written?.groupsWritten ?? 0,
    groupsUnchanged: written?.groupsUnchanged ?? 0,
    groupsSkipped: written?.skipped.length ?? 0,
    skipped: written?.skipped ?? [],
    skippedByKind: skipped,
    groupsLeft: written?.groupsLeft ?? 0,
    retries: written?.retries ?? 0,
    rowsSaved: written === undefined ? 0 : written.rowsDeleted - written.rowsInserted,
    bytesFreed: written?.bytesFreed ?? 0,
    defects: forest.defects,
    groupsLeftOut: forest.isLeftOut.reduce((sum, flag, g) => sum + (forest.isContext[g] === 1 ? 0 : flag), 0),
    replaced: progress.replaced,
    isLast: plan.isLast,
  };
  if (stopped !== undefined) throw StoppedError.by(signal!, report);
  return report;
}

/** The groups that are to be gone over again. */
async function findSpared(
  session: Session,
  roomId: string,
  { lastCompressed }: RoomProgress,
  options: ChunkOptions,
): Promise<{ readonly from: number; readonly count: number } | undefined> {
  if (options.revisit !== true || lastCompressed === undefined || preferenceOf(options) === "rows") return undefined;
  return await findNewest(session, roomId, lastCompressed);
}

/** As the Rust tool: what needs as many rows as before is written, so that the levels go on from what stands. */
function isWorthIt({ strategy, rowsBefore, rowsAfter }: Compression): boolean {
  return strategy === "levels" ? rowsAfter <= rowsBefore : rowsAfter < rowsBefore;
}

/** How a chunk is compressed, on from the saved levels, and the levels to save after it. */
class ChunkPlan {
  readonly how: CompressOptions;
  /** The groups of the chunk itself, and the highest of them. */
  readonly own: number;
  readonly lastGroup: number;
  /** Whether it is the last of the room. */
  readonly isLast: boolean;
  readonly #forest: LoadedForest;
  readonly #strategy: Strategy;
  /** The sizes of levels that begin anew, and those of the levels that go on. */
  readonly #freshSizes: readonly number[];
  readonly #sizes: readonly number[];

  constructor(forest: LoadedForest, { levels: saved, lastCompressed }: RoomProgress, options: ChunkOptions) {
    const { levels, maxHops } = options;
    this.#forest = forest;
    this.#strategy = options.strategy ?? "branches";
    this.own = forest.isContext.reduce((sum, flag) => sum + 1 - flag, 0);
    this.lastGroup = forest.groupId[forest.isContext.lastIndexOf(0)] ?? NaN;
    this.isLast = this.own < options.chunkSize;
    const fitting = levels ?? (maxHops === undefined ? DEFAULT_LEVELS : scaleLevels(maxHops));
    this.#freshSizes = fitting;
    const savedSizes = saved.map(({ maxLength }) => maxLength);
    const isOver = savedSizes.reduce((a, b) => a + b, 0) > (maxHops ?? Infinity);
    this.#sizes = saved.length === 0 || isOver ? fitting : savedSizes;
    const standing: Level[] = (saved.length === 0 ? makeSaved(fitting) : saved).map(({ maxLength, length, head }) => {
      const g = head === undefined ? NONE : forest.indexOf(head);
      return { maxLength, length: g === NONE ? 0 : length, head: g };
    });
    const prefer = preferenceOf(options);
    const wholeRoom = lastCompressed === undefined && this.isLast;
    this.how = this.#strategy === "levels" ? { strategy: "levels", savedLevels: standing } : {
      strategy: "branches",
      standing: findStanding(forest, standing),
      // A room that is seen whole gets the best split of the bound; one that goes on keeps its levels.
      ...(prefer !== "rows"
        ? { prefer, maxHops }
        : wholeRoom && levels === undefined
        ? { prefer, maxHops: fitting.reduce((a, b) => a + b, 0) }
        : { levels: this.#sizes, maxHops }),
    };
  }

  levelsToSave(compression: Compression): SavedLevel[] {
    const forest = this.#forest;
    if (this.#strategy === "levels") {
      return isWorthIt(compression) ? toSaved(forest, compression.levels) : makeSaved(this.#freshSizes);
    }
    return toSaved(forest, deriveLevels(forest, compression, this.#sizes));
  }
}

/** 100,50,25 shrunk or grown to a bound. */
function scaleLevels(maxHops: number): number[] {
  const upper = [50, 25].map((size) => Math.floor(size * maxHops / 175)).filter((size) => size > 0);
  return [maxHops - upper.reduce((a, b) => a + b, 0), ...upper];
}

function makeSaved(sizes: readonly number[]): SavedLevel[] {
  return sizes.map((maxLength) => ({ maxLength, length: 0, head: undefined }));
}

function toSaved(forest: LoadedForest, levels: readonly Level[]): SavedLevel[] {
  return levels.map(({ maxLength, length, head }) => ({
    maxLength,
    length: head === NONE ? 0 : length,
    head: head === NONE ? undefined : forest.groupId[head]!,
  }));
}
