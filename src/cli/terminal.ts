/**
 * What a run prints and where: results on standard output, everything else on standard error. Knows whether standard
 * output is taken (by --json or `-o -`), whether to be quiet, and whether somebody is watching: only then is there a
 * progress line, redrawn at most ten times a second. Every line passes `printable`, since most lines quote what others chose.
 */

import { printable } from "../format/text.ts";
import { toOutputError } from "./causes.ts";
import { readHidden } from "./hidden.ts";

/** Where lines go. */
export interface TerminalOptions {
  /** Errors only, or with `keepsResults` results as well. */
  readonly quiet: boolean;
  readonly keepsResults: boolean;
  /** Standard output belongs to --json or to the SQL: result lines go to standard error. */
  readonly stdoutIsTaken: boolean;
}

/** A stream that is written synchronously. */
type Stream = Pick<typeof Deno.stdout, "writeSync">;

const encoder = new TextEncoder();
const REDRAW_MS = 100;

/** Prints a run's lines. */
export class Terminal implements Disposable {
  readonly #options: TerminalOptions;
  readonly #watched = Deno.stderr.isTerminal();
  #drawnAt = 0;
  #drawn = false;

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /**
   * Prints a line that is a result.
   *
   * @throws {OutputError} standard output cannot be written
   */
  result(line: string): void {
    if (this.#options.quiet && !this.#options.keepsResults) return;
    this.#clear();
    if (this.#options.stdoutIsTaken) writeLog(`${printable(line)}\n`);
    else writeResult(`${printable(line)}\n`);
  }

  /** Prints a line about the work. */
  log(line: string): void {
    if (this.#options.quiet) return;
    this.#clear();
    writeLog(`${printable(line)}\n`);
  }

  /** Redraws the progress line, where somebody is watching. */
  progress(line: string): void {
    if (this.#options.quiet || !this.#watched) return;
    const now = performance.now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#drawn = true;
    writeLog(`\r\x1b[K${printable(line)}`);
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

  /** Asks for a yes; where nobody can answer, since standard input is no terminal, that is a no. */
  async confirm(question: string): Promise<boolean> {
    if (!Deno.stdin.isTerminal()) return false;
    this.#clear();
    writeLog(`${printable(question)} [y/N] `);
    const answer = new Uint8Array(80);
    const length = await Deno.stdin.read(answer) ?? 0;
    return /^y(es)?$/i.test(new TextDecoder().decode(answer.subarray(0, length)).trim());
  }

  /** Asks for a secret, with echo off; where nobody is at a terminal, that is undefined. */
  async askHidden(question: string, signal: AbortSignal): Promise<string | undefined> {
    if (!Deno.stdin.isTerminal() || !this.#watched) return undefined;
    this.#clear();
    return await readHidden(printable(question), writeLog, signal);
  }

  /** Ends the progress line, if one is drawn. */
  [Symbol.dispose](): void {
    this.#clear();
  }

  #clear(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    writeLog("\r\x1b[K");
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
