/**
 * The command line: its options, its help, and from argv to typed options or a UsageError. The only importer of the CLI
 * library. That is commander, with its typings: @optique/core takes neither `-rROOM` nor `-n100`, which the peers (clap)
 * take and scripts use, and it does not parse on after the first fault. Commander needs no permission and adds 10 ms.
 */

import { Command, Option } from "@commander-js/extra-typings";
import project from "../../deno.json" with { type: "json" };
import { type GraphOptions, UsageError } from "../mod.ts";
import { type AutoCommand, parseAuto } from "./parse/auto.ts";
import { GRAPH_FORMATS, type GraphCommand, parseGraph } from "./parse/graph.ts";
import {
  apart,
  checkBound,
  checkDatabase,
  checkRange,
  count,
  DATABASE,
  type Environment,
  GROUPS,
  JSON_LINE,
  LEVELS,
  MAX_GROUP,
  MIN_GROUP,
  needs,
  nonEmpty,
  parseFlags,
  PROGRAM,
  type RoomSelection,
  STRATEGY,
  withoutUndefined,
} from "./parse/options.ts";
import { type DoctorCommand, parseDoctor } from "./parse/doctor.ts";
import { parseReport, type ReportCommand } from "./parse/report.ts";
import { parseRun, type RunCommand } from "./parse/run.ts";
import { parseRooms, type RoomsCommand } from "./parse/rooms.ts";

export { PROGRAM } from "./parse/options.ts";

/** The options of a run on one room. */
export interface RoomCommand extends RoomSelection {
  readonly kind: "room";
  readonly minSaved?: number;
  /** A path, or `-` for standard output. */
  readonly output?: string;
  readonly transactions: boolean;
  readonly guards: boolean;
  readonly commit: boolean;
  readonly batch?: number;
  readonly vacuum: boolean;
  readonly graphs: boolean;
  readonly graph: GraphOptions;
  readonly graphDir: string;
  /** Refuse a room with a defect. */
  readonly strict: boolean;
  readonly verify: boolean;
}

/** Text to print on standard output, and nothing else to do. */
export interface PrintCommand {
  readonly kind: "print";
  readonly text: string;
}

/** What a command line asks for. */
export type ParsedCommand = RoomCommand | Subcommand | PrintCommand;

/** What a command line with a subcommand asks for. */
export type Subcommand = AutoCommand | RunCommand | GraphCommand | ReportCommand | RoomsCommand | DoctorCommand;

/** The subcommands, each a parser of what follows its name: a command, or a text to print. */
const SUBCOMMANDS: Readonly<
  Record<string, (argv: readonly string[], environment: Environment) => Subcommand | string>
> = {
  auto: parseAuto,
  run: parseRun,
  rooms: parseRooms,
  doctor: parseDoctor,
  graph: parseGraph,
  report: parseReport,
};

/** A room run, the default: the peers' manual tool. */
function makeProgram() {
  return new Command(PROGRAM)
    .description(
      "Compresses the state tables of a Synapse server: fewer rows in state_groups_state, the same room states.",
    )
    .usage("-p DATABASE -r ROOM [options]")
    .addOption(DATABASE)
    .option("-r, --room <ROOM>", "the room to compress, as in the rooms table: !id:server", nonEmpty)
    .addOption(MIN_GROUP)
    .addOption(GROUPS)
    .addOption(MAX_GROUP)
    .addOption(LEVELS)
    .addOption(STRATEGY)
    .option(
      "--max-hops <COUNT>",
      "the most edges to follow to a full state; the best levels within are found",
      count(1),
    )
    .option("-m, --min-saved <ROWS>", "write nothing when fewer rows than this would be saved", count(0))
    .option("-o, --output <FILE>", "write the changes as SQL to this file; - is standard output", nonEmpty)
    .option("-t, --transactions", "make each state group's change a transaction (with -o)")
    .option("--no-guards", "leave out of the SQL what makes it safe beside a running Synapse (with -o)")
    .option("-c, --commit", "make the changes in the database, safe beside a running Synapse")
    .option("--batch <GROUPS>", "state groups to a transaction (with -c)", count(1))
    .option("--vacuum", "run VACUUM (ANALYZE) on the tables afterwards (with -c)")
    .option("-g, --graphs", "write the state groups and edges before and after as CSV, for Gephi")
    .addOption(
      new Option("--graph-format <NAME>", "gexf: for Gephi, coloured and laid out; csv-comma: for Cosmograph (with -g)")
        .choices(GRAPH_FORMATS),
    )
    .option("--graph-dir <DIR>", "where to write them (with -g; default: the working directory)", nonEmpty)
    .option("--strict", "refuse a room with broken data, rather than leave alone what builds on it")
    .option("-N, --no-verify", "do not check that every state is unchanged")
    .addOption(JSON_LINE)
    .option("--quiet", "print errors only")
    .version(`${PROGRAM} ${project.version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

const EXAMPLES = `
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
  graph    draws a room's state groups before and after, for Gephi and others
  report   explains a room on one page of HTML

Exit codes: 0 done, or nothing to save; 1 failed; 2 a wrong command line; 3 verification failed; 130, 143 stopped.
`;

/** The help text, as --help prints it. */
export function helpText(): string {
  return parseFlags(makeProgram(), ["--help"]) as string;
}

/**
 * Reads a command line.
 *
 * @param environment PG* variables may stand in for -p
 * @throws {UsageError} it asks for something that cannot be
 */
export function parseCommand(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedCommand {
  const parseSubcommand = SUBCOMMANDS[argv[0] ?? ""];
  if (parseSubcommand !== undefined) {
    const command = parseSubcommand(argv.slice(1), environment);
    return typeof command === "string" ? { kind: "print", text: command } : command;
  }
  const flags = parseFlags(makeProgram(), argv);
  return typeof flags === "string" ? { kind: "print", text: flags } : checkRoom(flags, environment);
}

type Flags = ReturnType<ReturnType<typeof makeProgram>["opts"]>;

/** What a command line can be seen to get wrong as a whole: nothing asked for is ever silently ignored. */
function checkRoom(flags: Flags, environment: Readonly<Record<string, string | undefined>>): RoomCommand {
  const { postgres, room } = flags;
  checkDatabase(postgres, environment);
  if (room === undefined) {
    throw new UsageError("Cannot tell which room to compress: -r is missing", {
      hint: "Give -r '!id:server', in single quotes; the id is in the room's settings under Advanced.",
    });
  }
  const writes = flags.output ?? flags.commit;
  needs(flags.transactions, "-t", writes, "-o or -c", "Add -o FILE for a SQL file of transactions, or -c to commit.");
  needs(!flags.guards, "--no-guards", flags.output, "-o", "Add -o FILE: what -c writes is always guarded.");
  needs(flags.batch, "--batch", flags.commit, "-c", "Add -c to commit, or leave --batch out.");
  needs(flags.vacuum, "--vacuum", flags.commit, "-c", "Add -c to commit, or leave --vacuum out.");
  needs(
    flags.graphFormat,
    "--graph-format",
    flags.graphs,
    "-g",
    "Add -g to write graphs, or leave --graph-format out.",
  );
  needs(flags.graphDir, "--graph-dir", flags.graphs, "-g", "Add -g to write graphs, or leave --graph-dir out.");
  apart(flags.json, flags.output === "-", "--json and -o -", "Both are standard output: name a file with -o FILE.");
  checkBound(flags);
  checkRange(flags);
  const optional = {
    minGroup: flags.minGroup,
    groups: flags.groups,
    maxGroup: flags.maxGroup,
    levels: flags.levels,
    maxHops: flags.maxHops,
    minSaved: flags.minSaved,
    output: flags.output,
    batch: flags.batch,
  };
  return {
    kind: "room",
    postgres: postgres ?? "",
    roomId: room,
    ...withoutUndefined(optional),
    strategy: flags.strategy,
    transactions: flags.transactions ?? false,
    guards: flags.guards,
    commit: flags.commit ?? false,
    vacuum: flags.vacuum ?? false,
    graphs: flags.graphs ?? false,
    graph: { format: flags.graphFormat ?? "csv" },
    graphDir: flags.graphDir ?? ".",
    strict: flags.strict ?? false,
    verify: flags.verify,
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
  };
}
