/**
 * Sums over a whole table from a random sample of its pages, with an honest error: rows of one room lie together, so pages,
 * not rows, are what was drawn (Cochran, Sampling Techniques, section 9A: a page is a cluster).
 */

/** A figure and half the width of its 95 % confidence interval; an error of 0 means that it was counted. */
export interface Figure {
  readonly value: number;
  readonly error: number;
}

/** Of a normal distribution, 95 % lies within this many standard deviations. */
const Z = 1.96;
/** About how many rows a full page has. */
const PAGE_ROWS = 60;

/**
 * How many pages were drawn. Those without a row are not seen: where there are fewer than chance explains, a table has many
 * such pages (rows were deleted), and as many as were to be drawn is the better guess.
 */
export function countDrawn(pages: number, chance: number, seen: number): number {
  const expected = pages * chance;
  return seen < expected - 4 * Math.sqrt(expected * (1 - chance)) ? Math.round(expected) : seen;
}

/** A sum over all pages from a simple random sample of them; `squares` is the sum of the pages' squared counts. */
export function estimate(pages: number, drawn: number, sum: number, squares: number): Figure {
  // Where no page of the sample has a row, 95 % is sure of no more than three in as many pages as were drawn.
  if (sum === 0) return { value: 0, error: Math.ceil(3 * pages / Math.max(1, drawn)) * PAGE_ROWS };
  if (drawn < 2) return { value: sum * pages / Math.max(1, drawn), error: sum * pages };
  const variance = Math.max(0, squares - sum * sum / drawn) / (drawn - 1);
  return {
    value: Math.round(pages * sum / drawn),
    error: Math.ceil(Z * pages * Math.sqrt(variance / drawn * (1 - drawn / pages))),
  };
}
