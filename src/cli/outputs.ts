/**
 * What each command prints with --json, as types: `deno task schemas` makes the JSON Schemas in .github/schemas/ of them. On its
 * way out every name becomes snake_case, undefined is left out, and the envelope is added.
 */

import type {
  Blockers,
  CompressorError,
  ExplainedDiagnosis,
  FailedRoom,
  findWays,
  LeftOverReport,
  nextSteps,
  PruneReport,
  PruneServerReport,
  ReclaimReport,
  RoomAbout,
  RoomList,
  RoomReport,
  Saving,
  ServerReport,
  ServerSurvey,
  TableSizes,
  TriedRoom,
  UnusedSurvey,
} from "../mod.ts";
import type { Failure } from "./failures.ts";
import type { LogLine, ProgressLine } from "./progress/ndjson.ts";
import type { RehearsedRoom } from "./rehearsed.ts";

/** Raised when a name goes, or changes what it means. New names do not raise it: readers ignore what they do not know. */
export const SCHEMA_VERSION = 1;

/** What every object has. */
export interface Envelope {
  /** The version of the schema. */
  readonly schemaVersion: typeof SCHEMA_VERSION;
}

/** What is printed by any command that failed. */
export interface FailureOutput {
  /** What went wrong. */
  readonly error: Failure;
}

/** What a process took. */
interface Process {
  /** The most resident memory that was seen, in bytes. */
  readonly peakRssBytes: number;
}

/** A room that failed, while others went on. */
export interface FailedRoomOutput extends Omit<FailedRoom, "error"> {
  /** Why, in a sentence. */
  readonly error: CompressorError["message"];
}

/** One room, without a command's name. */
export interface RoomOutput extends RoomReport, Process {}

/** The figures of a run over all rooms. */
export interface ServerFigures extends Omit<ServerReport, "failed"> {
  /** Rooms that failed. */
  readonly failed: readonly FailedRoomOutput[];
}

/** `auto`, and `run --once`. */
export interface AutoOutput extends ServerFigures, Partial<Process> {
  /** Whether nothing was written: with --dry-run. */
  readonly dryRun?: boolean | undefined;
  /** What would be done, room by room: with --dry-run. */
  readonly roomsRehearsed?: readonly RehearsedRoom[] | undefined;
}

/** `rooms`. */
export interface RoomsOutput extends Omit<RoomList, "rooms"> {
  /** The rooms that are listed. */
  readonly rooms: readonly (Omit<TriedRoom, "saving"> & { readonly saving: Saving | null })[];
}

/** `doctor`. */
export interface DoctorOutput extends ExplainedDiagnosis {
  /** What --fix deleted. */
  readonly fixed?: LeftOverReport | undefined;
}

/** `prune` without -c. */
export interface PrunePlanOutput extends UnusedSurvey {
  /** With -r: what -c would do there. */
  readonly plan?: PruneReport | undefined;
}

/** `prune -c`. */
export interface PruneOutput extends Omit<PruneServerReport, "failed"> {
  /** Rooms that failed. */
  readonly failed: readonly FailedRoomOutput[];
}

/** `reclaim` without -c. */
export interface ReclaimPlanOutput extends TableSizes {
  /** The ways to give space back. */
  readonly ways: ReturnType<typeof findWays>;
  /** What keeps dead rows from being cleaned up. */
  readonly blockers: Blockers;
}

/** `reclaim -c`. */
export interface ReclaimOutput extends ReclaimReport {}

/** `graph`. */
export interface GraphOutput extends RoomReport {
  /** What was drawn. */
  readonly drawing: {
    /** The files, as they were named. */
    readonly files: readonly string[];
    /** State groups drawn. */
    readonly nodes: number;
    /** State groups of the room. */
    readonly nodesInRoom: number;
    /** Edges drawn. */
    readonly edges: number;
  };
}

/** `report -r ROOM`. */
export interface RoomPageOutput extends RoomReport, RoomAbout {
  /** The page's file. */
  readonly page: string;
}

/** `report`. */
export interface ServerPageOutput extends ServerSurvey {
  /** What to run next, in this order. */
  readonly next: ReturnType<typeof nextSteps>;
  /** The page's file. */
  readonly page: string;
}

/** `--progress json`: how far the work is. */
export interface ProgressLineOutput extends ProgressLine {}

/** `--progress json`: a line about the work. */
export interface LogLineOutput extends LogLine {}
