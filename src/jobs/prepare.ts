/**
 * What every job does before it writes or prints anything: load groups, with what stands under them and above them, find
 * their new bases, find the rewrites, and verify every one of them. Whole rooms, ranges, chunks, surveys, graphs and
 * reports all come this way, so that the bound on hops and every figure mean the same for each. Only reads. Costs the load,
 * and memory for what was loaded.
 */
import {
  compress,
  type Compression,
  type CompressOptions,
  findRewrites,
  type Rewrites,
} from "../core/plan/compress.ts";
import { heightsAbove } from "../core/forest/outside.ts";
import { preferenceOf } from "../core/plan/plan.ts";
import { verify } from "../core/verify.ts";
import { type LoadedForest, type LoadOptions, loadRoom } from "../db/read/load.ts";
import { findNewest } from "../db/read/newest.ts";
import type { Session } from "../db/session/connect.ts";
import { breathe, stoppable } from "../db/session/stop.ts";

/** Options for prepare(). */
interface PrepareOptions extends LoadOptions {
  /** How to compress; a function is called with the loaded forest. @default as compress() does it */
  readonly how?: CompressOptions | ((forest: LoadedForest) => CompressOptions) | undefined;
  /** Makes the compression. @default compress() */
  readonly plan?:
    | ((forest: LoadedForest, options: CompressOptions) => Compression | Promise<Compression>)
    | undefined;
  /** Whether a compression is worth being written: only then are its rewrites found. @default if it saves a row */
  readonly isWanted?: ((compression: Compression) => boolean) | undefined;
  /** Check every group's full state. @default true */
  readonly verify?: boolean | undefined;
}

/** How much of a room is read; told at the beginning, too. */
export type LoadingEvent = {
  readonly kind: "loading";
  /** Rows so far. */
  readonly rows: number;
  /** The share of the state groups, 0 to 1, whose rows these are. */
  readonly share: number;
};

/** What is being computed. */
export type ComputingEvent = {
  readonly kind: "computing";
  /** Looking for bases, arranging chains under the bound on hops, collecting the changed rows, or verifying full states. */
  readonly step: "comparing" | "arranging" | "collecting" | "verifying";
  /** What is done of it, 0 to 1; undefined where that cannot be told. */
  readonly share: number | undefined;
};

/** How many of the state groups to be rewritten are dealt with. */
export type WritingEvent = { readonly kind: "writing"; readonly done: number; readonly total: number };

/** How many of the unused state groups are marked. */
export type MarkingEvent = { readonly kind: "marking"; readonly done: number; readonly total: number };

/** How far the work on a room is: told many times a second. */
export type WorkEvent = LoadingEvent | ComputingEvent | WritingEvent | MarkingEvent;

/** A step of prepare() that begins or is over. */
export type PrepareEvent =
  | LoadingEvent
  | ComputingEvent
  | { readonly kind: "loaded"; readonly forest: LoadedForest }
  | { readonly kind: "compressed"; readonly compression: Compression }
  | { readonly kind: "verifying" }
  | { readonly kind: "verified" };

/** Callbacks and the signal for prepare(). */
interface PrepareHooks {
  /** What it throws ends the preparation. */
  readonly onEvent?: ((event: PrepareEvent) => void) | undefined;
  /** Stops the preparation, and with it the session. */
  readonly signal?: AbortSignal | undefined;
}

/** What could be written. */
interface Preparation {
  readonly forest: LoadedForest;
  readonly compression: Compression;
  /** Verified, unless that was not asked for; undefined where the compression is not wanted. */
  readonly rewrites: Rewrites | undefined;
  readonly seconds: { readonly load: number; readonly compress: number; readonly verify: number };
}

/**
 * Prepares a compression.
 *
 * @throws {MismatchError} a full state would change: our bug
 * @throws {CompressorError} the database failed
 * @throws {StoppedError} the signal was aborted before the end
 */
export function prepare(
  session: Session,
  roomId: string,
  options: PrepareOptions = {},
  hooks: PrepareHooks = {},
): Promise<Preparation> {
  return stoppable(session, hooks.signal, () => prepareIn(session, roomId, options, hooks));
}

async function prepareIn(
  session: Session,
  roomId: string,
  options: PrepareOptions,
  { onEvent = () => {}, signal }: PrepareHooks,
): Promise<Preparation> {
  const clock = new Stopwatch();
  const onProgress = (rows: number, share: number) => onEvent({ kind: "loading", rows, share });
  const onStep = (step: ComputingEvent["step"], share: number | undefined) =>
    onEvent({ kind: "computing", step, share });
  onProgress(0, 0);
  const forest = await loadRoom(session, roomId, { ...options, onProgress });
  await breathe(signal);
  const load = clock.lap();
  onEvent({ kind: "loaded", forest });
  const how = typeof options.how === "function" ? options.how(forest) : options.how;
  // Where the edges of all the room are known, so are its newest groups; and the fewest rows do not ask for them.
  const isAsked = !isWhole(forest, options) && options.outside !== "room" && preferenceOf(how ?? {}) !== "rows";
  const newestFrom = how?.newestFrom ?? (isAsked ? (await findNewest(session, roomId))?.from : undefined);
  const compression = await (options.plan ?? compress)(forest, {
    ...how,
    newestFrom,
    heights: heightsAbove(forest.outside, forest.size),
    onStep,
  });
  let seconds = { load, compress: clock.lap(), verify: 0 };
  onEvent({ kind: "compressed", compression });
  await breathe(signal);
  const isWanted = options.isWanted ?? (({ rowsBefore, rowsAfter }) => rowsAfter < rowsBefore);
  if (!isWanted(compression)) return { forest, compression, rewrites: undefined, seconds };
  const rewrites = findRewrites(compression, (share) => onStep("collecting", share));
  seconds = { ...seconds, compress: seconds.compress + clock.lap() };
  if (options.verify ?? true) {
    onEvent({ kind: "verifying" });
    verify(forest, rewrites, (done) => onStep("verifying", done / rewrites.count));
    seconds = { ...seconds, verify: clock.lap() };
    onEvent({ kind: "verified" });
  }
  await breathe(signal);
  return { forest, compression, rewrites, seconds };
}

/** Whether all of a room was loaded: no range was asked for, or fewer groups were found than were asked for. */
function isWhole({ size, isContext }: LoadedForest, { minGroup, maxGroup, groups }: LoadOptions): boolean {
  if (minGroup !== undefined || maxGroup !== undefined) return false;
  return groups === undefined || size < groups && !isContext.includes(1);
}

/** Seconds since the last lap. */
export class Stopwatch {
  #last = performance.now();

  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    return seconds;
  }
}
