/** The default command: compresses one room, as the Rust tool of the same name does. */

import { join } from "node:path";
import {
  compressRoom,
  formatCost,
  formatFreed,
  formatOutcome,
  formatShape,
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
  QUIET,
  RANGE,
  room as roomFlag,
  STRATEGY,
} from "../options.ts";
import { PROGRAM } from "../parse.ts";
import type { Terminal } from "../terminal.ts";
import { GRAPH_FORMATS } from "./graph.ts";

const FLAGS = {
  postgres: DATABASE,
  roomId: roomFlag("the room to compress, as in the rooms table: !id:server", "compress"),
  ...RANGE,
  levels: LEVELS,
  strategy: STRATEGY,
  maxHops: count("--max-hops <COUNT>", "the most edges to follow to a full state; the best levels within are found", 1),
  minSaved: count("-m, --min-saved <ROWS>", "write nothing when fewer rows than this would be saved", 0),
  output: text("-o, --output <FILE>", "write the changes as SQL to this file; - is standard output"),
  transactions: toggle("-t, --transactions", "make each state group's change a transaction (with -o)"),
  guards: toggle("--no-guards", "leave out of the SQL what makes it safe beside a running Synapse (with -o)"),
  commit: toggle("-c, --commit", "make the changes in the database, safe beside a running Synapse"),
  batch: count("--batch <GROUPS>", "state groups to a transaction (with -c)", 1),
  vacuum: toggle("--vacuum", "run VACUUM (ANALYZE) on the tables afterwards (with -c)"),
  graphs: toggle("-g, --graphs", "write the state groups and edges before and after as CSV, for Gephi"),
  graphFormat: choice(
    "--graph-format <NAME>",
    "gexf: for Gephi, coloured and laid out; csv-comma: for Cosmograph (with -g)",
    GRAPH_FORMATS,
  ),
  graphDir: text("--graph-dir <DIR>", "where to write them (with -g; default: the working directory)"),
  strict: toggle("--strict", "refuse a room with broken data, rather than leave alone what builds on it"),
  verify: toggle("-N, --no-verify", "do not check that every state is unchanged"),
  json: JSON_LINE,
  quiet: QUIET,
};
type Options = Values<typeof FLAGS>;

/** `synapse_compress_state` itself. */
export const room: Command<typeof FLAGS> = {
  name: "",
  description:
    "Compresses the state tables of a Synapse server: fewer rows in state_groups_state, the same room states.",
  usage: "-p DATABASE -r ROOM [options]",
  flags: FLAGS,
  hasVersion: true,
  notes: `
Without -o or -c nothing is written: the run says what would be saved.
-p may be left out where PG* variables (PGHOST, PGDATABASE, PGSERVICE …) name the database.

Examples:
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server'
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server' -t -o changes.sql
  ${PROGRAM} -p postgresql://synapse@localhost/synapse -r '!id:server' -c

Subcommands, each with a --help of its own:
  auto     compresses the whole server, room after room; also as synapse_auto_compressor
  run      does so on a schedule, as a service beside Synapse
  rooms    lists the rooms with the most state, and what compression would save
  doctor   looks for broken data, of a room or of all
  prune    has Synapse delete the state groups that no event uses
  reclaim  gives the disk space of deleted rows back to the system
  graph    draws a room's state groups before and after, for Gephi and others
  report   explains a room on one page of HTML

Exit codes: 0 done, or nothing to save; 1 failed; 2 a wrong command line; 3 verification failed; 5 other transactions kept
state groups from being rewritten: run it again; 130, 143 stopped.
`,
  check(options) {
    const { output, commit, graphs } = options;
    const sqlOrCommit = "Add -o FILE for a SQL file of transactions, or -c to commit.";
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
  const database = context.database(options.postgres);
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
      `: ${report.groupsRewritten} state groups are written, ${report.groupsLeft} are left`,
      "What is written is whole. Run the same command again to go on.",
    ),
  };
}

/** How it ended, and what the peers do not say: where the output went, what was left out. */
function printEnd(terminal: Terminal, options: Options, report: RoomReport): void {
  formatShape(report).forEach((line) => terminal.log(line));
  if (options.commit) formatFreed(report).forEach((line) => terminal.log(line));
  const outcome = formatOutcome(report);
  if (outcome !== undefined) terminal.result(outcome);
  if (options.graphs) {
    const { graphDir = "." } = options;
    terminal.log(`The graph files are in ${graphDir === "." ? "the working directory" : graphDir}.`);
  }
  if (report.outcome === "planned") {
    terminal.log("Nothing was written: add -o FILE for the changes as SQL, or -c to make them.");
    terminal.log(`Why the room is as big as it is: the same options after \`${PROGRAM} report\` make a page of it.`);
  }
  if (report.outcome !== "written") return;
  if (options.output !== undefined && options.output !== "-") terminal.log(`The changes are in ${options.output}.`);
}
