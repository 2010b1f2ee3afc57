/**
 * The one pipeline: load a room or a chunk of it, compress, verify, then write SQL, commit, or draw. Knows the order and
 * what ends a run early; hides nothing of what it does: every step is an event. Nothing is written before every group's
 * full state is verified.
 */
import { compress, type Compression, findRewrites, type Rewrites } from "../core/plan/compress.ts";
import { type Defect, NONE } from "../core/forest/defects.ts";
import type { DeltaForest } from "../core/forest/forest.ts";
import type { CompressOptions } from "../core/plan/plan.ts";
import { verify } from "../core/verify.ts";
import { checkWritable, lockRoom } from "../db/write/access.ts";
import type { Session } from "../db/session/connect.ts";
import { type GroupRange, loadRoom } from "../db/read/load.ts";
import { endOnAbort } from "../db/session/stop.ts";
import { checkVacuum, vacuumTables } from "../db/write/vacuum.ts";
import { writeRewrites } from "../db/write/write.ts";
import { DefectError } from "../errors.ts";
import { drawGraphs, type Drawing, type GraphOptions } from "../format/graph/graphs.ts";
import { makeReport, type RoomReport } from "../format/report.ts";
import { addSkips, type SkippedGroup } from "../format/skipped.ts";
import { formatRewrites } from "../format/sql/sql.ts";

/** Where text goes: a file that is made whole or not at all. */
export interface TextSink {
  write(text: string): void | Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** What compressRoom() is asked for. */
export interface RoomOptions extends GroupRange, CompressOptions {
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
  /** What to draw, where hooks take it. @default the peers' four CSV files of the whole room */
  readonly graph?: GraphOptions | undefined;
}

/** What happens, as it happens. */
export type RoomEvent =
  | { readonly kind: "fetching"; readonly roomId: string }
  | { readonly kind: "loading"; readonly rows: number }
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
  | { readonly kind: "writing"; readonly done: number; readonly total: number }
  | { readonly kind: "skipped"; readonly group: SkippedGroup }
  | { readonly kind: "drawing"; readonly drawing: Drawing }
  | { readonly kind: "vacuuming" }
  | { readonly kind: "written" };

/** Where a run's outputs go, and who watches it. */
export interface RoomHooks {
  readonly onEvent?: ((event: RoomEvent) => void) | undefined;
  /**
   * Ends the run: while it loads at once, by ending the session; while it writes after the batch under way, and then the
   * report's `groupsLeft` says what is left.
   */
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
 * @throws the signal's reason, where it ended the run before anything was written
 */
export async function compressRoom(session: Session, options: RoomOptions, hooks: RoomHooks = {}): Promise<RoomReport> {
  if (options.commit !== true) return await runRoom(session, options, hooks);
  await checkWritable(session);
  if (options.vacuum === true) await checkVacuum(session);
  await using _lock = await lockRoom(session, options.roomId);
  return await runRoom(session, options, hooks);
}

async function runRoom(session: Session, options: RoomOptions, hooks: RoomHooks): Promise<RoomReport> {
  const emit = hooks.onEvent ?? (() => {});
  const clock = new Stopwatch();
  emit({ kind: "fetching", roomId: options.roomId });
  const forest = await endOnAbort(
    session,
    hooks.signal,
    () => loadRoom(session, options.roomId, { ...options, onProgress: (rows) => emit({ kind: "loading", rows }) }),
  );
  hooks.signal?.throwIfAborted();
  const maxGroupId = maxRewritable(forest);
  emit({ kind: "loaded", groups: forest.size, rows: forest.totalRows, maxGroupId, defects: forest.defects });
  if (options.strict === true && forest.defects.length > 0) throw refusal(options.roomId, forest.defects);
  const load = clock.lap();

  if (forest.size > 0) emit({ kind: "compressing" });
  const compression = compress(forest, options);
  const report = makeReport(compression);
  if (maxGroupId === NONE) report.outcome = "no-groups";
  report.seconds.load = load;
  report.seconds.compress = clock.lap();
  if (report.outcome === "no-groups") return report;
  emit({ kind: "compressed", report });

  const saved = report.rowsBefore - report.rowsAfter;
  const wanted = report.outcome === "planned" && saved >= (options.minSaved ?? 0);
  if (report.outcome === "planned" && !wanted) report.outcome = "below-minimum";
  let rewrites: Rewrites | undefined;
  if (wanted) {
    rewrites = findRewrites(compression);
    report.groupsRewritten = rewrites.count;
    report.seconds.compress += clock.lap();
    if (options.verify ?? true) {
      emit({ kind: "verifying" });
      verify(forest, rewrites);
      report.seconds.verify = clock.lap();
      emit({ kind: "verified" });
    }
  }
  hooks.signal?.throwIfAborted();
  await hooks.onCompression?.(compression, report);
  if (hooks.graphs !== undefined) {
    const drawing = drawGraphs(compression, options.graph ?? {});
    emit({ kind: "drawing", drawing });
    for (const { name, text } of drawing.files) await fill(await hooks.graphs(name), text);
  }
  if (rewrites !== undefined && hooks.sql !== undefined) {
    emit({ kind: "writing", done: 0, total: rewrites.count });
    await fill(hooks.sql, formatRewrites(compression, rewrites, options));
  }
  if (rewrites !== undefined && options.commit === true) {
    const total = rewrites.count;
    emit({ kind: "writing", done: 0, total });
    const written = await writeRewrites(session, forest, rewrites, {
      batch: options.batch,
      signal: hooks.signal,
      onProgress: (done) => emit({ kind: "writing", done, total }),
      onSkipped: (group) => emit({ kind: "skipped", group }),
    });
    report.skipped.push(...written.skipped);
    report.groupsSkipped = written.skipped.length;
    report.groupsRewritten = written.groupsWritten;
    report.groupsUnchanged = written.groupsUnchanged;
    addSkips(report.skippedByKind, written.skippedByKind);
    report.groupsLeft = written.groupsLeft;
    report.rowsDeleted = written.rowsDeleted;
    report.rowsInserted = written.rowsInserted;
    report.bytesFreed = written.bytesFreed;
    report.retries = written.retries;
    report.outcome = "written";
    if (options.vacuum === true && hooks.signal?.aborted !== true) {
      emit({ kind: "vacuuming" });
      await vacuumTables(session);
      report.vacuumed = true;
    }
  } else if (rewrites !== undefined && hooks.sql !== undefined) {
    report.outcome = "written";
  }
  if (report.outcome === "written") emit({ kind: "written" });
  report.seconds.write = clock.lap();
  return report;
}

/** The largest group in range, or NONE where there is none. */
function maxRewritable(forest: DeltaForest): number {
  for (let g = forest.size - 1; g >= 0; g--) if (forest.isContext[g] === 0) return forest.groupId[g]!;
  return NONE;
}

function refusal(roomId: string, defects: readonly Defect[]): DefectError {
  const more = defects.length === 1 ? "" : ` (and ${defects.length - 1} more)`;
  return new DefectError(`Cannot compress room "${roomId}": ${defects[0]!.detail}${more}`, {
    hint: "Without --strict such groups, and all that build on them, are left alone and the others compressed. " +
      "What each defect means, and what to do: synapse_compress_state doctor -r ROOM.",
  });
}

/** Writes all of `text`, or nothing. */
export async function fill(sink: TextSink, text: Iterable<string>): Promise<void> {
  try {
    for (const part of text) await sink.write(part);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** Seconds since the last lap. */
class Stopwatch {
  #last = performance.now();

  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    return seconds;
  }
}
