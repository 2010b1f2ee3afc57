/** The file of --log-file: a line each, with the time and the level, appended. Losing it must not stop the work. */

import { toOutputError } from "./causes.ts";
import { isWanted, type LogLevel } from "./progress/ndjson.ts";
import { printable } from "../format/text.ts";

/** A file that is open for a run. */
export class LogFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #least: LogLevel | undefined;

  /**
   * Opens it, and makes it where there is none.
   *
   * @throws {OutputError} it cannot be written
   */
  constructor(path: string, least?: LogLevel) {
    this.#least = least;
    try {
      this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o640 });
    } catch (error) {
      throw toOutputError(path, error);
    }
  }

  /** Appends a line, if its level is wanted. */
  write(level: LogLevel, message: string): void {
    if (!isWanted(level, this.#least)) return;
    this.append(`${new Date().toISOString()} ${level.toUpperCase()} ${printable(message)}\n`);
  }

  /** Appends a text as it is. */
  append(text: string): void {
    try {
      this.#file.writeSync(new TextEncoder().encode(text));
    } catch { /* a full disk: nobody can be told there */ }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
