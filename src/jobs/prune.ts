/**
 * Rids a room of the state groups that no event uses: compresses around them, so that nothing that is used builds on them,
 * writes that like any other rewrites, then marks them for deletion as Synapse itself would. Synapse deletes them, after its
 * own ten minutes and checks; nothing is deleted here. Memory is that of the whole room.
 */
import type { CompressOptions } from "../core/plan/compress.ts";
import { type AroundCompression, compressAround } from "../core/plan/around.ts";
import {
  checkPrunable,
  countUnused,
  findOldestMark,
  findUnused,
  listGroups,
  listRooms,
  type UnusedOptions,
} from "../db/read/unused.ts";
import type { Session } from "../db/session/connect.ts";
import { breathe, stoppable } from "../db/session/stop.ts";
import { checkWritable, lockRoom } from "../db/write/access.ts";
import { markGroups } from "../db/write/marks.ts";
import { writeRewrites } from "../db/write/write.ts";
import { type CompressorError, ConflictError, StoppedError } from "../errors.ts";
import type { SkippedGroup } from "../db/write/skips.ts";
import { prepare, Stopwatch, type WorkEvent } from "./prepare.ts";

/** Options of pruneRoom(). */
export interface PruneOptions extends UnusedOptions, Omit<CompressOptions, "savedLevels" | "standing" | "heights"> {
  /** Write the rewrites, and mark the groups. @default false */
  readonly commit?: boolean | undefined;
  /** Groups written in one transaction. @default the writer's */
  readonly batch?: number | undefined;
}

/** What happens, as it happens. */
export type PruneEvent =
  /** A room is begun, the first after `done` others of `total`. */
  | { readonly kind: "room"; readonly roomId: string; readonly done: number; readonly total: number }
  | WorkEvent;

/** Receivers of what happens, and a way to end it. */
export interface PruneHooks {
  /** Called as the job goes on. */
  readonly onEvent?: ((event: PruneEvent) => void) | undefined;
  /** Ends the job: writing after the batch under way, anything else at once. */
  readonly signal?: AbortSignal | undefined;
}

/** What pruning a room comes to. */
export interface PruneReport {
  /** The room. */
  readonly roomId: string;
  /** `planned` without commit; `nothing-to-prune` where no group can go. */
  outcome: "planned" | "written" | "nothing-to-prune";
  /** State groups of the room. */
  readonly groups: number;
  /** Groups that no event uses. */
  readonly unused: number;
  /** Of those, groups that are old enough, not being persisted and not marked already. */
  readonly mayGo: number;
  /** Of those, groups that go: the others hold, once, what several used groups would hold otherwise. */
  readonly goes: number;
  /** Rows of the room before. */
  readonly rowsBefore: number;
  /** Rows once Synapse has deleted what goes. */
  readonly rowsAfter: number;
  /** Rows of the groups that go. */
  readonly rowsGone: number;
  /** Used groups that are hung elsewhere, or compressed on the way. */
  readonly groupsChanged: number;
  /** Groups that were rewritten by this run. */
  groupsRewritten: number;
  /** Groups that were to be rewritten and were left as they are. */
  readonly skipped: SkippedGroup[];
  /** Groups marked for deletion by this run. */
  marked: number;
  /** Groups that were to be marked but were left alone: in use meanwhile, or something that is used builds on them still. */
  leftAlone: number;
  /** How long each step took, in seconds. */
  readonly seconds: { load: number; compress: number; verify: number; write: number };
}

/**
 * Prunes one room.
 *
 * @param events where event_to_state_groups and events are; the same session unless `databases:` separate them
 * @throws {MismatchError} verification failed: nothing was written
 * @throws {ConflictError} another compressor works on the room; only with `commit`
 * @throws {CompressorError} Synapse is too old, a privilege is missing, or a server failed
 * @throws {StoppedError} the signal was aborted; its report is the {@linkcode PruneReport}, where there is one
 */
export async function pruneRoom(
  session: Session,
  events: Session,
  roomId: string,
  options: PruneOptions = {},
  hooks: PruneHooks = {},
): Promise<PruneReport> {
  let report: PruneReport | undefined;
  const run = () => pruneIn(session, events, roomId, options, hooks, (begun) => report = begun);
  return await stoppable(session, hooks.signal, async () => {
    await checkPrunable(session, events);
    if (options.commit !== true) return await run();
    await checkWritable(session, { marks: true });
    await using _lock = await lockRoom(session, roomId);
    return await run();
  }, () => report);
}

async function pruneIn(
  session: Session,
  events: Session,
  roomId: string,
  options: PruneOptions,
  { onEvent = () => {}, signal }: PruneHooks,
  onReport: (report: PruneReport) => void,
): Promise<PruneReport> {
  let around!: AroundCompression;
  let unused = 0;
  let mayGo = 0;
  const { forest, compression, rewrites, seconds } = await prepare(session, roomId, {
    how: options,
    plan: async (forest, how) => {
      const found = await findUnused(session, events, forest.groupId, options);
      unused = count(found.isUnused);
      mayGo = count(found.mayGo);
      return around = compressAround(forest, found.mayGo, how);
    },
    isWanted: ({ groupsChanged }) => groupsChanged > 0,
  }, { signal, onEvent: (event) => (event.kind === "loading" || event.kind === "computing") && onEvent(event) });
  const going = [...forest.groupId].filter((_, g) => around.goes[g] === 1);
  const report: PruneReport = {
    roomId,
    outcome: going.length === 0 ? "nothing-to-prune" : "planned",
    groups: forest.size,
    unused,
    mayGo,
    goes: going.length,
    rowsBefore: compression.rowsBefore,
    // Where nothing goes there is nothing to compress around.
    rowsAfter: going.length === 0 ? compression.rowsBefore : compression.rowsAfter,
    rowsGone: around.rowsGone,
    groupsChanged: going.length === 0 ? 0 : compression.groupsChanged,
    groupsRewritten: 0,
    skipped: [],
    marked: 0,
    leftAlone: 0,
    seconds: { ...seconds, write: 0 },
  };
  if (options.commit !== true || going.length === 0) return report;
  onReport(report);
  const clock = new Stopwatch();
  if (rewrites !== undefined && rewrites.count > 0) {
    const written = await writeRewrites(session, forest, rewrites, {
      batch: options.batch,
      signal,
      onProgress: (done) => onEvent({ kind: "writing", done, total: rewrites.count }),
    });
    report.groupsRewritten = written.groupsWritten;
    for (const group of written.skipped) report.skipped.push(group);
  }
  const marks = await markGroups(session, events, roomId, going, {
    signal,
    onProgress: (done) => onEvent({ kind: "marking", done, total: going.length }),
  });
  report.marked = marks.marked;
  report.leftAlone = marks.left;
  report.outcome = "written";
  report.seconds.write = clock.lap();
  return report;
}

function count(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** A room's unused groups. */
export interface UnusedRoom {
  /** The room. */
  readonly roomId: string;
  /** State groups of the room. */
  readonly groups: number;
  /** Groups that no event uses. */
  readonly unused: number;
  /** Unused groups on which nothing builds; the others are in between. */
  readonly leaves: number;
  /** Unused groups that are old enough, not being persisted and not marked already. */
  readonly mayGo: number;
  /** Rows of the unused groups. */
  readonly rows: number;
  /** What the rows take in the table, without the indexes. */
  readonly bytes: number;
}

/** What surveyUnused() finds. */
export interface UnusedSurvey {
  /** Rooms with unused groups, the most rows first. */
  readonly rooms: readonly UnusedRoom[];
  /** The oldest deletion mark, in milliseconds since 1970: over a day old means that Synapse does not delete. */
  readonly oldestMarkMs: number | undefined;
}

/**
 * Counts the unused groups of a room, or of all rooms; only reads.
 *
 * @throws {CompressorError} Synapse is too old, or a server failed
 * @throws {StoppedError} the signal was aborted
 */
export async function surveyUnused(
  session: Session,
  events: Session,
  { roomId, ...options }: UnusedOptions & { readonly roomId?: string | undefined } = {},
  { signal, onRoom }: {
    readonly signal?: AbortSignal | undefined;
    readonly onRoom?: ((done: number, total: number) => void) | undefined;
  } = {},
): Promise<UnusedSurvey> {
  return await stoppable(session, signal, async () => {
    await checkPrunable(session, events);
    const names = roomId === undefined ? await listRooms(session) : [roomId];
    const rooms: UnusedRoom[] = [];
    for (const [i, name] of names.entries()) {
      await breathe(signal);
      const ids = await listGroups(session, name);
      const { isUnused, mayGo } = await findUnused(session, events, ids, options);
      const unused = ids.filter((_, g) => isUnused[g] === 1);
      if (unused.length > 0) {
        const figures = await countUnused(session, unused);
        rooms.push({ roomId: name, groups: ids.length, unused: unused.length, mayGo: count(mayGo), ...figures });
      }
      onRoom?.(i + 1, names.length);
    }
    return { rooms: rooms.sort((a, b) => b.rows - a.rows), oldestMarkMs: await findOldestMark(session) };
  });
}

/** A room that could not be pruned, and why. */
export interface UnprunedRoom {
  /** The room. */
  readonly roomId: string;
  /** Why it was left alone. */
  readonly error: CompressorError;
}

/** What pruning a server comes to. */
export interface PruneServerReport {
  /** What came of each room. */
  readonly rooms: PruneReport[];
  /** Rooms that were passed over. */
  readonly failed: UnprunedRoom[];
}

/**
 * Prunes every room that has unused groups; a room's failure does not end it.
 *
 * @throws {CompressorError} Synapse is too old, a privilege is missing, or a connection was lost
 * @throws {StoppedError} the signal was aborted; its report is the {@linkcode PruneServerReport}
 */
export async function pruneServer(
  session: Session,
  events: Session,
  options: PruneOptions = {},
  hooks: PruneHooks & { readonly onRoom?: ((report: PruneReport) => void) | undefined } = {},
): Promise<PruneServerReport> {
  const report: PruneServerReport = { rooms: [], failed: [] };
  const { rooms } = await surveyUnused(session, events, options, hooks.signal && { signal: hooks.signal });
  const ripe = rooms.filter(({ mayGo }) => mayGo > 0);
  for (const [done, { roomId }] of ripe.entries()) {
    hooks.onEvent?.({ kind: "room", roomId, done, total: ripe.length });
    try {
      const room = await pruneRoom(session, events, roomId, options, hooks);
      report.rooms.push(room);
      hooks.onRoom?.(room);
    } catch (error) {
      if (error instanceof StoppedError) throw StoppedError.by(hooks.signal!, report);
      if (!(error instanceof ConflictError) || session.lost !== undefined) throw error;
      report.failed.push({ roomId, error });
    }
  }
  return report;
}
