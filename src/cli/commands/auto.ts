/** `auto`: compresses a whole server, room after room; its flags are those of the Rust tool's synapse_auto_compressor. */

import {
  compressServer,
  describeServerEnd,
  describeServerEvent,
  describeServerPlan,
  explainServer,
  findRooms,
  formatCount,
  formatUnits,
  MismatchError,
  type ServerPlan,
  type ServerReport,
  type Session,
  type StoppedError,
  summarizeServer,
} from "../../mod.ts";
import { ask, YES } from "../ask.ts";
import { type Command, type Context, DEFECTS, type Result, settle, tellStop, UNFINISHED } from "../command.ts";
import { choice, count, duration, levels, toggle, type Values } from "../flags.ts";
import {
  apart,
  checkPreference,
  DATABASE,
  EVENTS_DATABASE,
  MAX_HOPS,
  needs,
  OUTPUT,
  PREFER,
  STRATEGY,
} from "../options.ts";
import type { AutoOutput } from "../outputs.ts";
import { PROGRAM } from "../parse.ts";
import { ServerProgress } from "../progress/server.ts";
import { describeRehearsal, describeRehearsed, RehearsedRooms } from "../rehearsed.ts";
import type { Terminal } from "../terminal.ts";

const FLAGS = {
  ...DATABASE,
  chunkSize: count("-c, --chunk-size <GROUPS>", "state groups per chunk (default: 10000)", 1),
  chunks: count("-n, --chunks <COUNT>", "stop after this many chunks", 1),
  levels: levels("-l, --levels <SIZES>", "level sizes of rooms without saved progress"),
  order: choice(
    "--order <NAME>",
    "the biggest (default) or oldest room first",
    ["biggest", "oldest"],
    "biggest",
  ),
  exact: toggle("--exact", "count all rows to find the biggest rooms"),
  workers: count("--workers <COUNT>", "rooms to compress at once (default: 1)", 1),
  strategy: STRATEGY,
  prefer: PREFER,
  maxHops: MAX_HOPS,
  maxTimeMs: duration("--max-time <TIME>", "start no chunk after this time, such as 45m"),
  prune: toggle("--prune", "have Synapse delete groups no event uses"),
  eventsPostgres: EVENTS_DATABASE,
  yes: YES,
  reclaim: toggle(
    "--reclaim",
    "return disk space, if at least 10% or 1 GiB",
  ),
  dryRun: toggle("--dry-run", "write nothing: say exactly what would be done"),
  ...OUTPUT,
};

/** `auto`. */
export const auto: Command<typeof FLAGS> = {
  name: "auto",
  description: "Compresses all rooms of a server in chunks; each run continues where the last one stopped.",
  summary: "all rooms of the server; the next run continues",
  examples: [
    "auto -p postgresql:///synapse --dry-run",
    "auto -p postgresql:///synapse",
    "auto -p postgresql:///synapse --max-time 2h --workers 2",
    "synapse_auto_compressor -p DATABASE -c 500 -n 100",
  ],
  usage: "-p DATABASE [options]",
  flags: FLAGS,
  hasVersion: true,
  notes: `Progress is kept in the database, in the tables of the Rust tool's
synapse_auto_compressor: each program continues where the other stopped. Called
by that name, this one takes the same options. Several can run at once.
`,
  check({ maxHops, levels, strategy, prefer, exact, order, prune, eventsPostgres, reclaim, dryRun }) {
    checkPreference({ levels, strategy, prefer });
    const alone = "Run `prune` or `reclaim` without -c: they say what they would do.";
    apart(dryRun, prune, "--dry-run and --prune", alone);
    apart(dryRun, reclaim, "--dry-run and --reclaim", alone);
    needs(eventsPostgres, "--events-postgres", prune, "--prune", "Add --prune, or leave --events-postgres out.");
    const bound = "The sum of the levels is their bound: give";
    apart(maxHops, strategy === "levels", "--max-hops and --strategy levels", `${bound} -l.`);
    apart(maxHops, levels, "--max-hops and -l", `${bound} one of the two.`);
    needs(exact, "--exact", order !== "oldest", "--order biggest", "The oldest state group is always exact.");
  },
  run,
};

async function run(options: Values<typeof FLAGS>, context: Context): Promise<Result> {
  const { terminal, signal, memory } = context;
  const database = context.database(options);
  const { dryRun = false } = options;
  const rooms = new RehearsedRooms();
  const events = options.prune ? context.events(options) : undefined;
  const progress = new ServerProgress(options.chunkSize);
  terminal.phase({ name: "looking for rooms to compress" });
  const { report, stop } = await settle(
    compressServer(() => database.connect({ readOnly: dryRun }), { ...options, openEvents: events }, {
      signal,
      onPlan: (plan, session) => confirmPlan(plan, session, options, context),
      onEvent(event) {
        const phase = progress.count(event);
        terminal.whole(progress.whole());
        terminal.phase(phase);
        if (event.kind === "working") return;
        memory.sample();
        if (dryRun) rooms.count(event);
        const line = dryRun ? describeRehearsed(event) : describeServerEvent(event);
        if (line !== undefined) terminal.log(line);
      },
    }),
  );
  terminal.endProgress();
  const end = endOf(report, stop);
  if (dryRun) {
    for (const line of [...rooms.format(), ...describeRehearsal(report)]) terminal.result(line);
    const figures = { ...explainServer(report), dryRun, roomsRehearsed: rooms.list() } satisfies AutoOutput;
    return { ...end, report: figures };
  }
  for (const line of describeServerEnd(report)) terminal.result(line);
  summarizeServer(report, memory.bytes).forEach((line) => terminal.log(line));
  if (stop === undefined && report.roomsUnfinished.length > 0) context.tellAgain();
  if (stop === undefined) printNext(terminal, report, database.arguments.length === 0 ? "" : " -p DATABASE");
  return { ...end, report: { ...explainServer(report), peakRssBytes: memory.bytes } satisfies AutoOutput };
}

/** Says what is going to happen, where somebody is there, and asks. */
async function confirmPlan(
  plan: ServerPlan,
  session: Session,
  options: Values<typeof FLAGS>,
  context: Context,
): Promise<void> {
  const { terminal, signal } = context;
  if (options.yes === true || options.dryRun === true || !terminal.canAsk) return;
  terminal.phase({ name: "trying some rooms in memory" });
  const trial = await findRooms(session, { ...options, ...TRIAL }, { signal });
  await ask({ plan: describeServerPlan(plan, trial, options), question: "Compress these rooms?", yes: false }, context);
}

/** Rooms that are tried for the plan, and for how long. */
const TRIAL = { limit: 5, savingsMs: 4000, order: "rows", exact: false } as const;

/** What is to come, and what to run next for the disk. */
function printNext(terminal: Terminal, report: ServerReport, where: string): void {
  if (report.groupsMarked > 0) {
    terminal.log(
      `Marked for deletion: ${formatUnits(report.groupsMarked, "unused state group")}. ` +
        `Synapse deletes them after ten minutes or more; that will free ${formatUnits(report.rowsPruned, "more row")}.`,
    );
  }
  if (report.rowsSaved <= 0 || report.reclaimed !== undefined) return;
  terminal.log(`The files keep their size. To see what can be given back to the system: ${PROGRAM} reclaim${where}`);
}

/** How a run ended: its exit code, and what stopped it, where what is done is whole and its progress saved. */
export function endOf(report: ServerReport, stop: StoppedError | undefined): Pick<Result, "exitCode" | "stop"> {
  const hint = "What was written is complete. The next run continues where this one stopped.";
  return { exitCode: exitCode(report), stop: tellStop(stop, `. Chunks done: ${formatCount(report.chunks)}`, hint) };
}

/** 0, or what went wrong in some room. */
function exitCode(report: ServerReport): number {
  if (report.failed.some(({ error }) => error instanceof MismatchError)) return 3;
  if (report.failed.length > 0) return 1;
  if (report.roomsUnfinished.length > 0) return UNFINISHED;
  return report.roomsWithDefects.length > 0 ? DEFECTS : 0;
}
