/**
 * One room, or a range of its groups: prepared (see prepare.ts), then written out in whichever ways were asked for: as a
 * page, as graphs, as SQL, into the database. Every step is an event.
 */
import { measureStanding } from "../core/figures.ts";
import type { Compression, Rewrites } from "../core/plan/compress.ts";
import { type Defect, NONE } from "../core/forest/defects.ts";
import type { DeltaForest } from "../core/forest/forest.ts";
import type { CompressOptions } from "../core/plan/plan.ts";
import { checkWritable, lockRoom } from "../db/write/access.ts";
import type { Session } from "../db/session/connect.ts";
import type { GroupRange } from "../db/read/load.ts";
import { breathe, stoppable, unlessStopped } from "../db/session/stop.ts";
import { checkVacuum, vacuumTables } from "../db/write/vacuum.ts";
import { type WriteReport, writeRewrites } from "../db/write/write.ts";
import { DefectError, StoppedError } from "../errors.ts";
import { drawGraphs, type Drawing, type GraphOptions } from "../format/graph/graphs.ts";
import { formatCount } from "../format/numbers.ts";
import { addSkips, type SkippedGroup } from "../db/write/skips.ts";
import { formatRewrites } from "../format/sql/sql.ts";
import {
  type ComputingEvent,
  type LoadingEvent,
  prepare,
  type PrepareEvent,
  Stopwatch,
  type WritingEvent,
} from "./prepare.ts";
import { makeReport, type RoomReport } from "./report.ts";

/** Where text goes: a file that is made whole or not at all. */
export interface TextSink {
  /** Takes a piece of text. */
  write(text: string): void | Promise<void>;
  /** Completes the output: from now on it is there, whole. */
  commit(): Promise<void>;
  /** Gives the output up: nothing of it stays. */
  abort(): Promise<void>;
}

/** Options for compressRoom(). */
export interface RoomOptions extends GroupRange, CompressOptions {
  /** The room to compress. */
  readonly roomId: string;
  /** Write nothing where fewer rows than this are saved. @default 0 */
  readonly minSaved?: number | undefined;
  /** Check every group's full state before anything is written. @default true */
  readonly verify?: boolean | undefined;
  /** Write the rewrites to the database. @default false */
  readonly commit?: boolean | undefined;
  /** Wrap each group of the SQL text in a transaction. @default false */
  readonly transactions?: boolean | undefined;
  /** Guard each group of the SQL text against what changed since. @default true */
  readonly guards?: boolean | undefined;
  /** Groups written in one transaction. @default the writer's */
  readonly batch?: number | undefined;
  /** VACUUM the tables once the rewrites are written; goes with `commit`. @default false */
  readonly vacuum?: boolean | undefined;
  /** Refuse a room with a defect, rather than leave out what the defect touches. @default false */
  readonly strict?: boolean | undefined;
  /** What to draw, where hooks take it. @default the Rust tool's four CSV files of the whole room */
  readonly graph?: GraphOptions | undefined;
}

/** What happens, as it happens. */
export type RoomEvent =
  | { readonly kind: "fetching"; readonly roomId: string }
  | LoadingEvent
  | ComputingEvent
  | {
    readonly kind: "loaded";
    readonly groups: number;
    readonly rows: number;
    readonly maxGroupId: number;
    readonly defects: readonly Defect[];
  }
  | { readonly kind: "compressing" }
  | { readonly kind: "compressed"; readonly report: RoomReport }
  | { readonly kind: "verifying" }
  | { readonly kind: "verified" }
  | WritingEvent
  | { readonly kind: "skipped"; readonly group: SkippedGroup }
  | { readonly kind: "drawing"; readonly drawing: Drawing }
  | { readonly kind: "vacuuming" }
  | { readonly kind: "written" };

/** Where a run's outputs go, and who watches it. */
export interface RoomHooks {
  /** Called as the run goes on. */
  readonly onEvent?: ((event: RoomEvent) => void) | undefined;
  /** Stops the run: writing to the database after the batch under way, anything else at once. */
  readonly signal?: AbortSignal | undefined;
  /** Takes the SQL. */
  readonly sql?: TextSink | undefined;
  /** Opens a graph file, by one of graphNames(); they are written where this is given. */
  readonly graphs?: ((name: string) => TextSink | Promise<TextSink>) | undefined;
  /** Sees what was compressed and verified, before anything is written. */
  readonly onCompression?: ((compression: Compression, report: RoomReport) => void | Promise<void>) | undefined;
}

/**
 * Compresses one room, or a range of its groups.
 *
 * @throws {DefectError} the room has a defect and `strict` was asked for
 * @throws {MismatchError} verification failed: nothing was written
 * @throws {ConflictError} another compressor works on the room; only with `commit`
 * @throws {CompressorError} the database or an output failed; an output is not there then
 * @throws {StoppedError} the signal was aborted; where groups were being written, its report is the {@linkcode RoomReport}
 */
export async function compressRoom(session: Session, options: RoomOptions, hooks: RoomHooks = {}): Promise<RoomReport> {
  let writing: RoomReport | undefined;
  const run = () => runRoom(session, options, hooks, (report) => writing = report);
  return await stoppable(session, hooks.signal, async () => {
    if (options.commit !== true) return await run();
    await checkWritable(session);
    if (options.vacuum === true) await checkVacuum(session);
    await using _lock = await lockRoom(session, options.roomId);
    return await run();
  }, () => writing);
}

async function runRoom(
  session: Session,
  options: RoomOptions,
  hooks: RoomHooks,
  onWriting: (report: RoomReport) => void,
): Promise<RoomReport> {
  const emit = hooks.onEvent ?? (() => {});
  emit({ kind: "fetching", roomId: options.roomId });
  let report!: RoomReport;
  const tell = (event: PrepareEvent) => {
    if (event.kind === "loaded") {
      tellLoaded(event.forest, options, emit);
    } else if (event.kind === "compressed") {
      report = makeReport(event.compression);
      report.outcome = judge(event.compression, options);
      if (report.outcome !== "no-groups") emit({ kind: "compressed", report });
    } else {
      emit(event);
    }
  };
  const { compression, rewrites, seconds } = await prepare(session, options.roomId, {
    ...options,
    // The figures are those of the whole room.
    outside: "room",
    how: options,
    isWanted: () => report.outcome === "planned",
  }, { signal: hooks.signal, onEvent: tell });
  Object.assign(report.seconds, seconds);
  if (report.outcome === "no-groups") return report;
  report.groupsRewritten = rewrites?.count ?? 0;
  const clock = new Stopwatch();
  const run: Run = { session, options, hooks, emit, onWriting, compression, rewrites, report };
  for (const output of [describe, draw, writeSql, commit, vacuum]) await output(run);
  if (report.outcome === "written") emit({ kind: "written" });
  report.seconds.write = clock.lap();
  return report;
}

function tellLoaded(forest: DeltaForest, { roomId, strict = false }: RoomOptions, emit: Emit): void {
  emit({
    kind: "loaded",
    groups: forest.size,
    rows: forest.totalRows,
    maxGroupId: maxRewritable(forest),
    defects: forest.defects,
  });
  if (strict && forest.defects.length > 0) throw refusal(roomId, forest.defects);
  if (forest.size > 0) emit({ kind: "compressing" });
}

/** Whether there is anything to write, and if not, why. */
function judge({ forest, rowsBefore, rowsAfter }: Compression, { minSaved = 0 }: RoomOptions): RoomReport["outcome"] {
  if (maxRewritable(forest) === NONE) return "no-groups";
  // The Rust tool goes on at a ratio of 1, where there is nothing to gain from writing.
  if (rowsAfter >= rowsBefore) return "nothing-to-save";
  return rowsBefore - rowsAfter < minSaved ? "below-minimum" : "planned";
}

type Emit = (event: RoomEvent) => void;

/** What the outputs work on. */
interface Run {
  readonly session: Session;
  readonly options: RoomOptions;
  readonly hooks: RoomHooks;
  readonly emit: Emit;
  /** Called once groups are being written to the database. */
  readonly onWriting: (report: RoomReport) => void;
  readonly compression: Compression;
  readonly rewrites: Rewrites | undefined;
  readonly report: RoomReport;
}

async function describe({ hooks, compression, report }: Run): Promise<void> {
  await hooks.onCompression?.(compression, report);
}

async function draw({ options, hooks, emit, compression }: Run): Promise<void> {
  if (hooks.graphs === undefined) return;
  const drawing = drawGraphs(compression, options.graph ?? {});
  emit({ kind: "drawing", drawing });
  for (const { name, text } of drawing.files) await fill(await hooks.graphs(name), text, hooks.signal);
}

async function writeSql({ options, hooks, emit, compression, rewrites, report }: Run): Promise<void> {
  if (rewrites === undefined || hooks.sql === undefined) return;
  emit({ kind: "writing", done: 0, total: rewrites.count });
  await fill(hooks.sql, formatRewrites(compression, rewrites, options), hooks.signal);
  report.outcome = "written";
}

async function commit({ session, options, hooks, emit, onWriting, compression, rewrites, report }: Run): Promise<void> {
  if (rewrites === undefined || options.commit !== true) return;
  const total = rewrites.count;
  emit({ kind: "writing", done: 0, total });
  let stopped: StoppedError | undefined;
  const written = await writeRewrites(session, compression.forest, rewrites, {
    batch: options.batch,
    signal: hooks.signal,
    onProgress: (done) => emit({ kind: "writing", done, total }),
    onSkipped: (group) => emit({ kind: "skipped", group }),
  }).catch((error) => {
    if (!(error instanceof StoppedError) || error.report === undefined) throw error;
    stopped = error;
    return error.report as WriteReport;
  });
  onWriting(report);
  // As arguments of one call they would be too many.
  for (const group of written.skipped) report.skipped.push(group);
  report.groupsSkipped = written.skipped.length;
  report.groupsRewritten = written.groupsWritten;
  report.groupsUnchanged = written.groupsUnchanged;
  addSkips(report.skippedByKind, written.skippedByKind);
  report.groupsLeft = written.groupsLeft;
  report.rowsDeleted = written.rowsDeleted;
  report.rowsInserted = written.rowsInserted;
  report.bytesFreed = written.bytesFreed;
  report.retries = written.retries;
  Object.assign(report, measureStanding(compression, rewrites, written.stands, report));
  report.outcome = "written";
  if (stopped !== undefined) throw StoppedError.by(hooks.signal!, report);
}

async function vacuum({ session, options, emit, rewrites, report }: Run): Promise<void> {
  if (rewrites === undefined || options.commit !== true || options.vacuum !== true) return;
  emit({ kind: "vacuuming" });
  await vacuumTables(session);
  report.vacuumed = true;
}

/** The largest group in range, or NONE where there is none. */
function maxRewritable(forest: DeltaForest): number {
  for (let g = forest.size - 1; g >= 0; g--) if (forest.isContext[g] === 0) return forest.groupId[g]!;
  return NONE;
}

function refusal(roomId: string, defects: readonly Defect[]): DefectError {
  const more = defects.length === 1 ? "" : ` (and ${formatCount(defects.length - 1)} more)`;
  return new DefectError(`Cannot compress room "${roomId}": ${defects[0]!.detail}${more}`, {
    hint: "Without --strict such groups, and all that build on them, are left alone and the others compressed. " +
      "What each defect means, and what to do: synapse_compress_state doctor -r ROOM.",
  });
}

/** Computing goes on for this long before others have their turn. */
const TURN_MS = 100;

/**
 * Writes all of `text`, or nothing.
 *
 * @throws {StoppedError} the signal was aborted
 */
export async function fill(sink: TextSink, text: Iterable<string>, signal?: AbortSignal | undefined): Promise<void> {
  try {
    let turn = performance.now();
    for (const part of text) {
      const written = sink.write(part);
      if (written !== undefined) await unlessStopped(written, signal);
      if (performance.now() - turn < TURN_MS) continue;
      await breathe(signal);
      turn = performance.now();
    }
    await unlessStopped(sink.commit(), signal);
  } catch (error) {
    await sink.abort();
    throw error;
  }
}
