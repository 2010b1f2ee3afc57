/**
 * What a command's flags are: how each is written, what the help says of it, how its value is read. A command's flags are a
 * map from the library's option names, so that what is read is passed on as it is. Knows no CLI library: parse.ts does.
 */

import { parseDuration, parseLevels, UsageError } from "../mod.ts";

/** The environment, as far as this program may read it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A flag whose value is a `T`; undefined is in `T` unless the flag is required. */
export interface Flag<T> {
  /** Such as `-m, --min-saved <ROWS>`, or `--json`, or `--no-verify`. */
  readonly usage: string;
  readonly help: string;
  /** Reads a value; `previous` is there only for a flag that may be given again. Throws a SyntaxError that says what is expected. */
  read?(text: string, previous: T | undefined): T;
  /** Whether it may be given again. @default false */
  readonly repeats?: boolean | undefined;
  /** For the help: the values, and the one that is taken where none is given. */
  readonly choices?: readonly string[] | undefined;
  readonly default?: string | undefined;
  /** Refuses a command line without it, or one whose environment does not stand in for it. Throws a UsageError. */
  check?(value: T | undefined, environment: Environment): void;
}

/** The flags of a command, by the names that the library gives its options. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** What was given on a command line. */
export type Values<F extends Flags> = { readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

/** A flag without a value: true where it is given, or false for `--no-…`. */
export function toggle(usage: string, help: string): Flag<boolean | undefined> {
  return { usage, help };
}

/** A flag with a value. */
export function value<T>(usage: string, help: string, read: (text: string) => T): Flag<T | undefined> {
  return { usage, help, read };
}

/** A flag with a value that may not be empty. */
export function text(usage: string, help: string): Flag<string | undefined> {
  return value(usage, help, nonEmpty);
}

/** A flag with a whole number, `least` or more. */
export function count(usage: string, help: string, least: number): Flag<number | undefined> {
  return value(usage, help, (text) => parseCount(text, least));
}

/** A flag with a time in whole seconds, one or more, in milliseconds. */
export function seconds(usage: string, help: string): Flag<number | undefined> {
  return value(usage, help, (text) => parseCount(text, 1) * 1000);
}

/** A flag with one of a few values; the help names them, and the default that the library has. */
export function choice<T extends string>(
  usage: string,
  help: string,
  choices: readonly T[],
  byDefault?: NoInfer<T>,
): Flag<T | undefined> {
  const read = (text: string): T => {
    const chosen = choices.find((name) => name === text);
    if (chosen === undefined) throw new SyntaxError(`it must be one of ${choices.join(", ")}`);
    return chosen;
  };
  return { usage, help, read, choices, default: byDefault };
}

/** A flag that may be given again, for a list of values. */
export function list(usage: string, help: string): Flag<string[] | undefined> {
  return { usage, help, repeats: true, read: (text, previous) => [...previous ?? [], nonEmpty(text)] };
}

/** The same flag, without which the command line is refused. */
export function required<T>(
  flag: Flag<T | undefined>,
  message: string,
  hint: string,
): Flag<T> {
  const check = (given: T | undefined) => {
    if (given === undefined) throw new UsageError(message, { hint });
  };
  return { ...flag as Flag<T>, check };
}

/** A value that may not be empty. */
function nonEmpty(text: string): string {
  if (text === "") throw new SyntaxError("it is empty");
  return text;
}

/** A whole number, `least` or more. */
export function parseCount(text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SyntaxError(`a whole number of at least ${least} is expected`);
}

/** Sizes of levels. */
export function levels(usage: string, help: string): Flag<number[] | undefined> {
  return value(usage, help, parseLevels);
}

/** A time with its unit, in milliseconds. A number alone is refused: Synapse's milliseconds are not what one would mean. */
export function duration(usage: string, help: string): Flag<number | undefined> {
  return value(usage, help, (text) => {
    try {
      const ms = /\d$/.test(text) ? 0 : parseDuration(text);
      if (ms > 0) return ms;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new SyntaxError("a time such as 2h, 45m or 90s is expected");
  });
}
