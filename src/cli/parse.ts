/**
 * From argv to a command's options, or its help, or a UsageError in this project's words. The only importer of the CLI
 * library. That is commander: @optique/core takes neither `-rROOM` nor `-n100`, which the Rust tool (clap) takes and scripts
 * use, and it does not parse on after the first fault. Commander needs no permission and adds 10 ms.
 */

import { basename } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../mod.ts";
import type { Environment, Flag, Flags, Values } from "./flags.ts";
import { describeVersion } from "./version.ts";

/** The program's name, which is that of the Rust tool. */
export const PROGRAM = "synapse_compress_state";

/** The Rust tool for a whole server, whose name the program goes by as well: then it is `auto`. */
export const AUTO_PROGRAM = "synapse_auto_compressor";

/** Whether a path is the program by that name, as a copy or a link. */
export function isAutoProgram(path: string): boolean {
  return new RegExp(`^${AUTO_PROGRAM}(\\.exe)?$`, "i").test(basename(path));
}

/** Help fits a terminal of 80 columns, with one to spare. */
const HELP_WIDTH = 79;

/** How a command line is read and explained. */
export interface CommandLine<F extends Flags> {
  /** What follows the program's name; empty for the default command. */
  readonly name: string;
  readonly description: string;
  /** Half a line for lists of commands, without a full stop. */
  readonly summary: string;
  /** The short form, after the name. */
  readonly usage: string;
  /** What to type, as it follows the program's name; at least one. */
  readonly examples: readonly string[];
  readonly flags: F;
  /** What the help ends with, in lines of at most 80 columns. */
  readonly notes?: string | undefined;
  /** Whether it takes -V. @default false */
  readonly hasVersion?: boolean | undefined;
  /** Refuses what the values get wrong together: nothing that is asked for is ever silently ignored. */
  check?(options: Values<F>): void;
}

/**
 * Reads what follows a command's name.
 *
 * @param environment PG* variables may stand in for a flag
 * @returns the options, or a text to print: the help or the version
 * @throws {UsageError} it asks for something that cannot be
 */
export function parse<F extends Flags>(
  line: CommandLine<F>,
  argv: readonly string[],
  environment: Environment,
): Values<F> | string {
  const options = new Map(Object.entries(line.flags).map(([name, flag]) => [name, toOption(flag)]));
  const command = new Command(line.name === "" ? PROGRAM : `${PROGRAM} ${line.name}`)
    .description(`${line.description}\n\nExamples:\n${formatExamples(line.examples)}`)
    .usage(line.usage)
    .configureHelp({ optionDescription: describeOption });
  for (const option of options.values()) command.addOption(option);
  if (line.hasVersion) command.version(describeVersion(PROGRAM), "-V, --version", "print the version");
  command.helpOption("-h, --help", "print this help").addHelpText(
    "after",
    line.notes === undefined ? "" : `\n${line.notes}`,
  )
    .allowExcessArguments(false);
  const text = readArguments(command.exitOverride(), argv);
  if (text !== undefined) return text;
  // What the library defaults is left to it.
  const given = (option: Option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === "cli" ? command.getOptionValue(name) : undefined;
  };
  const values = Object.fromEntries([...options].map(([name, option]) => [name, given(option)])) as Values<F>;
  for (const [name, flag] of Object.entries(line.flags)) flag.check?.(values[name], environment);
  line.check?.(values);
  return values;
}

/** Examples, a line each. */
export function formatExamples(examples: readonly string[]): string {
  return examples.map((words) => `  ${words.startsWith(AUTO_PROGRAM) ? words : `${PROGRAM} ${words}`}`)
    .join("\n");
}

/** What the help says of an option: what it does, its values, the one that is taken where none is given. */
function describeOption({ description, argChoices, defaultValue }: Option): string {
  if (argChoices === undefined || argChoices.every((name) => description.includes(name))) return description;
  const choices = argChoices.map((name) => name === defaultValue ? `${name} (default)` : name);
  return `${description}: ${choices.join(", ")}`;
}

function toOption({ usage, help, read, repeats, choices, default: shown }: Flag<unknown>): Option {
  const option = new Option(usage, help);
  if (choices !== undefined) option.choices(choices);
  if (shown !== undefined) option.default(shown);
  if (read === undefined) return option;
  let previous: { value: unknown } | undefined;
  return option.argParser((text) => {
    // Two values for one option are a slip: nobody could tell which is meant.
    if (previous !== undefined && !repeats) throw new InvalidArgumentError("it is given more than once");
    try {
      previous = { value: read(text, previous?.value) };
    } catch (error) {
      if (error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
      throw error;
    }
    return previous.value;
  });
}

/** The one of `names` that was probably meant by `word`, as the library judges it. */
export function suggest(word: string, names: readonly string[]): string | undefined {
  const asked = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const name of names) asked.command(name);
  try {
    asked.parse([word], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return /\(Did you mean (?:one of )?([^,?]+)/.exec(error.message)?.[1];
  }
}

/** Has the library read; returns what it printed where it was asked for that. */
function readArguments(command: Command, argv: readonly string[]): string | undefined {
  let text = "";
  command.configureOutput({
    writeOut: (piece) => void (text += piece),
    writeErr: () => {},
    getOutHelpWidth: () => HELP_WIDTH,
    // Else commander asks the environment, of which this program may read its own variables only.
    getOutHasColors: () => false,
  });
  try {
    command.parse(argv.map(detach), { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return text;
    throw toUsageError(error);
  }
}

/** As clap takes it, `-p=value` is `-pvalue`. */
function detach(word: string): string {
  return word.replace(/^(-[A-Za-z])=(?=.)/s, "$1");
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
    return new UsageError(`Cannot use ${shown}: ${reason}`, { hint });
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
