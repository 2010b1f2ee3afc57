/** What is worth reclaiming: more than a tenth of the table's file, or a fifth of an index; and what would be in vain. */
import type { Blockers } from "../db/read/blockers.ts";
import type { IndexSize, TableSizes } from "../db/read/sizes.ts";
import { CompressorError } from "../errors.ts";

/** More of the file than this over the ideal is worth another round. */
const SLACK = 0.1;
/** An index this much bigger than a fresh one, or this many bytes, is built anew. */
const INDEX_BLOAT = { share: 1.2, bytes: 1 << 20 };

/** Whether the file is so much bigger than it need be that moving rows pays. */
export function isWorthMoving({ pages, idealPages }: Pick<TableSizes, "pages" | "idealPages">): boolean {
  return pages > Math.ceil(idealPages * (1 + SLACK)) && pages - idealPages >= 4;
}

/** Whether building an index anew gives enough back. */
export function isBloated({ bytes, idealBytes }: IndexSize): boolean {
  return idealBytes !== undefined && bytes > idealBytes * INDEX_BLOAT.share && bytes - idealBytes >= INDEX_BLOAT.bytes;
}

/**
 * Refuses a table whose file VACUUM never cuts: moving its rows would be in vain.
 *
 * @throws {CompressorError} vacuum_truncate is off
 */
export function checkCut({ truncateOff }: Pick<Blockers, "truncateOff">): void {
  if (truncateOff === undefined) return;
  const isTable = truncateOff === "table";
  throw new CompressorError(
    `Cannot reclaim space: vacuum_truncate is off for ${isTable ? "state_groups_state" : "the server"}, ` +
      "so VACUUM never cuts the file",
    {
      hint: isTable
        ? "Unless something relies on it, such as queries on a standby: ALTER TABLE state_groups_state RESET (vacuum_truncate);"
        : "Unless something relies on it: ALTER TABLE state_groups_state SET (vacuum_truncate = on);",
    },
  );
}
