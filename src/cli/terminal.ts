/**
 * What a run prints and where: results on standard output, everything else on standard error. Knows whether standard
 * output is taken (by --json or `-o -`), whether to be quiet, and whether somebody is watching: only then is there a
 * progress line, redrawn at most ten times a second.
 */

import { printable } from "../format/text.ts";

/** Where lines go. */
export interface TerminalOptions {
  /** Errors only, or with `keepsResults` results as well. */
  readonly quiet: boolean;
  readonly keepsResults: boolean;
  /** Standard output belongs to --json or to the SQL: result lines go to standard error. */
  readonly stdoutIsTaken: boolean;
}

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

  /** Prints a line that is a result. */
  result(line: string): void {
    if (this.#options.quiet && !this.#options.keepsResults) return;
    this.#clear();
    writeAll(this.#options.stdoutIsTaken ? Deno.stderr : Deno.stdout, `${printable(line)}\n`);
  }

  /** Prints a line about the work. */
  log(line: string): void {
    if (this.#options.quiet) return;
    this.#clear();
    writeAll(Deno.stderr, `${printable(line)}\n`);
  }

  /** Redraws the progress line, where somebody is watching. */
  progress(line: string): void {
    if (this.#options.quiet || !this.#watched) return;
    const now = performance.now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#drawn = true;
    writeAll(Deno.stderr, `\r\x1b[K${printable(line)}`);
  }

  /** Prints the one JSON object of --json. */
  json(text: string): void {
    this.#clear();
    writeAll(Deno.stdout, `${text}\n`);
  }

  /** Asks for a yes; where nobody can answer, since standard input is no terminal, that is a no. */
  async confirm(question: string): Promise<boolean> {
    if (!Deno.stdin.isTerminal()) return false;
    this.#clear();
    writeAll(Deno.stderr, `${question} [y/N] `);
    const answer = new Uint8Array(80);
    const length = await Deno.stdin.read(answer) ?? 0;
    return /^y(es)?$/i.test(new TextDecoder().decode(answer.subarray(0, length)).trim());
  }

  /** Ends the progress line, if one is drawn. */
  [Symbol.dispose](): void {
    this.#clear();
  }

  #clear(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    writeAll(Deno.stderr, "\r\x1b[K");
  }
}

/** Writes a text whole; a reader that has gone (`| head`) is no reason to fail a run. */
export function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
