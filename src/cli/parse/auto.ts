/** The command line of `auto`, which is also that of the Rust tool's synapse_auto_compressor. */

import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import project from "../../../deno.json" with { type: "json" };
import { parseDuration } from "../../mod.ts";
import {
  apart,
  checkDatabase,
  count,
  DATABASE,
  type Environment,
  JSON_LINE,
  levels,
  MAX_HOPS,
  needs,
  once,
  parseFlags,
  PROGRAM,
  STRATEGY,
  withoutUndefined,
} from "./options.ts";

/** `auto`: compresses room after room. */
export interface AutoCommand {
  readonly kind: "auto";
  /** A connection string; empty: PG* variables name the database. */
  readonly postgres: string;
  readonly chunkSize?: number;
  readonly chunks?: number;
  readonly levels?: number[];
  readonly maxHops?: number;
  readonly strategy: "levels" | "branches";
  readonly order: "oldest" | "biggest";
  readonly exact: boolean;
  readonly workers: number;
  readonly maxTimeMs?: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

function makeProgram() {
  return new Command(`${PROGRAM} auto`)
    .description("Compresses the rooms of a server chunk by chunk, and goes on next time where it ended.")
    .usage("-p DATABASE [options]")
    .addOption(DATABASE)
    .option("-c, --chunk-size <GROUPS>", "state groups to work on at once (default: 10000)", count(1))
    .option("-n, --chunks <COUNT>", "end after so many chunks (default: when all rooms are done)", count(1))
    .option("-l, --levels <SIZES>", "sizes of the levels of rooms that have none saved, such as 100,50,25", levels)
    .addOption(
      new Option("--order <NAME>", "which room is next: that with the most rows, or with the oldest state group")
        .choices(["biggest", "oldest"] as const).default("biggest" as const),
    )
    .option("--exact", "count the rows of every room for that, rather than those of a sample")
    .option("--workers <COUNT>", "rooms to work on at once, each on a connection of its own (default: 1)", count(1))
    .addOption(STRATEGY)
    .addOption(MAX_HOPS)
    .option("--max-time <TIME>", "begin no chunk after this time, such as 2h or 45m", duration)
    .version(`${PROGRAM} ${project.version}`, "-V, --version", "print the version")
    .addOption(JSON_LINE)
    .option("--quiet", "print errors only")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

const EXAMPLES = `
Progress is kept in the database, in the tables of the Rust tool's synapse_auto_compressor: either program goes on where the
other ended. Under that name this program takes the same options. Any number may run at once: they share the rooms.

Examples:
  ${PROGRAM} auto -p postgresql://synapse@localhost/synapse
  ${PROGRAM} auto -p postgresql://synapse@localhost/synapse --max-time 2h --workers 2
  synapse_auto_compressor -p postgresql://synapse@localhost/synapse -c 500 -n 100

Exit codes: 0 done; 1 failed, or a room failed; 2 a wrong command line; 3 verification failed in a room;
4 a room has broken data, and was compressed around it; 130, 143 stopped.
`;

/** A time with its unit, in milliseconds. A number alone is refused: Synapse's milliseconds are not what one would mean. */
export function duration(text: string, previous: unknown): number {
  const value = once(text, previous);
  try {
    const ms = /\d$/.test(value) ? 0 : parseDuration(value);
    if (ms > 0) return ms;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new InvalidArgumentError("a time such as 2h, 45m or 90s is expected");
}

/**
 * Reads what follows `auto`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseAuto(argv: readonly string[], environment: Environment): AutoCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  checkDatabase(flags.postgres, environment);
  apart(
    flags.maxHops,
    flags.strategy === "levels",
    "--max-hops and --strategy levels",
    "The sum of the levels is their bound: give -l.",
  );
  apart(flags.maxHops, flags.levels, "--max-hops and -l", "The sum of the levels is their bound: give one of the two.");
  needs(
    flags.exact,
    "--exact",
    flags.order === "biggest",
    "--order biggest",
    "The oldest state group is always exact.",
  );
  const { postgres = "", maxTime: maxTimeMs, exact = false, json = false, quiet = false, order, strategy } = flags;
  const { chunkSize, chunks, levels: sizes, maxHops, workers = 1 } = flags;
  return {
    kind: "auto",
    postgres,
    ...withoutUndefined({ chunkSize, chunks, levels: sizes, maxHops, maxTimeMs }),
    order,
    strategy,
    exact,
    workers,
    json,
    quiet,
  };
}
