/**
 * Compresses the state tables of a Synapse homeserver: fewer rows in `state_groups_state`, every full state unchanged.
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
 * What there is, by what you want to do:
 *
 * - **Connect**: {@linkcode parseTarget}, {@linkcode connect}; a {@linkcode Session} is one checked connection.
 * - **Compress a room**: {@linkcode compressRoom} does all of it. Its steps: {@linkcode loadRoom}, {@linkcode compress},
 *   {@linkcode findRewrites}, {@linkcode verify}, {@linkcode formatRewrites}
 *   or {@linkcode lockRoom} and {@linkcode writeRewrites}.
 * - **Compress a server**: {@linkcode compressServer} once, {@linkcode serveSchedule} and {@linkcode runOnce} on a schedule,
 *   {@linkcode parseHomeserverConfig} for homeserver.yaml. A chunk by yourself: {@linkcode createProgressTables}, {@linkcode lockRoom},
 *   {@linkcode compressChunk}.
 * - **Look**: {@linkcode findRooms}, {@linkcode diagnose}, {@linkcode drawRoom}, {@linkcode describeRoom}, {@linkcode surveyServer},
 *   {@linkcode surveyUnused}, {@linkcode readSizes}. They only read.
 * - **Clean up**: {@linkcode pruneRoom}, {@linkcode pruneServer}, {@linkcode removeLeftOvers}, {@linkcode reclaim}.
 * - **Tell people**: the `format…` functions make lines of text out of results, {@linkcode formatJson} JSON.
 *
 * Expected failures are {@linkcode CompressorError}s, each with a hint. Every job takes a `signal`, and throws a
 * {@linkcode StoppedError} when it is aborted.
 *
 * @module
 */
export * from "./errors.ts";
export {
  compress,
  type Compression,
  type CompressOptions,
  DEFAULT_PREFERENCE,
  describeShape,
  findRewrites,
  type GroupRows,
  type OnStep,
  type Plan,
  type Preference,
  PREFERENCES,
  type Rewrites,
  type Shape,
  type Strategy,
} from "./core/plan/compress.ts";
export { type Defect, DEFECT_KINDS, type DefectKind } from "./core/forest/defects.ts";
export type { Outside } from "./core/forest/outside.ts";
export { type DeltaForest, ForestBuilder, type GroupHeader, NONE } from "./core/forest/forest.ts";
export type { Interner, KeyInterner } from "./core/forest/interner.ts";
export { DEFAULT_LEVELS, type Level, parseLevels } from "./core/plan/levels.ts";
export { findNaturalBases, type NaturalBases } from "./core/plan/natural.ts";
export { EMPTY_STATE, NO_FIT, type StateStore } from "./core/forest/states.ts";
export { verify } from "./core/verify.ts";
export { connect, type ConnectOptions, type Session } from "./db/session/connect.ts";
export type { SessionLimits } from "./db/session/settings.ts";
export type { Query, QueryOptions, Row, Rows, Sql } from "./db/session/sql.ts";
export { stoppable } from "./db/session/stop.ts";
export type { OnRow } from "./db/session/copy.ts";
export { type GroupRange, type LoadedForest, type LoadOptions, loadRoom } from "./db/read/load.ts";
export { type WriteOptions, type WriteReport, writeRewrites } from "./db/write/write.ts";
export type { ReadForest } from "./db/write/rows.ts";
export { diagnose, type DiagnoseOptions } from "./db/read/doctor.ts";
export {
  createProgressTables,
  readProgress,
  type ReplacedHead,
  type RoomProgress,
  type SavedLevel,
} from "./db/write/progress.ts";
export type { WorkOptions } from "./db/write/work.ts";
export { type BiggestRoomsOptions, findBiggestRooms, type RoomSize, type RoomSizes } from "./db/read/rooms.ts";
export { type Parameter, PARAMETERS, PG_VARIABLES } from "./db/target/parameters.ts";
export {
  type AuthMethod,
  describeTarget,
  type Environment,
  parseTarget,
  type Place,
  type Security,
  type SessionAttributes,
  type SslMode,
  type Target,
} from "./db/target/target.ts";
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
export type { RoomFigures } from "./core/figures.ts";
export type { Outcome, RoomReport } from "./jobs/report.ts";
export { formatCost, formatFreed, formatOutcome, formatShape, formatStatistics, type Statistics } from "./text/room.ts";
export {
  type Diagnosis,
  type Finding,
  FINDING_KINDS,
  type FindingKind,
  type Found,
  isHarmful,
  isSound,
  type Unused,
} from "./db/read/findings.ts";
export { explainDiagnosis, type ExplainedDiagnosis, type ExplainedFinding, formatDiagnosis } from "./text/doctor.ts";
export type { Id } from "./db/read/ids.ts";
export { findIndexFaults, type IndexFault } from "./db/read/indexes.ts";
export { formatIndexFault } from "./text/indexes.ts";
export { findPlannerFault, type PlannerFault } from "./db/read/planner.ts";
export { formatPlannerFault } from "./text/planner.ts";
export { formatJson } from "./format/json.ts";
export { printable } from "./format/text.ts";
export { formatBasis, formatRooms, formatRoomSteps } from "./text/rooms.ts";
export { isUnfinished, type SkipCounts, type SkippedGroup } from "./db/write/skips.ts";
export { SKIP_KINDS, type SkipKind } from "./format/sql/skips.ts";
export { describeSkips } from "./text/skips.ts";
export { describeServerEnd, describeServerEvent, type ExplainedServer, explainServer } from "./text/auto.ts";
export { formatRewrites, type SqlOptions, type SqlSubject } from "./format/sql/sql.ts";
export { describeRoom, type DrawHooks, type DrawOptions, drawRoom, lookUpRoom } from "./jobs/graph.ts";
export { anonymizeReport, type PageOptions, type RoomAbout } from "./format/page/about.ts";
export { compressRoom, fill, type RoomEvent, type RoomHooks, type RoomOptions, type TextSink } from "./jobs/room.ts";
export {
  type AbandonedRooms,
  type ServerSurvey,
  type SurveyedRoom,
  type SurveyHooks,
  type SurveyOptions,
  surveyServer,
  type Volume,
} from "./jobs/server.ts";
export type { Gain, Gains } from "./jobs/gains.ts";
export type { SavedRows, Saving, TriedRoom } from "./jobs/trial.ts";
export { Rehearsal } from "./jobs/rehearsal.ts";
export type { PlannedGroups } from "./db/read/context.ts";
export { type Freshness, readServerSecret, type ServerFacts, type TableBytes } from "./db/read/server.ts";
export type { RoomInfo } from "./db/read/stats.ts";
export { Pseudonyms } from "./format/pseudonyms.ts";
export { anonymizeSurvey } from "./text/anonymous.ts";
export { formatSurvey } from "./text/server.ts";
export { formatServerPage, type ServerPageOptions } from "./text/page/server.ts";
export { nextSteps, type Step, type StepOptions } from "./text/steps.ts";
export { findRooms, type ListedRoom, type RoomList, type RoomListHooks, type RoomListOptions } from "./jobs/rooms.ts";
export {
  compressServer,
  DEFAULT_CHUNK_SIZE,
  type ServerEvent,
  type ServerHooks,
  type ServerOptions,
  type ServerPlan,
} from "./jobs/auto.ts";
export type { FailedRoom, ServerReport } from "./jobs/tally.ts";
export { type ChunkOptions, type ChunkReport, compressChunk } from "./jobs/chunk.ts";
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
export {
  reclaim,
  type ReclaimEvent,
  type ReclaimHooks,
  type ReclaimOptions,
  type ReclaimReport,
} from "./jobs/reclaim.ts";
export { type LeftOverOptions, type LeftOverReport, removeLeftOvers } from "./db/write/leftovers.ts";
export { checkWritable, lockRoom } from "./db/write/access.ts";
export type { UnusedOptions } from "./db/read/unused.ts";
export type { DailyWindow, TidyEvent, TidyOptions } from "./jobs/tidy.ts";
export { type Blockers, findBlockers, type SnapshotHolder } from "./db/read/blockers.ts";
export { type IndexSize, readSizes, type TableSizes } from "./db/read/sizes.ts";
export { formatBytes, formatCompact, formatCount, formatDuration, formatUnits } from "./format/numbers.ts";
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
export type { ComputingEvent, LoadingEvent, MarkingEvent, WorkEvent, WritingEvent } from "./jobs/prepare.ts";
export { describePrunePlan, describeReclaimPlan, describeRoomPlan, describeServerPlan } from "./text/plan.ts";
export { summarizePruned, summarizeReclaimed, summarizeRoom, summarizeServer } from "./text/summary.ts";
export { formatOldMark, formatPruned, formatPrunedServer, formatUnused } from "./text/prune.ts";
export {
  describeReclaimEvent,
  findWays,
  formatHolder,
  formatReclaimed,
  formatReclaimPlan,
  type ReclaimWay,
} from "./text/reclaim.ts";
export { type CompressorSettings, parseDuration } from "./homeserver/compressor.ts";
export { type HomeserverConfig, parseDatabases, parseHomeserverConfig } from "./homeserver/homeserver.ts";
export type { ConfigText } from "./homeserver/sections.ts";
