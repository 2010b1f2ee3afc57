/** A line that is typed on the terminal without being shown. Knows the keys that edit it. */

import { StoppedError } from "../mod.ts";

/** The line as far as it is typed; the keys come as bytes, of which one character may be several. */
export class HiddenLine {
  readonly #bytes: number[] = [];
  /** What was typed, once Enter ended it; undefined where Ctrl-D ended an empty one. */
  result: { readonly text: string | undefined } | undefined;
  /** Whether Ctrl-C was typed, where the terminal does not make a signal of it. */
  isInterrupted = false;

  /** Takes keys. */
  type(keys: Uint8Array): void {
    // Arrows and the like begin with an escape, and come in one piece.
    if (keys[0] === 0x1b) return;
    for (const key of keys) {
      if (this.result !== undefined) return;
      if (key === 0x0d || key === 0x0a) this.#end();
      else if (key === 0x03) this.isInterrupted = true;
      else if (key === 0x04) this.#bytes.length === 0 ? this.result = { text: undefined } : this.#end();
      else if (key === 0x15) this.#bytes.length = 0;
      else if (key === 0x08 || key === 0x7f) this.#erase();
      else this.#bytes.push(key);
    }
  }

  #end(): void {
    this.result = { text: new TextDecoder().decode(Uint8Array.from(this.#bytes)) };
  }

  #erase(): void {
    // The bytes after a character's first one begin with the bits 10.
    while (((this.#bytes.pop() ?? 0) & 0xc0) === 0x80);
  }
}

/**
 * Asks for a line on the terminal with echo off, on every system; undefined where there is none to be had.
 *
 * @param write shows a text there
 * @throws {StoppedError} Ctrl-C was typed, or the signal came
 */
export async function readHidden(
  question: string,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const line = new HiddenLine();
  const keys = new Uint8Array(256);
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => stop = () => reject(StoppedError.by(signal)));
  signal.addEventListener("abort", stop, { once: true });
  // Where it can be, Ctrl-C stays a signal.
  Deno.stdin.setRaw(true, { cbreak: Deno.build.os !== "windows" });
  try {
    // Only now: what is typed right after it must not be seen.
    write(question);
    while (line.result === undefined) {
      const length = await Promise.race([Deno.stdin.read(keys), stopped]);
      if (length === null) return undefined;
      line.type(keys.subarray(0, length));
      if (line.isInterrupted) throw new StoppedError("Stopped by SIGINT", { exitCode: 130 });
    }
    return line.result.text;
  } finally {
    Deno.stdin.setRaw(false);
    signal.removeEventListener("abort", stop);
    write("\n");
  }
}
