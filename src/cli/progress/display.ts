/**
 * Shows how far the work is. On a terminal: a line for the phase, and one above it for the whole where there is one, redrawn
 * in place at most ten times and at least once a second while the event loop turns; work that does not let it turn reports so
 * often that the line is redrawn all the same. Elsewhere (a log, TERM=dumb): a plain line every 30 seconds. Knows neither the
 * stream nor the clock: both are handed in.
 */
import { createLogUpdate } from "log-update";
import { countRows, formatLine, formatPlain, type Measured } from "./line.ts";
import { Meter } from "./meter.ts";
import type { Phase } from "./phase.ts";

/** Where and when to draw. */
export interface Screen {
  /** Whether lines can be redrawn in place. */
  readonly isLive: boolean;
  write(text: string): void;
  /** How many columns there are now. */
  columns(): number;
  /** The time in milliseconds, by a clock that never goes back. */
  now(): number;
  /** Calls back at an interval in milliseconds; returns what ends that. */
  every(ms: number, call: () => void): () => void;
}

const REDRAW_MS = 100;
const TICK_MS = 1000;
const PLAIN_MS = 30_000;

/** The lines of a display: the whole work, and the phase that it is in. */
type Slot = "whole" | "phase";

/** One display of a run. */
export class Display implements Disposable {
  readonly #screen: Screen;
  readonly #update: ReturnType<typeof createLogUpdate>;
  #shown: Partial<Record<Slot, Measured>> = {};
  /** When it was last drawn or, where it is plain, said. */
  #drawnAt: number;
  /** What stands on the terminal now, and how wide that was then. */
  #drawn: readonly string[] = [];
  #drawnColumns = 0;
  #isHidden = false;
  #stop: (() => void) | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#drawnAt = screen.isLive ? -Infinity : screen.now();
    const stream = {
      isTTY: true,
      get columns() {
        return screen.columns();
      },
      rows: 24,
      write(text: string) {
        screen.write(text);
        return true;
      },
    };
    // The library asks for nothing else of a stream. It is not to hide the cursor, or a killed program would leave it so.
    this.#update = createLogUpdate(stream as unknown as NodeJS.WritableStream, { showCursor: true });
  }

  /** Shows a phase in a slot; undefined empties it. */
  show(slot: Slot, phase: Phase | undefined): void {
    const now = this.#screen.now();
    const before = this.#shown[slot];
    if (phase === undefined) {
      delete this.#shown[slot];
    } else {
      const isNew = before?.phase.name !== phase.name || (phase.done ?? 0) < (before.phase.done ?? 0);
      const { meter, startedAt } = isNew ? { meter: new Meter(), startedAt: now } : before;
      meter.note(now, phase.share, phase.done);
      this.#shown[slot] = { phase, meter, startedAt };
      this.#stop ??= this.#screen.every(TICK_MS, () => this.#draw());
    }
    if (now - this.#drawnAt >= (this.#screen.isLive ? REDRAW_MS : PLAIN_MS)) this.#draw();
  }

  /** Erases what is drawn, for other lines to be written; it comes back with the next change or second. */
  clear(): void {
    if (this.#drawn.length === 0) return;
    this.#eraseReflown(this.#screen.columns());
    this.#update.clear();
    this.#drawn = [];
  }

  /** Draws nothing until `work` is done: somebody is asked something. */
  async hiddenDuring<T>(work: () => Promise<T>): Promise<T> {
    this.clear();
    this.#isHidden = true;
    try {
      return await work();
    } finally {
      this.#isHidden = false;
    }
  }

  /** Ends the phase, or all: nothing is drawn until the next one. */
  end(): void {
    this.#shown = {};
    this.clear();
    this.#stop?.();
    this.#stop = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #draw(): void {
    const lines = [this.#shown.whole, this.#shown.phase].filter((shown) => shown !== undefined);
    if (this.#isHidden || lines.length === 0) return;
    const now = this.#screen.now();
    if (!this.#screen.isLive) {
      if (now - this.#drawnAt < PLAIN_MS) return;
      this.#screen.write(`${lines.map((line) => formatPlain(line, now)).join("; ")}\n`);
    } else {
      const columns = this.#screen.columns();
      this.#eraseReflown(columns);
      // A line that fills the last column makes some terminals begin another one.
      this.#drawn = lines.map((line) => formatLine(line, now, Math.max(1, columns - 1)));
      this.#drawnColumns = columns;
      this.#update(this.#drawn.join("\n"));
    }
    this.#drawnAt = now;
  }

  /**
   * A terminal that has become narrower has broken our lines in two, of which the library knows nothing: those beyond the lines
   * that it will erase are erased here.
   */
  #eraseReflown(columns: number): void {
    if (this.#drawn.length === 0 || columns >= this.#drawnColumns) return;
    const more = this.#drawn.reduce((sum, line) => sum + countRows(line, columns) - 1, 0);
    this.#screen.write("\x1b[A\x1b[2K".repeat(more));
    this.#drawnColumns = columns;
  }
}
