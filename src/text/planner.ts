/** What to say of a planner that is far off. Knows words and figures only. */
import type { PlannerFault } from "../db/read/planner.ts";

/** A warning: what is wrong, what it costs, and the statement that fixes it. */
export function formatPlannerFault({ expectedRows, rows, statement }: PlannerFault): string {
  return `PostgreSQL expects ${
    expectedRows.toFixed(0)
  } rows in a state group, as Synapse once told it, and there are ` +
    `${rows.toFixed(1)}: some of Synapse's reads may walk the whole index. To tell it while Synapse runs: ${statement}`;
}
