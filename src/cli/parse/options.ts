/**
 * What the command lines have in common: options, values, checks, and faults in this project's words. Under src/cli/parse/ a
 * file for each subcommand; only these and parse.ts import the CLI library.
 */

import { CommanderError, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseLevels, UsageError } from "../../mod.ts";

/** The program's name, as the peers' tool is called. */
export const PROGRAM = "synapse_compress_state";

/** The environment, as far as this program may read it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Refuses a command line that names no database; PG* variables may stand in for -p. */
export function checkDatabase(postgres: string | undefined, environment: Environment): void {
  const named = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"].some((name) => environment[name]);
  if (postgres === undefined ? !named : postgres.trim() === "") {
    throw new UsageError("Cannot tell which database to work on: -p is missing or empty", {
      hint: `Give -p postgresql://user@host/database, or set PGHOST and PGDATABASE.`,
    });
  }
}

/** Refuses a range that can hold nothing. */
export function checkRange(flags: { minGroup?: number | undefined; maxGroup?: number | undefined }): void {
  if (flags.minGroup !== undefined && flags.maxGroup !== undefined && flags.maxGroup <= flags.minGroup) {
    throw new UsageError(
      `Cannot compress state groups above ${flags.minGroup} and up to ${flags.maxGroup}: there are none`,
      {
        hint: "Give -s an id that is bigger than that of -b.",
      },
    );
  }
}

/** Refuses an option that means nothing without another. */
export function needs(given: unknown, flag: string, met: unknown, other: string, hint: string): void {
  if (given && !met) throw new UsageError(`Cannot use ${flag} without ${other}`, { hint });
}

/** Refuses two options that exclude each other. */
export function apart(one: unknown, other: unknown, flags: string, hint: string): void {
  if (one && other) throw new UsageError(`Cannot use ${flags} together`, { hint });
}

/** `options` without those that were not given. */
export function withoutUndefined<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Two values for one option are a slip of which nobody could tell the one that is meant. */
export function once(text: string, previous: unknown): string {
  if (previous !== undefined) throw new InvalidArgumentError("it is given twice");
  return text;
}

/** A value that may not be empty. */
export function nonEmpty(text: string, previous: unknown): string {
  if (text === "") throw new InvalidArgumentError("it is empty");
  return once(text, previous);
}

/** A whole number, `least` or more. */
export function count(least: number): (text: string, previous: unknown) => number {
  return (text, previous) => parseCount(once(text, previous), least);
}

function parseCount(text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new InvalidArgumentError(`a whole number of at least ${least} is expected`);
}

/** Sizes of levels. */
export function levels(text: string, previous: unknown): number[] {
  try {
    return parseLevels(once(text, previous));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** Where the database is. */
export const DATABASE = new Option(
  "-p, --postgres <DATABASE>",
  "where the database is: a postgresql:// URL or key=value pairs",
).argParser(once);

/** The range of a room, from its start. */
export const MIN_GROUP = new Option("-b, --min-group <ID>", "only state groups above this id").argParser(count(0));
/** The range of a room, by its length. */
export const GROUPS = new Option("-n, --groups <COUNT>", "only the first COUNT state groups above --min-group")
  .argParser(count(1));
/** The range of a room, to its end. */
export const MAX_GROUP = new Option("-s, --max-group <ID>", "only state groups up to this id").argParser(count(0));

/** The levels of a room. */
export const LEVELS = new Option("-l, --levels <SIZES>", "sizes of the levels, lowest first, such as 100,50,25")
  .argParser(levels);
/** The rule that chooses bases. */
export const STRATEGY = new Option(
  "--strategy <NAME>",
  "how bases are chosen: along each branch, or by the peers' exact rule",
).choices(["branches", "levels"] as const).default("branches" as const);
/** The bound on hops. */
export const MAX_HOPS = new Option("--max-hops <COUNT>", "the most edges to follow to a full state").argParser(
  count(1),
);

/** A result for programs, after which nothing else is printed. */
export const JSON_LINE = new Option("--json", "end with one JSON object on standard output, and no other line there");

/** Refuses two bounds on hops, of which one would be ignored. */
export function checkBound(flags: { levels?: unknown; maxHops?: unknown; strategy: string }): void {
  apart(flags.levels, flags.maxHops, "-l and --max-hops", "The sum of the levels is the bound: give one of the two.");
  const both = "--max-hops and --strategy levels";
  apart(flags.strategy === "levels", flags.maxHops, both, "Give the levels with -l instead.");
}

/** Parses with a command; its flags, or the text that was asked for: its help or the version. */
export function parseFlags<Flags>(
  command: {
    configureOutput(output: object): unknown;
    parse(argv: readonly string[], options: { from: "user" }): unknown;
    opts(): Flags;
  },
  argv: readonly string[],
): Flags | string {
  let text = "";
  command.configureOutput({
    writeOut: (piece: string) => text += piece,
    writeErr: () => {},
    getOutHelpWidth: () => 110,
    // Else commander asks the environment, of which this program may read its own variables only.
    getOutHasColors: () => false,
  });
  try {
    command.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return text;
    throw toUsageError(error);
  }
  return command.opts();
}

/** Commander's faults in this project's words: one sentence and a way out. */
function toUsageError(error: CommanderError): UsageError {
  const words = error.message.replace(/^error: /, "").replaceAll(/\s+/g, " ").trim();
  const hint = `See ${PROGRAM} --help.`;
  const invalid = /^option '(\S+?),? [^']*' argument '(.*)' is invalid\. (.*?)\.?$/.exec(words);
  if (invalid !== null) {
    const [, option = "", value = "", reason = ""] = invalid;
    // A connection string may hold a password.
    const shown = option === "-p" ? option : `${option} ${JSON.stringify(value)}`;
    return new UsageError(`Cannot use ${shown}: ${reason.replace("Allowed choices are ", "it must be one of ")}`, {
      hint,
    });
  }
  // Not echoed: it may be a connection string that lost its -p.
  if (error.code === "commander.excessArguments") {
    return new UsageError("Cannot read the command line: it has a word that belongs to no option", {
      hint: "Each value follows its option; quote a value that has spaces or a ! in it, in single quotes.",
    });
  }
  const didYouMean = / \(Did you mean (.*)\?\)$/.exec(words);
  return didYouMean === null
    ? new UsageError(`Cannot read the command line: ${words}`, { hint })
    : new UsageError(`Cannot read the command line: ${words.slice(0, didYouMean.index)}`, {
      hint: `Did you mean ${didYouMean[1]}? ${hint}`,
    });
}

/** Which room is worked on, or which groups of it, and how it would be compressed. */
export interface RoomSelection {
  /** A connection string; empty: PG* variables name the database. */
  readonly postgres: string;
  readonly roomId: string;
  readonly minGroup?: number;
  readonly groups?: number;
  readonly maxGroup?: number;
  readonly levels?: number[];
  readonly maxHops?: number;
  readonly strategy: "levels" | "branches";
  readonly json: boolean;
  readonly quiet: boolean;
}
