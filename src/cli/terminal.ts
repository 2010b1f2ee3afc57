/**
 * What a run prints and where: results on standard output, everything else on standard error. Knows whether standard
 * output is taken (by --json or `-o -`), whether to be quiet, and whether somebody is watching: then progress is drawn
 * below the lines, by progress/display.ts. Every line passes `printable`, since most lines quote what others chose.
 */

import { unlessStopped } from "../db/session/stop.ts";
import { printable } from "../format/text.ts";
import { toOutputError } from "./causes.ts";
import type { Failure } from "./failures.ts";
import type { LogFile } from "./logfile.ts";
import { readHidden } from "./hidden.ts";
import { Display, type Screen } from "./progress/display.ts";
import { formatLogLine, isWanted, type LogLevel, NdjsonProgress } from "./progress/ndjson.ts";
import type { Phase } from "./progress/phase.ts";

/** Where lines go. */
interface TerminalOptions {
  /** Errors only, or with `keepsResults` results as well. */
  readonly quiet: boolean;
  readonly keepsResults: boolean;
  /** Standard output belongs to --json or to the SQL: result lines go to standard error. */
  readonly stdoutIsTaken: boolean;
  /** The terminal cannot move its cursor: TERM=dumb. */
  readonly isDumb: boolean;
  /** How progress is told; with json every line on standard error is a JSON object. @default auto */
  readonly progress?: "auto" | "json" | "none" | undefined;
  /** The least that is logged. @default info */
  readonly logLevel?: LogLevel | undefined;
  /** Where lines are kept as well, quiet or not. */
  readonly logFile?: LogFile | undefined;
}

/** A stream that is written synchronously. */
type Stream = Pick<typeof Deno.stdout, "writeSync">;

const encoder = new TextEncoder();

/** Prints a run's lines. */
export class Terminal implements Disposable {
  readonly #options: TerminalOptions;
  /** Absent where nothing but errors is printed. */
  readonly #display: Display | NdjsonProgress | undefined;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#display = makeDisplay(options);
  }

  /** The file of --log-file. */
  get logFile(): LogFile | undefined {
    return this.#options.logFile;
  }

  /** Whether there is somebody to ask: the question is read here, and the answer is typed here. */
  get canAsk(): boolean {
    return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  }

  /**
   * Prints a line that is a result.
   *
   * @throws {OutputError} standard output cannot be written
   */
  result(line: string): void {
    this.#options.logFile?.write("info", line);
    if (this.#options.quiet && !this.#options.keepsResults) return;
    this.#clear();
    if (this.#options.stdoutIsTaken) this.#say("info", line);
    else writeResult(`${printable(line)}\n`);
  }

  /** Prints a line about the work; one that begins with `warning:` is a warning. */
  log(line: string): void {
    const level = line.startsWith("warning: ") ? "warning" : "info";
    this.#options.logFile?.write(level, line.replace(/^warning: /, ""));
    if (this.#options.quiet || !isWanted(level, this.#options.logLevel)) return;
    this.#clear();
    this.#say(level, line);
  }

  /** Keeps a failure in the log file; it is printed where the program ends. */
  keepFailure({ message, hint }: Failure): void {
    this.#options.logFile?.write("error", hint === null ? message : `${message} hint: ${hint}`);
  }

  /** Shows the phase that the work is in; undefined leaves what is shown. */
  phase(phase: Phase | undefined): void {
    if (phase !== undefined) this.#display?.show("phase", phase);
  }

  /** Shows how far the whole work is, above the phase. */
  whole(phase: Phase | undefined): void {
    if (phase !== undefined) this.#display?.show("whole", phase);
  }

  /** Shows no progress any more, until the next phase. */
  endProgress(): void {
    this.#display?.end();
  }

  /**
   * Prints the one JSON object of --json.
   *
   * @throws {OutputError} standard output cannot be written
   */
  json(text: string): void {
    this.#clear();
    writeResult(`${text}\n`);
  }

  /**
   * Asks for a yes, below a few lines that say what for. The end of the input is a no. Also with --quiet: who is asked must
   * see what.
   *
   * @throws {StoppedError} the signal came instead of an answer
   */
  async confirm(plan: readonly string[], question: string, signal: AbortSignal): Promise<boolean> {
    const ask = async () => {
      for (const line of plan) writeLog(`${printable(line)}\n`);
      writeLog(`${printable(question)} [y/N] `);
      const answer = new Uint8Array(80);
      let length: number | null = null;
      try {
        length = await unlessStopped(Deno.stdin.read(answer), signal);
      } finally {
        // The cursor still stands behind the question.
        if (length === null) writeLog("\n");
      }
      return /^y(es)?$/i.test(new TextDecoder().decode(answer.subarray(0, length ?? 0)).trim());
    };
    return await this.#withoutProgress(ask);
  }

  /** Asks for a secret, with echo off; where nobody is at a terminal, that is undefined. */
  async askHidden(question: string, signal: AbortSignal): Promise<string | undefined> {
    if (!this.canAsk) return undefined;
    return await this.#withoutProgress(() => readHidden(printable(question), writeLog, signal));
  }

  /** Ends the progress, if any is shown. */
  [Symbol.dispose](): void {
    this.#display?.end();
  }

  #withoutProgress<T>(ask: () => Promise<T>): Promise<T> {
    return this.#display === undefined ? ask() : this.#display.hiddenDuring(ask);
  }

  #say(level: LogLevel, line: string): void {
    if (this.#options.progress === "json") writeLog(formatLogLine(level, line.replace(/^warning: /, "")));
    else writeLog(`${printable(line)}\n`);
  }

  #clear(): void {
    this.#display?.clear();
  }
}

/**
 * Writes results to standard output; a reader that has gone (`| head`) is no reason to fail a run.
 *
 * @throws {OutputError} it cannot be written: the disk behind it is full
 */
export function writeResult(text: string): void {
  try {
    writeAll(Deno.stdout, text, Infinity);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw toOutputError("standard output", error);
  }
}

function makeDisplay({ progress = "auto", quiet, isDumb }: TerminalOptions): Display | NdjsonProgress | undefined {
  if (progress === "json") return new NdjsonProgress({ write: writeLog, now: () => performance.now() });
  return quiet || progress === "none" ? undefined : new Display(standardError(isDumb));
}

/** Standard error as a screen to draw on. */
function standardError(isDumb: boolean): Screen {
  return {
    isLive: Deno.stderr.isTerminal() && !isDumb,
    write: writeLog,
    columns() {
      try {
        return Deno.consoleSize().columns;
      } catch {
        // None of the streams is a terminal whose size is known.
        return 80;
      }
    },
    now: () => performance.now(),
    every(ms, call) {
      const timer = setInterval(call, ms);
      Deno.unrefTimer(timer);
      return () => clearInterval(timer);
    },
  };
}

/** How long a log that takes nothing is waited for. */
const LOG_PATIENCE_MS = 1000;

/** Writes to standard error. What cannot be written there is lost: losing the log must not stop the work. */
export function writeLog(text: string): void {
  try {
    writeAll(Deno.stderr, text, LOG_PATIENCE_MS);
  } catch { /* nobody is left to tell */ }
}

/** Writes a text whole. A stream that does not block says so when it is full, and is tried again until `patienceMs` are over. */
function writeAll(stream: Stream, text: string, patienceMs: number): void {
  const bytes = encoder.encode(text);
  const end = performance.now() + patienceMs;
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock) || performance.now() >= end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
