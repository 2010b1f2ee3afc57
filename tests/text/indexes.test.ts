import { strictEqual } from "node:assert/strict";
import { formatIndexFault } from "../../src/text/indexes.ts";

const FAULT = {
  kind: "missing",
  table: "state_groups_state",
  columns: ["state_group", "type"],
  tableBytes: 3 * 1024 ** 3,
  isForWriting: true,
  statement: "CREATE INDEX CONCURRENTLY x;",
} as const;

Deno.test("formatIndexFault() says what is wrong, what it costs, and what to run", () => {
  strictEqual(
    formatIndexFault(FAULT),
    "the index on state_groups_state (state_group, type) is missing: this program and Synapse read the whole table " +
      "(3.0 GiB) for every look-up. To create it while Synapse runs: CREATE INDEX CONCURRENTLY x;",
  );
  strictEqual(
    formatIndexFault({ ...FAULT, kind: "invalid", statement: "REINDEX INDEX CONCURRENTLY x;" }),
    "the index on state_groups_state (state_group, type) is INVALID: this program and Synapse read the whole table " +
      "(3.0 GiB) for every look-up. To rebuild it while Synapse runs: REINDEX INDEX CONCURRENTLY x;",
  );
});
