import { strictEqual } from "node:assert/strict";
import { formatPlannerFault } from "../../src/text/planner.ts";

Deno.test("formatPlannerFault() says what is wrong, what it costs, and what to run", () => {
  strictEqual(
    formatPlannerFault({ expectedRows: 50.0000011, rows: 2.04, statement: "ALTER TABLE x;" }),
    "PostgreSQL expects 50 rows in a state group, as Synapse once told it, and there are 2.0: some of Synapse's reads may " +
      "walk the whole index. To tell it while Synapse runs: ALTER TABLE x;",
  );
});
