/** `prune`: state groups that no event uses; without -c it says what there is, with -c it has Synapse delete them. */

import {
  formatCount,
  formatOldMark,
  formatPruned,
  formatPrunedServer,
  formatUnits,
  formatUnused,
  type PruneEvent,
  pruneRoom,
  pruneServer,
  type PruneServerReport,
  type Session,
  surveyUnused,
} from "../../mod.ts";
import { type Command, type Context, type Result, settle, tellStop } from "../command.ts";
import { count, duration, text, toggle, type Values } from "../flags.ts";
import type { PruneOutput, PrunePlanOutput } from "../outputs.ts";
import { DATABASE, EVENTS_DATABASE, JSON_LINE, MAX_HOPS, QUIET } from "../options.ts";

const FLAGS = {
  postgres: DATABASE,
  roomId: text("-r, --room <ROOM>", "only this room, such as !id:server"),
  eventsPostgres: EVENTS_DATABASE,
  commit: toggle("-c, --commit", "compress around unused groups, and mark them"),
  minAgeMs: duration("--min-age <TIME>", "leave younger groups alone (default: 7d)"),
  maxHops: MAX_HOPS,
  batch: count("--batch <GROUPS>", "state groups per transaction (with -c)", 1),
  json: JSON_LINE,
  quiet: QUIET,
};

/** `prune`. */
export const prune: Command<typeof FLAGS> = {
  name: "prune",
  description: "Finds state groups that no event uses, and has Synapse delete them.",
  summary: "has Synapse delete state groups that no event uses",
  examples: [
    "prune -p postgresql:///synapse",
    "prune -p postgresql:///synapse -r '!id:server' -c",
  ],
  usage: "-p DATABASE [-r ROOM] [-c] [options]",
  flags: FLAGS,
  notes: `With -c it first compresses each room so that nothing in use builds on unused
groups, and verifies every full state. Then it marks the unused groups, as
Synapse does; Synapse deletes them ten minutes later, after checks of its own.
It needs Synapse 1.124 or later, and reads event_to_state_groups and events.
`,
  run,
};

async function run(options: Values<typeof FLAGS>, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  const database = context.database(options.postgres);
  await using session = await database.connect({ readOnly: !options.commit });
  await using own = options.eventsPostgres === undefined ? undefined : await context.events(options.eventsPostgres)();
  const events: Session = own ?? session;
  const { roomId } = options;
  const survey = await surveyUnused(session, events, options, {
    signal,
    onRoom: (done, total) => terminal.progress(`${formatCount(done)} of ${formatUnits(total, "room")} checked`),
  });
  const warning = formatOldMark(survey.oldestMarkMs);
  if (warning !== undefined) terminal.log(`warning: ${warning}`);
  if (!options.commit) {
    if (!options.json) formatUnused(survey).forEach((line) => terminal.result(line));
    const plan = roomId === undefined ? undefined : await pruneRoom(session, events, roomId, options, { signal });
    if (plan !== undefined) terminal.result(`room "${roomId}": ${formatPruned(plan)}`);
    return { report: { ...survey, plan } satisfies PrunePlanOutput };
  }
  const hooks = {
    signal,
    onEvent: (event: PruneEvent) =>
      terminal.progress(
        event.kind === "loading"
          ? `${formatUnits(event.rows, "row")} read`
          : `${event.kind}: ${formatCount(event.done)} of ${formatUnits(event.total, "state group")}`,
      ),
    onRoom: (room: PruneServerReport["rooms"][number]) => terminal.log(`room "${room.roomId}": ${formatPruned(room)}`),
  };
  const job = roomId === undefined
    ? pruneServer(session, events, options, hooks)
    : pruneRoom(session, events, roomId, options, hooks).then((room): PruneServerReport => {
      hooks.onRoom(room);
      return { rooms: [room], failed: [] };
    });
  const { report, stop } = await settle(job);
  if (stop === undefined) formatPrunedServer(report).forEach((line) => terminal.result(line));
  return {
    report: {
      ...report,
      failed: report.failed.map(({ roomId, error }) => ({ roomId, error: error.message })),
    } satisfies PruneOutput,
    exitCode: report.failed.length > 0 ? 1 : 0,
    stop: tellStop(stop, "", "What was written is complete. Run the same command again to continue."),
  };
}
