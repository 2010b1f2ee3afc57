/** What to say of indexes that are missing. Knows words and figures only. */
import { formatBytes } from "./numbers.ts";

/** An index that Synapse makes and the work needs, but that is not there, or not to be used. */
export interface IndexFault {
  /** `invalid`: it is there, but the server does not use it, since making it failed. */
  readonly kind: "missing" | "invalid";
  /** The table that lacks it. */
  readonly table: string;
  /** The columns that it is on, in their order. */
  readonly columns: readonly string[];
  /** What the table takes, without its indexes. */
  readonly tableBytes: number;
  /** Whether writing looks groups up by it. */
  readonly isForWriting: boolean;
  /** Makes it beside a running Synapse. */
  readonly statement: string;
}

/** A warning: what is wrong, what it costs, and the statement that fixes it. */
export function formatIndexFault({ kind, table, columns, tableBytes, statement }: IndexFault): string {
  return `the index on ${table} (${columns.join(", ")}) is ${
    kind === "missing" ? "missing" : "INVALID"
  }: this program and Synapse read the whole table (${formatBytes(tableBytes)}) for every look-up. ` +
    `To ${kind === "missing" ? "create" : "rebuild"} it while Synapse runs: ${statement}`;
}
