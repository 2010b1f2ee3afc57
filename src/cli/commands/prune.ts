/** `prune`: state groups that no event uses; without -c it says what there is, with -c it has Synapse delete them. */

import {
  describePrunePlan,
  formatOldMark,
  formatPruned,
  formatPrunedServer,
  formatUnused,
  type PruneEvent,
  pruneRoom,
  pruneServer,
  type PruneServerReport,
  type Session,
  summarizePruned,
  surveyUnused,
} from "../../mod.ts";
import { ask, checkYes, YES } from "../ask.ts";
import { type Command, type Context, type Result, settle, tellStop } from "../command.ts";
import { count, duration, text, toggle, type Values } from "../flags.ts";
import type { PruneOutput, PrunePlanOutput } from "../outputs.ts";
import { DATABASE, EVENTS_DATABASE, MAX_HOPS, OUTPUT, PREFER } from "../options.ts";
import { toPhase } from "../progress/phase.ts";

const FLAGS = {
  ...DATABASE,
  roomId: text("-r, --room <ROOM>", "only this room, such as !id:server"),
  eventsPostgres: EVENTS_DATABASE,
  commit: toggle("-c, --commit", "compress around unused groups, and mark them"),
  minAgeMs: duration("--min-age <TIME>", "leave younger groups alone (default: 7d)"),
  prefer: PREFER,
  maxHops: MAX_HOPS,
  yes: YES,
  batch: count("--batch <GROUPS>", "state groups per transaction (with -c)", 1),
  ...OUTPUT,
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
  check: checkYes,
  run,
};

async function run(options: Values<typeof FLAGS>, context: Context): Promise<Result> {
  const { terminal, signal, memory } = context;
  terminal.phase({ name: "looking for unused state groups" });
  const database = context.database(options);
  await using session = await database.connect({ readOnly: !options.commit });
  await using own = await context.events(options)?.();
  const events: Session = own ?? session;
  const { roomId } = options;
  const survey = await surveyUnused(session, events, options, {
    signal,
    onRoom: (done, total) =>
      terminal.phase({ name: "looking for unused state groups", share: done / total, unit: "room", done, total }),
  });
  const warning = formatOldMark(survey.oldestMarkMs);
  if (warning !== undefined) terminal.log(`warning: ${warning}`);
  terminal.endProgress();
  if (!options.commit) {
    if (!options.json) formatUnused(survey).forEach((line) => terminal.result(line));
    const plan = roomId === undefined ? undefined : await pruneRoom(session, events, roomId, options, { signal });
    if (plan !== undefined) terminal.result(`room "${roomId}": ${formatPruned(plan)}`);
    return { report: { ...survey, plan } satisfies PrunePlanOutput };
  }
  if (survey.rooms.some(({ mayGo }) => mayGo > 0)) {
    await ask({ plan: describePrunePlan(survey), question: "Mark them for deletion?", yes: options.yes }, context);
  }
  const startedAt = performance.now();
  const hooks = {
    signal,
    onEvent(event: PruneEvent) {
      if (event.kind === "room") {
        const { done, total } = event;
        terminal.whole({ name: "all rooms", share: done / total, unit: "room", done, total });
      } else if (event.kind !== "computing") {
        memory.sample();
      }
      terminal.phase(toPhase(event));
    },
    onRoom: (room: PruneServerReport["rooms"][number]) => terminal.log(`room "${room.roomId}": ${formatPruned(room)}`),
  };
  const job = roomId === undefined
    ? pruneServer(session, events, options, hooks)
    : pruneRoom(session, events, roomId, options, hooks).then((room): PruneServerReport => {
      hooks.onRoom(room);
      return { rooms: [room], failed: [] };
    });
  const { report, stop } = await settle(job);
  terminal.endProgress();
  const seconds = (performance.now() - startedAt) / 1000;
  summarizePruned(report, seconds, memory.bytes).forEach((line) => terminal.log(line));
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
