/** What to say of indexes that are missing. Knows words and figures only. */
import type { IndexFault } from "../db/read/indexes.ts";
import { formatBytes } from "../format/numbers.ts";

/** A warning: what is wrong, what it costs, and the statement that fixes it. */
export function formatIndexFault({ kind, table, columns, tableBytes, statement }: IndexFault): string {
  return `the index on ${table} (${columns.join(", ")}) is ${
    kind === "missing" ? "missing" : "INVALID"
  }: this program and Synapse read the whole table (${formatBytes(tableBytes)}) for every look-up. ` +
    `To ${kind === "missing" ? "create" : "rebuild"} it while Synapse runs: ${statement}`;
}
