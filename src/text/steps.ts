/** What to do about a server's state, in order: each step with its reason and its commands, ready to paste. */
import { formatBytes, formatFigure } from "../format/numbers.ts";
import { commandLine, deleteRoomCall } from "../format/shell.ts";
import type { Gain } from "../jobs/gains.ts";
import type { ServerSurvey } from "../jobs/server.ts";

/** One thing to do. */
export interface Step {
  /** What it is for, a sentence. */
  readonly why: string;
  /** Commands, in order. */
  readonly commands: readonly string[];
}

/** How the commands are put. */
export interface StepOptions {
  /** The program's arguments that name the database; never a password. @default none: PG* variables name it */
  readonly databaseArguments?: readonly string[] | undefined;
  /** Those that name the events' database, for prune. @default none */
  readonly eventsArguments?: readonly string[] | undefined;
}

/** Less than this of the table is no reason to do anything. */
const WORTH = 0.01;

/** The steps that are worth it; empty where nothing is. */
export function nextSteps(survey: ServerSurvey, options: StepOptions = {}): Step[] {
  const { gains, abandoned, sizes } = survey;
  const database = options.databaseArguments ?? [];
  const events = options.eventsArguments ?? [];
  const all = sizes.indexes.reduce((sum, { bytes }) => sum + bytes, sizes.tableBytes);
  const isWorth = (gain: Gain | undefined) => gain !== undefined && gain.bytes > 0 && gain.bytes >= all * WORTH;
  const steps: Step[] = [];
  if (typeof abandoned !== "string" && isWorth(abandoned.all)) {
    steps.push({
      why: `Delete the rooms that no local user is in, if you agree for each (${formatGain(abandoned.all)} in all). ` +
        "Synapse's admin API does it; this program never deletes a room.",
      commands: abandoned.rooms.slice(0, 3).map(({ roomId }) => deleteRoomCall(roomId)),
    });
  }
  if (isWorth(gains.compress)) {
    steps.push({
      why:
        `Compress all rooms (${formatGain(gains.compress)}), safe beside a running Synapse. See first what it would ` +
        "do, room by room; then let it work, for as many nights as it needs.",
      commands: [commandLine("auto", ...database, "--dry-run"), commandLine("auto", ...database, "--max-time", "2h")],
    });
  }
  if (isWorth(gains.prune)) {
    steps.push({
      why: `Have Synapse delete state groups that no event uses (${formatGain(gains.prune!)} more).`,
      commands: [commandLine("prune", ...database, ...events), commandLine("prune", ...database, ...events, "-c")],
    });
  }
  if (isWorth(gains.all)) {
    steps.push({
      why: `Give the space back to the system: ${formatGain(gains.all)} in all after these steps, ${
        formatGain(gains.reclaim)
      } now.`,
      commands: [commandLine("reclaim", ...database), commandLine("reclaim", ...database, "-c")],
    });
  }
  return steps;
}

/** Bytes and how sure they are. */
export function formatGain({ bytes, bytesError }: Gain): string {
  return formatFigure(bytes, bytesError, formatBytes);
}
