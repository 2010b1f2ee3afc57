/** The default command: compresses one room, as the Rust tool of the same name does. */

import { join } from "node:path";
import {
  compressRoom,
  formatCost,
  formatCount,
  formatFreed,
  formatOutcome,
  formatShape,
  formatUnits,
  graphNames,
  isUnfinished,
  type RoomReport,
  type TextSink,
} from "../../mod.ts";
import { type Command, type Context, type Result, settle, tellStop, UNFINISHED } from "../command.ts";
import { noGroups, printEvent } from "../events.ts";
import { choice, count, text, toggle, type Values } from "../flags.ts";
import {
  apart,
  checkBound,
  checkRange,
  DATABASE,
  JSON_LINE,
  LEVELS,
  needs,
  PREFER,
  QUIET,
  RANGE,
  room as roomFlag,
  STRATEGY,
} from "../options.ts";
import { PROGRAM } from "../parse.ts";
import type { Terminal } from "../terminal.ts";
import { GRAPH_FORMATS } from "./graph.ts";

const FLAGS = {
  ...DATABASE,
  roomId: roomFlag("the room to compress, for example !id:server", "compress"),
  ...RANGE,
  levels: LEVELS,
  strategy: STRATEGY,
  prefer: PREFER,
  maxHops: count("--max-hops <COUNT>", "maximum number of hops to a full state; finds the best levels within it", 1),
  minSaved: count("-m, --min-saved <ROWS>", "write nothing if fewer rows than this would be saved", 0),
  output: text("-o, --output <FILE>", "write the changes to this file as SQL; - means standard output"),
  transactions: toggle("-t, --transactions", "wrap each state group's changes in a transaction (with -o)"),
  guards: toggle("--no-guards", "omit the checks that make the SQL safe while Synapse is running (with -o)"),
  commit: toggle("-c, --commit", "apply the changes to the database; safe while Synapse is running"),
  batch: count("--batch <GROUPS>", "state groups per transaction (with -c)", 1),
  vacuum: toggle("--vacuum", "run VACUUM (ANALYZE) on the tables afterwards (with -c)"),
  graphs: toggle("-g, --graphs", "write the state groups and edges, before and after, as CSV files for Gephi"),
  graphFormat: choice(
    "--graph-format <NAME>",
    "gexf: for Gephi, with colours and layout; csv-comma: for Cosmograph (with -g)",
    GRAPH_FORMATS,
  ),
  graphDir: text("--graph-dir <DIR>", "folder for the graph files (with -g; default: current directory)"),
  strict: toggle("--strict", "fail if the room has broken data, instead of compressing around it"),
  verify: toggle("-N, --no-verify", "skip the check that every full state is unchanged"),
  json: JSON_LINE,
  quiet: QUIET,
};
type Options = Values<typeof FLAGS>;

/** `synapse_compress_state` itself. */
export const room: Command<typeof FLAGS> = {
  name: "",
  description:
    "Compresses the state of one Synapse room: fewer rows in state_groups_state, exactly the same room state.",
  usage: "-p DATABASE -r ROOM [options]",
  flags: FLAGS,
  hasVersion: true,
  notes: `
Without -o or -c nothing is written; the program only reports what would be saved.
-p is optional if PG* variables (PGHOST, PGDATABASE, PGSERVICE …) name the database.

Examples:
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server'
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server' -t -o changes.sql
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server' -c

Subcommands (each has its own --help):
  auto     compresses all rooms of the server, one after another; also runs as synapse_auto_compressor
  run      does the same on a schedule, as a service
  rooms    lists the rooms with the most state and what compression would save
  doctor   checks the state tables for broken data, in one room or all rooms
  prune    has Synapse delete the state groups that no event uses
  reclaim  gives the disk space of deleted rows back to the system
  graph    exports a room's state groups, before and after, for Gephi and other tools
  report   explains a room's state on a single HTML page

Exit codes: 0 done, or nothing to save; 1 failed; 2 invalid command line; 3 verification failed; 5 other transactions kept
state groups from being rewritten: run it again; 130, 143 stopped.
`,
  check(options) {
    const { output, commit, graphs } = options;
    const sqlOrCommit = "Add -o FILE for an SQL file, or -c to apply the changes.";
    needs(options.transactions, "-t", output ?? commit, "-o or -c", sqlOrCommit);
    needs(options.guards === false, "--no-guards", output, "-o", "Add -o FILE: what -c writes is always guarded.");
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
      memory.sample();
      printEvent(terminal, event);
    },
    sql,
    graphs: options.graphs ? (name) => graphs.get(name)! : undefined,
  }));
  if (report.outcome === "no-groups") throw await noGroups(session, "compress", options, database.name);
  printEnd(terminal, options, report);
  terminal.log(formatCost(report.seconds, memory.bytes));
  const isLeft = isUnfinished(report.skippedByKind);
  if (isLeft && stop === undefined) context.tellAgain();
  return {
    exitCode: isLeft ? UNFINISHED : 0,
    report: { ...report, peakRssBytes: memory.bytes },
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
