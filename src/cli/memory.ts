/**
 * The most resident memory of this process. Linux keeps the figure in /proc/self/status, which Deno reads only with every
 * permission, so it is sampled instead: four times a second, and at the moments that a run names.
 */
export class PeakMemory implements Disposable {
  #bytes = 0;
  readonly #timer = setInterval(() => this.sample(), 250);

  constructor() {
    Deno.unrefTimer(this.#timer);
    this.sample();
  }

  /** The most bytes seen so far. */
  get bytes(): number {
    this.sample();
    return this.#bytes;
  }

  /** Looks now. */
  sample(): void {
    this.#bytes = Math.max(this.#bytes, Deno.memoryUsage().rss);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
