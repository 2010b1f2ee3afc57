/** The default command: compresses one room, as the Rust tool of the same name does. */

import { join } from "node:path";
import {
  compressRoom,
  describeRoomPlan,
  formatCost,
  formatCount,
  formatFreed,
  formatOutcome,
  formatShape,
  formatUnits,
  graphNames,
  isUnfinished,
  type RoomReport,
  summarizeRoom,
  type TextSink,
} from "../../mod.ts";
import { ask, checkYes, YES } from "../ask.ts";
import { type Command, type Context, type Result, settle, tellStop, UNFINISHED } from "../command.ts";
import { noGroups, printEvent } from "../events.ts";
import { choice, count, text, toggle, type Values } from "../flags.ts";
import {
  apart,
  checkBound,
  checkRange,
  DATABASE,
  LEVELS,
  MAX_HOPS,
  needs,
  OUTPUT,
  PREFER,
  RANGE,
  room as roomFlag,
  STRATEGY,
} from "../options.ts";
import type { RoomOutput } from "../outputs.ts";
import { PROGRAM } from "../parse.ts";
import type { Terminal } from "../terminal.ts";
import { GRAPH_FORMATS } from "./graph.ts";

const FLAGS = {
  ...DATABASE,
  roomId: roomFlag("the room, such as !id:server", "compress"),
  ...RANGE,
  levels: LEVELS,
  strategy: STRATEGY,
  prefer: PREFER,
  maxHops: MAX_HOPS,
  minSaved: count("-m, --min-saved <ROWS>", "write nothing if this would save fewer rows", 0),
  output: text("-o, --output <FILE>", "write the changes as SQL; -: standard output"),
  transactions: toggle("-t, --transactions", "a transaction for each state group (with -o)"),
  guards: toggle("--no-guards", "omit what makes the SQL safe beside Synapse"),
  commit: toggle("-c, --commit", "write the changes, safely beside Synapse"),
  yes: YES,
  batch: count("--batch <GROUPS>", "state groups per transaction (with -c)", 1),
  vacuum: toggle("--vacuum", "run VACUUM (ANALYZE) afterwards (with -c)"),
  graphs: toggle("-g, --graphs", "write groups and edges as CSV, for Gephi"),
  graphFormat: choice(
    "--graph-format <NAME>",
    "format of the files (with -g)",
    GRAPH_FORMATS,
  ),
  graphDir: text("--graph-dir <DIR>", "folder for the files (default: this one)"),
  strict: toggle("--strict", "fail if the room has broken data"),
  verify: toggle("-N, --no-verify", "skip the check of every full state"),
  ...OUTPUT,
};
type Options = Values<typeof FLAGS>;

/** `synapse_compress_state` itself. */
export const room: Command<typeof FLAGS> = {
  name: "",
  description:
    "Compresses the state of one Synapse room: fewer rows in state_groups_state, exactly the same room state.",
  summary: "one room, as the Rust tool does it",
  examples: [
    "-p postgresql:///synapse -r '!id:server'",
    "-p postgresql:///synapse -r '!id:server' -t -o out.sql",
    "-p postgresql:///synapse -r '!id:server' -c",
  ],
  usage: "-p DATABASE -r ROOM [options]",
  flags: FLAGS,
  hasVersion: true,
  notes: `Without -o or -c nothing is written: it reports what would be saved. -p can be
left out where PG* variables name the database. All commands: --help alone.
`,
  check(options) {
    const { output, commit, graphs } = options;
    const sqlOrCommit = "Add -o FILE for an SQL file, or -c to apply the changes.";
    needs(options.transactions, "-t", output ?? commit, "-o or -c", sqlOrCommit);
    needs(options.guards === false, "--no-guards", output, "-o", "Add -o FILE: what -c writes is always guarded.");
    checkYes(options);
    needs(options.batch, "--batch", commit, "-c", "Add -c to commit, or leave --batch out.");
    needs(options.vacuum, "--vacuum", commit, "-c", "Add -c to commit, or leave --vacuum out.");
    const format = "--graph-format";
    needs(options.graphFormat, format, graphs, "-g", "Add -g to write graphs, or leave --graph-format out.");
    needs(options.graphDir, "--graph-dir", graphs, "-g", "Add -g to write graphs, or leave --graph-dir out.");
    apart(options.json, output === "-", "--json and -o -", "Both are standard output: name a file with -o FILE.");
    checkBound(options);
    checkRange(options);
  },
  run,
};

async function run(options: Options, context: Context): Promise<Result> {
  const { terminal, signal, memory } = context;
  const database = context.database(options);
  const sql = options.output === undefined ? undefined : await context.open(options.output);
  const graph = { format: options.graphFormat };
  const graphs = new Map<string, TextSink>();
  for (const name of options.graphs ? graphNames(graph) : []) {
    graphs.set(name, await context.open(join(options.graphDir ?? ".", name)));
  }
  await using session = await database.connect({ readOnly: !options.commit });
  const { report, stop } = await settle(compressRoom(session, { ...options, graph }, {
    signal,
    onEvent(event) {
      if (event.kind !== "computing") memory.sample();
      printEvent(terminal, event);
    },
    async onCompression(compression, report) {
      if (!options.commit || report.outcome !== "planned") return;
      const plan = describeRoomPlan(compression, report);
      await ask({ plan, question: "Write these changes to the database?", yes: options.yes }, context);
    },
    sql,
    graphs: options.graphs ? (name) => graphs.get(name)! : undefined,
  }));
  if (report.outcome === "no-groups") throw await noGroups(session, "compress", options, database.name);
  terminal.endProgress();
  printEnd(terminal, options, report);
  if (report.outcome === "written" && options.commit) {
    summarizeRoom(report, memory.bytes).forEach((line) => terminal.log(line));
  } else {
    terminal.log(formatCost(report.seconds, memory.bytes));
  }
  const isLeft = isUnfinished(report.skippedByKind);
  if (isLeft && stop === undefined) context.tellAgain();
  return {
    exitCode: isLeft ? UNFINISHED : 0,
    report: { ...report, peakRssBytes: memory.bytes } satisfies RoomOutput,
    stop: tellStop(
      stop,
      `: ${formatUnits(report.groupsRewritten, "state group")} written, ${formatCount(report.groupsLeft)} left`,
      "What was written is complete. Run the same command again to continue.",
    ),
  };
}

/** How it ended, and what the Rust tool does not print: where the output went, what was left out. */
function printEnd(terminal: Terminal, options: Options, report: RoomReport): void {
  formatShape(report).forEach((line) => terminal.log(line));
  if (options.commit) formatFreed(report).forEach((line) => terminal.log(line));
  const outcome = formatOutcome(report);
  if (outcome !== undefined) terminal.result(outcome);
  if (options.graphs) {
    const { graphDir = "." } = options;
    terminal.log(`The graph files are in ${graphDir === "." ? "the current directory" : graphDir}.`);
  }
  if (report.outcome === "planned") {
    terminal.log("Nothing was written: add -o FILE to get the changes as SQL, or -c to apply them.");
    terminal.log(`To see why the room is this big, run \`${PROGRAM} report\` with the same options.`);
  }
  if (report.outcome !== "written") return;
  if (options.output !== undefined && options.output !== "-") terminal.log(`The changes are in ${options.output}.`);
}
