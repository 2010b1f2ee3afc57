/**
 * One chunk of a room: loaded with what it builds on, compressed from where the last chunk ended, verified, written, and only
 * then its progress saved. So a stop at any moment repeats at most one chunk's work. Memory is the chunk's.
 */
import { compress, type Compression, findRewrites } from "../core/plan/compress.ts";
import { type Defect, NONE } from "../core/forest/defects.ts";
import { DEFAULT_LEVELS, type Level } from "../core/plan/levels.ts";
import type { CompressOptions, Strategy } from "../core/plan/plan.ts";
import { deriveLevels, findStanding } from "../core/plan/standing.ts";
import { verify } from "../core/verify.ts";
import type { Session } from "../db/session/connect.ts";
import { type LoadedForest, loadRoom } from "../db/read/load.ts";
import {
  findHeights,
  findLastGroups,
  readProgress,
  type RoomProgress,
  type SavedLevel,
  saveProgress,
} from "../db/write/progress.ts";
import { endOnAbort } from "../db/session/stop.ts";
import { type WriteReport, writeRewrites } from "../db/write/write.ts";

/** How chunks are compressed. */
export interface ChunkOptions {
  /** Groups of a chunk. */
  readonly chunkSize: number;
  /** @default "branches" */
  readonly strategy?: Strategy | undefined;
  /** Sizes of the levels of a room that has none saved. @default 100,50,25, or with "branches" what suits a small room best */
  readonly levels?: readonly number[] | undefined;
  /** The most hops a chain may have; only for "branches". @default the sum of the levels */
  readonly maxHops?: number | undefined;
  /** Groups written in one transaction. @default the writer's */
  readonly batch?: number | undefined;
}

/** What came of a chunk. Counts of rows include context groups, as the peers count them. */
export interface ChunkReport {
  readonly roomId: string;
  /** `skipped`: it saves nothing, so nothing was written. `stopped`: not all was written, and no progress saved. */
  readonly outcome: "written" | "skipped" | "stopped";
  /** The groups of the chunk itself. */
  readonly groups: number;
  readonly lastGroup: number;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly groupsRewritten: number;
  readonly groupsSkipped: number;
  readonly rowsSaved: number;
  readonly bytesFreed: number;
  readonly defects: readonly Defect[];
  readonly groupsLeftOut: number;
  /** Saved heads that were gone, and what was taken instead. */
  readonly replaced: RoomProgress["replaced"];
  /** Whether it was the last of the room. */
  readonly isLast: boolean;
}

/** So many groups before a chunk are loaded with it, so that it can go on from their branches. */
const RECENT_GROUPS = 64;
/** Chains above a chunk are followed so far: Synapse bounds them to 100 hops (MAX_STATE_DELTA_HOPS). */
const MAX_HEIGHT = 200;

/**
 * Compresses a room's next chunk; the room is locked by the caller. The signal ends it, and the session with it, while it
 * loads; later it ends after the batch under way.
 *
 * @returns undefined where the room has no further groups, or the signal came before anything was written
 * @throws {MismatchError} verification failed: nothing was written
 * @throws {CompressorError} the database failed us
 */
export async function compressChunk(
  session: Session,
  roomId: string,
  options: ChunkOptions,
  signal?: AbortSignal,
): Promise<ChunkReport | undefined> {
  const strategy = options.strategy ?? "branches";
  const progress = await readProgress(session, roomId);
  const { lastCompressed } = progress;
  const heads = progress.levels.flatMap(({ head }) => head ?? []);
  if (strategy === "branches" && lastCompressed !== undefined) {
    heads.push(...await findLastGroups(session, roomId, lastCompressed, RECENT_GROUPS));
  }
  const load = () =>
    loadRoom(session, roomId, {
      groups: options.chunkSize,
      heads: [...new Set(heads)],
      minGroup: lastCompressed,
    });
  const forest = await endOnAbort(session, signal, load).catch((error) => {
    if (signal?.aborted === true) return undefined;
    throw error;
  });
  if (forest === undefined || signal?.aborted === true) return undefined;
  const own = forest.isContext.reduce((sum, flag) => sum + 1 - flag, 0);
  if (own === 0) return undefined;
  const lastGroup = forest.groupId[forest.isContext.lastIndexOf(0)]!;
  const isLast = own < options.chunkSize;
  const heights = strategy === "branches" && !isLast ? await findHeightsAbove(session, forest, lastGroup) : undefined;
  const plan = new ChunkPlan(forest, progress, options, isLast, heights);
  const { compression } = plan;
  // As the Rust tool: what needs as many rows as before is written, so that the levels go on from what stands.
  const isWorthIt = strategy === "levels"
    ? compression.rowsAfter <= compression.rowsBefore
    : compression.rowsAfter < compression.rowsBefore;
  let written: WriteReport | undefined;
  if (isWorthIt) {
    const rewrites = findRewrites(compression);
    verify(forest, rewrites);
    if (rewrites.count > 0) {
      written = await writeRewrites(session, forest, rewrites, { batch: options.batch, signal });
    }
  }
  const isStopped = written?.stopped ?? false;
  if (!isStopped) await saveProgress(session, roomId, lastGroup, plan.levelsToSave(isWorthIt));
  return {
    roomId,
    outcome: isStopped ? "stopped" : isWorthIt ? "written" : "skipped",
    groups: own,
    lastGroup,
    rowsBefore: compression.rowsBefore,
    rowsAfter: compression.rowsAfter,
    groupsRewritten: written?.groupsWritten ?? 0,
    groupsSkipped: written?.skipped.length ?? 0,
    rowsSaved: written === undefined ? 0 : written.rowsDeleted - written.rowsInserted,
    bytesFreed: written?.bytesFreed ?? 0,
    defects: forest.defects,
    groupsLeftOut: forest.isLeftOut.reduce((sum, flag, g) => sum + (forest.isContext[g] === 1 ? 0 : flag), 0),
    replaced: progress.replaced,
    isLast,
  };
}

/** heights[g]: the hops that later groups, which are not loaded, need above g: the bound is to hold for them, too. */
async function findHeightsAbove(session: Session, forest: LoadedForest, lastGroup: number): Promise<Int32Array> {
  const heights = new Int32Array(forest.size);
  const ids = [...forest.groupId].filter((_, g) => forest.isContext[g] === 0);
  for (const { groupId, hops } of await findHeights(session, ids, lastGroup, MAX_HEIGHT)) {
    heights[forest.indexOf(groupId)] = hops;
  }
  return heights;
}

/** A chunk's compression, on from the saved levels, and the levels to save after it. */
class ChunkPlan {
  readonly compression: Compression;
  readonly #forest: LoadedForest;
  readonly #strategy: Strategy;
  /** The sizes of levels that begin anew, and those of the levels that go on. */
  readonly #freshSizes: readonly number[];
  readonly #sizes: readonly number[];

  constructor(
    forest: LoadedForest,
    { levels: saved, lastCompressed }: RoomProgress,
    options: ChunkOptions,
    isEnd: boolean,
    heights: Int32Array | undefined,
  ) {
    const { levels, maxHops } = options;
    this.#forest = forest;
    this.#strategy = options.strategy ?? "branches";
    const fitting = levels ?? (maxHops === undefined ? DEFAULT_LEVELS : scaleLevels(maxHops));
    this.#freshSizes = fitting;
    const savedSizes = saved.map(({ maxLength }) => maxLength);
    const isOver = savedSizes.reduce((a, b) => a + b, 0) > (maxHops ?? Infinity);
    this.#sizes = saved.length === 0 || isOver ? fitting : savedSizes;
    const standing: Level[] = (saved.length === 0 ? makeSaved(fitting) : saved).map(({ maxLength, length, head }) => {
      const g = head === undefined ? NONE : forest.indexOf(head);
      return { maxLength, length: g === NONE ? 0 : length, head: g };
    });
    const wholeRoom = lastCompressed === undefined && isEnd;
    const how: CompressOptions = this.#strategy === "levels" ? { strategy: "levels", savedLevels: standing } : {
      strategy: "branches",
      standing: findStanding(forest, standing),
      heights,
      // A room that is seen whole gets the best split of the bound; one that goes on keeps its levels.
      ...(wholeRoom && levels === undefined
        ? { maxHops: fitting.reduce((a, b) => a + b, 0) }
        : { levels: this.#sizes, maxHops }),
    };
    this.compression = compress(forest, how);
  }

  levelsToSave(isWorthIt: boolean): SavedLevel[] {
    const forest = this.#forest;
    if (this.#strategy === "levels") {
      return isWorthIt ? toSaved(forest, this.compression.levels) : makeSaved(this.#freshSizes);
    }
    return toSaved(forest, deriveLevels(forest, this.compression, this.#sizes));
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
