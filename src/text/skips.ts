/** Skipped groups in words. */
import type { SkipCounts } from "../db/write/skips.ts";
import { formatCount } from "../format/numbers.ts";
import { SKIP_KINDS, SKIP_WORDS } from "../format/sql/skips.ts";

/** Such as "3 deleted by Synapse meanwhile, 1 marked for deletion by Synapse". */
export function describeSkips(counts: Readonly<SkipCounts>): string {
  return SKIP_KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${formatCount(counts[kind])} ${SKIP_WORDS[kind]}`)
    .join(", ");
}
