/**
 * How fast something goes, and how long it will take: by what was done in the last ten seconds, so that a change of pace shows
 * soon. Knows no clock: the time is told. Memory is bounded: a few dozen samples.
 */

/** Older samples do not count. */
const WINDOW_MS = 10_000;
/** From so little time no rate is told. */
const LEAST_MS = 1000;
/** No two samples are closer. */
const SPACING_MS = 250;

interface Sample {
  readonly ms: number;
  readonly share: number | undefined;
  readonly done: number | undefined;
}

/** Watches one phase. */
export class Meter {
  #samples: Sample[] = [];
  #last: Sample | undefined;

  /** Notes how far the phase is at a time, in milliseconds by any clock: a share from 0 to 1, and a count. */
  note(ms: number, share: number | undefined, done: number | undefined): void {
    this.#last = { ms, share, done };
    const newest = this.#samples.at(-1);
    if (newest !== undefined && ms - newest.ms < SPACING_MS) return;
    this.#samples.push(this.#last);
    while (this.#samples.length > 2 && ms - this.#samples[0]!.ms > WINDOW_MS) this.#samples.shift();
  }

  /** How many are done each second; undefined while it is too early to tell. */
  perSecond(): number | undefined {
    return this.#slope(({ done }) => done, this.#last?.ms ?? 0);
  }

  /** How long the rest will take from `ms` on, in milliseconds; undefined where that cannot be told. */
  leftMs(ms: number): number | undefined {
    const share = this.#last?.share;
    const perSecond = this.#slope((sample) => sample.share, ms);
    if (share === undefined || perSecond === undefined || perSecond <= 0) return undefined;
    return Math.max(0, (1 - share) / perSecond * 1000 - (ms - this.#last!.ms));
  }

  #slope(of: (sample: Sample) => number | undefined, ms: number): number | undefined {
    const first = this.#samples[0];
    if (first === undefined || ms - first.ms < LEAST_MS) return undefined;
    const [from, to] = [of(first), of(this.#last!)];
    const tookMs = this.#last!.ms - first.ms;
    return from === undefined || to === undefined || tookMs <= 0 ? undefined : (to - from) / tookMs * 1000;
  }
}
