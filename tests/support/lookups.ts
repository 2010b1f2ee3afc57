/** Query plans, as EXPLAIN gives them, and whether they read Synapse's tables by their indexes. */
import { ok } from "node:assert/strict";

/** A node of a plan, of EXPLAIN (FORMAT JSON). */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly PlanNode[];
}

/** The tables that Synapse and we read by their indexes. */
export const TABLES: readonly string[] = [
  "state_groups",
  "state_group_edges",
  "state_groups_state",
  "state_groups_pending_deletion",
];

/** The first column of each index. */
const FIRST_COLUMNS: Readonly<Record<string, string>> = {
  state_groups_pkey: "id",
  state_groups_room_id_idx: "room_id",
  state_group_edges_unique_idx: "state_group",
  state_group_edges_prev_idx: "prev_state_group",
  state_groups_state_type_idx: "state_group",
  state_groups_pending_deletion_state_group: "state_group",
};

/**
 * Asserts that a plan looks up what it reads of Synapse's tables in an index: no table, and no index, is read from end to end.
 */
export function assertLooksUp(rows: readonly Record<string, unknown>[], what: string, tables = TABLES): void {
  const [root] = rows[0]!["QUERY PLAN"] as { Plan: PlanNode }[];
  const todo: PlanNode[] = [root!.Plan];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    todo.push(...node.Plans ?? []);
    const isScan = / Scan$/.test(node["Node Type"]) && node["Node Type"] !== "Bitmap Heap Scan";
    const isOfTable = tables.includes(node["Relation Name"] ?? "") || node["Node Type"] === "Bitmap Index Scan";
    if (!isScan || !isOfTable) continue;
    const index = node["Index Name"] ?? "";
    const column = FIRST_COLUMNS[index];
    ok(column !== undefined, `${what}: ${node["Node Type"]} ${index}: which is its first column?`);
    // A condition on a later column alone reads the index from end to end.
    const looksUp = new RegExp(`(^|[^\\w.])${column}\\b`).test(node["Index Cond"] ?? "");
    ok(looksUp, `${what}: ${node["Node Type"]} on ${node["Relation Name"]} ${index}\n${JSON.stringify(root, null, 1)}`);
  }
}
