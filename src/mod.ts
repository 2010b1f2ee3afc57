/**
 * Compresses the state tables of a Synapse homeserver: fewer rows in `state_groups_state`, every full state unchanged.
 *
 * - {@linkcode connect} opens the session that everything else works on; {@linkcode parseTarget} reads the ways to name a
 *   database. Every failure is a {@linkcode CompressorError} with a sentence, a hint and an exit code.
 * - {@linkcode compressRoom} compresses a room, {@linkcode compressServer} all rooms, {@linkcode serveSchedule} on a schedule.
 * - {@linkcode pruneRoom} has Synapse delete what no event uses, {@linkcode reclaim} gives disk space back to the system.
 * - {@linkcode findRooms} lists rooms, {@linkcode diagnose} looks for broken data, {@linkcode drawRoom} and
 *   {@linkcode describeRoom} draw a room.
 * - {@linkcode compress}, {@linkcode findRewrites} and {@linkcode verify} are the engine, which needs no database;
 *   {@linkcode loadRoom}, {@linkcode lockRoom}, {@linkcode writeRewrites} and {@linkcode saveProgress} are its steps with one.
 *
 * Long jobs take an `AbortSignal`, and end with a {@linkcode StoppedError} that carries what was done by then. Nothing here
 * prints, exits, or keeps state between calls.
 *
 * @example Says what a room would save, and writes nothing.
 * ```ts ignore
 * import { compressRoom, connect } from "./mod.ts";
 *
 * await using session = await connect("postgresql://synapse@localhost/synapse", { readOnly: true });
 * const report = await compressRoom(session, { roomId: "!room:server" });
 * console.log(`${report.rowsBefore} rows could be ${report.rowsAfter}`);
 * ```
 *
 * @example Loads a room, compresses it in memory, verifies, and prints the changes as SQL.
 * ```ts ignore
 * import { compress, connect, findRewrites, formatRewrites, loadRoom, verify } from "./mod.ts";
 *
 * await using session = await connect("postgresql://synapse@localhost/synapse", { readOnly: true });
 * const forest = await loadRoom(session, "!room:server");
 * const compression = compress(forest);
 * const rewrites = findRewrites(compression);
 * verify(forest, rewrites);
 * for (const text of formatRewrites(compression, rewrites, {})) console.log(text);
 * ```
 *
 * @module
 */
export * from "./errors.ts";

// Connecting to a database, as libpq names it.
export { connect, type ConnectOptions, type Session } from "./db/session/connect.ts";
export type { Query, Row, Rows, Sql } from "./db/session/sql.ts";
export type { SessionLimits } from "./db/session/settings.ts";
export type { OnRow } from "./db/session/copy.ts";
export { stoppable } from "./db/session/stop.ts";
export { describeTarget, type Environment, parseTarget, type SslMode, type Target } from "./db/target/target.ts";
export { type ConfigText, parseDuration, parseSettings, type Settings } from "./homeserver.ts";

// Compressing a room, or all rooms of a server, once or on a schedule.
export { compressRoom, type RoomEvent, type RoomHooks, type RoomOptions, type TextSink } from "./jobs/room.ts";
export {
  compressServer,
  DEFAULT_CHUNK_SIZE,
  type FailedRoom,
  type ServerEvent,
  type ServerHooks,
  type ServerOptions,
  type ServerReport,
} from "./jobs/auto.ts";
export { type ChunkOptions, type ChunkReport, compressChunk } from "./jobs/chunk.ts";
export type { DailyWindow, TidyEvent, TidyOptions } from "./jobs/tidy.ts";
export {
  type OpenSession,
  runOnce,
  type ScheduleConfig,
  type ScheduleEvent,
  type ScheduleHooks,
  type ScheduleState,
  serveSchedule,
} from "./jobs/schedule.ts";
export {
  type Activity,
  type Health,
  healthOf,
  type RunEnd,
  type ServiceConfig,
  type ServiceState,
} from "./jobs/service.ts";
export type { WorkOptions } from "./db/write/work.ts";

// Unused groups, left-overs, and the disk itself.
export {
  type PruneEvent,
  type PruneHooks,
  type PruneOptions,
  type PruneReport,
  pruneRoom,
  pruneServer,
  type PruneServerReport,
  surveyUnused,
  type UnprunedRoom,
  type UnusedRoom,
  type UnusedSurvey,
} from "./jobs/prune.ts";
export type { UnusedOptions } from "./db/read/unused.ts";
export {
  reclaim,
  type ReclaimEvent,
  type ReclaimHooks,
  type ReclaimOptions,
  type ReclaimReport,
} from "./jobs/reclaim.ts";
export { type IndexSize, readSizes, type TableSizes } from "./db/read/sizes.ts";
export { type Blockers, findBlockers, type SnapshotHolder } from "./db/read/blockers.ts";
export { type LeftOverOptions, type LeftOverReport, removeLeftOvers } from "./db/write/leftovers.ts";

// Looking at a server or a room: the biggest rooms, broken data, missing indexes, drawings and the page.
export { findRooms, type RoomListHooks, type RoomListOptions } from "./jobs/rooms.ts";
export { type BiggestRoomsOptions, findBiggestRooms } from "./db/read/rooms.ts";
export { diagnose, type DiagnoseOptions } from "./db/read/doctor.ts";
export { findIndexFaults } from "./db/read/indexes.ts";
export { describeRoom, type DrawHooks, type DrawOptions, drawRoom, type PageOptions } from "./jobs/graph.ts";

// The engine, which needs no database: a forest of state groups, its compression, and the proof that no state changes.
export { type Defect, DEFECT_KINDS, type DefectKind } from "./core/forest/defects.ts";
export { type DeltaForest, ForestBuilder, type GroupHeader, NONE } from "./core/forest/forest.ts";
export type { Interner, KeyInterner } from "./core/forest/interner.ts";
export type { Outside } from "./core/forest/outside.ts";
export { EMPTY_STATE, NO_FIT, type StateStore } from "./core/forest/states.ts";
export {
  compress,
  type Compression,
  type CompressOptions,
  describeShape,
  findRewrites,
  type GroupRows,
  type Plan,
  type Rewrites,
  type Shape,
  type Strategy,
} from "./core/plan/compress.ts";
export { DEFAULT_LEVELS, type Level, parseLevels } from "./core/plan/levels.ts";
export { findNaturalBases, type NaturalBases } from "./core/plan/natural.ts";
export { verify } from "./core/verify.ts";

// The steps, for programs that take them one by one: load, lock, write, and the progress tables of the auto compressors.
export { type GroupRange, type LoadedForest, type LoadOptions, loadRoom } from "./db/read/load.ts";
export { checkWritable, lockRoom } from "./db/write/access.ts";
export { type WriteOptions, type WriteReport, writeRewrites } from "./db/write/write.ts";
export type { ReadForest } from "./db/write/rows.ts";
export {
  createProgressTables,
  readProgress,
  type ReplacedHead,
  type RoomProgress,
  type SavedLevel,
  saveProgress,
} from "./db/write/progress.ts";

// SQL and graph files as text.
export { formatRewrites, type SqlOptions, type SqlSubject } from "./format/sql/sql.ts";
export { formatCommaEdges, formatCommaNodes, formatEdges, formatNodes, type GraphColumns } from "./format/graph/csv.ts";
export { formatGexf, type GexfOptions, type GexfView } from "./format/graph/gexf.ts";
export {
  type GraphPart,
  makeGraph,
  type RoomGraph,
  selectPart,
  type Stage,
  type StageColumns,
} from "./format/graph/graph.ts";
export {
  drawGraphs,
  type Drawing,
  type GraphFormat,
  graphNames,
  type GraphOptions,
  type GraphText,
} from "./format/graph/graphs.ts";

// Results in words, and numbers as people read them.
export {
  type Diagnosis,
  explainDiagnosis,
  type Finding,
  formatDiagnosis,
  isSound,
  type Unused,
} from "./format/doctor.ts";
export { FINDING_KINDS, type FindingKind, type Found, type Id } from "./format/findings.ts";
export { formatIndexFault, type IndexFault } from "./format/indexes.ts";
export { formatJson } from "./format/json.ts";
export { formatBytes, formatCount, formatDuration, formatUnits } from "./format/numbers.ts";
export {
  formatCost,
  formatFreed,
  formatOutcome,
  formatShape,
  formatStatistics,
  type Outcome,
  type RoomReport,
  type Statistics,
} from "./format/report.ts";
export {
  formatBasis,
  formatRooms,
  type ListedRoom,
  type RoomList,
  type RoomSize,
  type RoomSizes,
  type Saving,
} from "./format/rooms.ts";
export {
  describeSkips,
  isUnfinished,
  SKIP_KINDS,
  type SkipCounts,
  type SkipKind,
  type SkippedGroup,
} from "./format/skipped.ts";
export { printable } from "./format/text.ts";
export { formatOldMark, formatPruned, formatPrunedServer, formatUnused } from "./text/prune.ts";
export {
  describeReclaimEvent,
  findWays,
  formatHolder,
  formatReclaimed,
  formatReclaimPlan,
  type ReclaimWay,
} from "./text/reclaim.ts";
