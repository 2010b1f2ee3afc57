/**
 * A command, and what is the same around all of them: the terminal, the database and its warnings, outputs that end whole or
 * not at all, the one JSON object, and how a signal ends it. A command itself only says what it does.
 */

import {
  connect,
  type ConnectOptions,
  describeTarget,
  findIndexFaults,
  findPlannerFault,
  formatIndexFault,
  formatJson,
  formatPlannerFault,
  type Session,
  stoppable,
  StoppedError,
  type Target,
  type TextSink,
} from "../mod.ts";
import { describeFailure } from "./failures.ts";
import { openSink, type SinkOptions } from "./files.ts";
import type { Environment, Flags, Values } from "./flags.ts";
import { LogFile } from "./logfile.ts";
import { PeakMemory } from "./memory.ts";
import { SCHEMA_VERSION } from "./outputs.ts";
import { type CommandLine, PROGRAM } from "./parse.ts";
import type { LogLevel } from "./progress/ndjson.ts";
import { quoteCommand } from "./secrets.ts";
import { findSource, type Source, type SourceOptions } from "./source.ts";
import { Terminal } from "./terminal.ts";

/** A verb: its flags, its help, and its run. */
export interface Command<F extends Flags = Flags> extends CommandLine<F> {
  /** Whether standard output is for something else than result lines, which then go to standard error. */
  takesStdout?(options: Values<F>): boolean;
  /** Whether --quiet leaves the result lines. @default false */
  readonly quietKeepsResults?: boolean | undefined;
  run(options: Values<F>, context: Context): Promise<Result>;
}

/** How a command ended, where it did not fail. */
export interface Result {
  /** @default 0 */
  readonly exitCode?: number | undefined;
  /** What --json prints. */
  readonly report?: object | undefined;
  /** Where a signal stopped it early: that, told with what is done and left. */
  readonly stop?: StoppedError | undefined;
}

/** The exit code where there is broken data: doctor found it, or auto compressed around it. */
export const DEFECTS = 4;

/** The exit code where other transactions kept state groups from being rewritten, at every attempt. */
export const UNFINISHED = 5;

/** What the program gives a command. */
interface Surroundings {
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** What must never be printed; a command that reads a password from a file adds it. */
  readonly secrets: string[];
}

/** The flags of options.ts that say what is told, where a command has them. */
interface OutputValues {
  readonly progress?: "auto" | "json" | "none" | undefined;
  readonly logLevel?: LogLevel | undefined;
}

/** Runs a command, and prints its JSON object, which also says what stopped it. */
export async function runCommand(
  command: Command,
  options: Values<Flags>,
  around: Surroundings,
): Promise<{ exitCode: number; stop: StoppedError | undefined }> {
  const { progress, logLevel } = options as OutputValues;
  using logFile = typeof options.logFile === "string" ? new LogFile(options.logFile, logLevel) : undefined;
  using terminal = new Terminal({
    quiet: options.quiet === true,
    progress,
    logLevel,
    logFile,
    keepsResults: command.quietKeepsResults === true,
    stdoutIsTaken: options.json === true || options.output === "-" || command.takesStdout?.(options) === true,
    isDumb: around.environment["TERM"] === "dumb",
  });
  await using context = new Context(terminal, around);
  const { report, exitCode = 0, stop } = await command.run(options, context).catch((error) => {
    terminal.keepFailure(describeFailure(error, around.secrets));
    throw error;
  });
  const error = stop && describeFailure(stop, around.secrets);
  if (error !== undefined) terminal.keepFailure(error);
  if (options.json === true && report !== undefined) {
    terminal.json(formatJson({ schemaVersion: SCHEMA_VERSION, ...report, ...error && { error } }));
  }
  return { exitCode: stop?.exitCode ?? exitCode, stop };
}

/** What a job reports, be it that a signal stopped it: then `stop` is the error with which it ended. */
export async function settle<Report>(job: Promise<Report>): Promise<{ report: Report; stop?: StoppedError }> {
  try {
    return { report: await job };
  } catch (error) {
    if (!(error instanceof StoppedError) || error.report === undefined) throw error;
    return { report: error.report as Report, stop: error };
  }
}

/** A stop, told with what is done by then, and how to go on. */
export function tellStop(stop: StoppedError | undefined, done: string, hint: string): StoppedError | undefined {
  return stop && new StoppedError(`${stop.message}${done}`, { exitCode: stop.exitCode, cause: stop, hint });
}

/** What a command works with. */
export class Context implements AsyncDisposable {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly secrets: string[];
  readonly terminal: Terminal;
  readonly memory = new PeakMemory();
  readonly #words: readonly string[];
  readonly #passwords = new Map<string, Promise<string | undefined>>();
  #source: Source | undefined;
  /** Every output: those that were not completed are gone when the command ends. */
  readonly #sinks: TextSink[] = [];

  constructor(terminal: Terminal, { words, environment, signal, secrets }: Surroundings) {
    this.terminal = terminal;
    this.#words = words;
    this.environment = environment;
    this.signal = signal;
    this.secrets = secrets;
  }

  /**
   * The database that the options or the surroundings name; how it is named there, and warnings, are printed.
   *
   * @throws {UsageError} nothing names one
   */
  database(options: SourceOptions): Database {
    const source = this.#find(options);
    return new Database(
      source.state.target,
      this.signal,
      {
        note: (line) => this.terminal.log(line),
        warn: (line) => this.terminal.log(`warning: ${line}`),
        askPassword: (target) => this.#askPassword(target),
      },
      source.state.arguments,
      source.events?.arguments,
    );
  }

  /** Connects to the database with Synapse's events, where that is not the one with the state. */
  events(options: SourceOptions): (() => Promise<Session>) | undefined {
    const { events } = this.#find(options);
    return events && this.eventsAt(events.target);
  }

  /** Connects to a database with Synapse's events. */
  eventsAt(target: Target): () => Promise<Session> {
    const options = {
      applicationName: PROGRAM,
      signal: this.signal,
      readOnly: true,
      checkSchema: false,
      askPassword: (target: Target) => this.#askPassword(target),
    };
    return () => connect(target, options);
  }

  #find(options: SourceOptions): Source {
    if (this.#source !== undefined) return this.#source;
    const source = this.#source = findSource(options, this.environment);
    this.secrets.push(...source.secrets);
    if (source.note !== undefined) this.terminal.log(source.note);
    for (const { warnings } of [source.state.target, ...source.events ? [source.events.target] : []]) {
      for (const warning of warnings) this.terminal.log(`warning: ${warning}`);
    }
    return source;
  }

  /** Asks whoever is at the terminal, once for each user: several connections are made with one password. */
  #askPassword({ user }: Target): Promise<string | undefined> {
    let asked = this.#passwords.get(user);
    if (asked === undefined) {
      asked = this.terminal.askHidden(`Password for user ${user}: `, this.signal).then((password) => {
        if (password) this.secrets.push(password);
        return password;
      });
      this.#passwords.set(user, asked);
    }
    return asked;
  }

  /**
   * Opens an output, before any work.
   *
   * @throws {OutputError} it cannot be made
   */
  async open(path: string, options: SinkOptions = {}): Promise<TextSink> {
    const sink = await openSink(path, { ...options, signal: this.signal });
    this.#sinks.push(sink);
    return sink;
  }

  /** Prints the command that finishes the job, to be pasted; passwords in it are left out. */
  tellAgain(): void {
    this.terminal.log("To finish what is left, run this again once other transactions are out of the way:");
    this.terminal.log(`    ${quoteCommand([PROGRAM, ...this.#words])}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.memory[Symbol.dispose]();
    for (const sink of this.#sinks) await sink.abort();
  }
}

/** What is said of a database, once, when it is first connected to. */
interface DatabaseWords {
  /** The tables' schema, where it is not public. */
  readonly note: (line: string) => void;
  /** What is wrong with their indexes, or with what the planner expects of them. */
  readonly warn: (line: string) => void;
  /** Asks for a password that the server wants. @default nobody can be asked */
  readonly askPassword?: ConnectOptions["askPassword"];
}

/** A database, to be connected to. */
export class Database {
  readonly target: Target;
  readonly #signal: AbortSignal;
  readonly #say: DatabaseWords;
  /** The arguments that name it again, without a password; none where the surroundings do. */
  readonly arguments: readonly string[];
  /** The same of the database with the events. */
  readonly eventsArguments: readonly string[];
  #isLookedAt = false;
  #isPlannerOff = false;

  constructor(
    target: Target,
    signal: AbortSignal,
    say: DatabaseWords,
    again: readonly string[] = [],
    eventsAgain: readonly string[] = [],
  ) {
    this.target = target;
    this.arguments = again;
    this.eventsArguments = eventsAgain;
    this.#signal = signal;
    this.#say = say;
  }

  /** As it is named to people, without a password. */
  get name(): string {
    return describeTarget(this.target);
  }

  /** Connects; the signal ends the attempt. */
  async connect(options: ConnectOptions = {}): Promise<Session> {
    const { signal = this.#signal } = options;
    const { askPassword } = this.#say;
    const session = await connect(this.target, { applicationName: PROGRAM, askPassword, ...options, signal });
    try {
      await stoppable(session, signal, () => this.#look(session));
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** Says what is odd about the database, each thing once; of reads, which may change while a service runs, with each connection. */
  async #look(session: Session): Promise<void> {
    if (!this.#isLookedAt) {
      this.#isLookedAt = true;
      if (session.schema !== "public") this.#say.note(`Synapse's tables are in the schema "${session.schema}"`);
      for (const fault of await findIndexFaults(session)) this.#say.warn(formatIndexFault(fault));
    }
    if (this.#isPlannerOff) return;
    const fault = await findPlannerFault(session);
    if (fault === undefined || this.#isPlannerOff) return;
    this.#isPlannerOff = true;
    this.#say.warn(formatPlannerFault(fault));
  }
}
