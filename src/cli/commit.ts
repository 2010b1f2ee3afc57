/**
 * The commit that the program was built from. In the source it is unknown; `scripts/release/bundle.ts` puts a file of the same
 * form in this one's place, so that every executable and package says what it was made from.
 */
export const COMMIT: string = "";
