/**
 * The frontier: how many rows a room needs for how fast its reads are, over the rate λ at which rows are given up for reads, and
 * where the room as it stands, the Rust tool's rule and the three settings lie. Some ten compressions: only for those who look.
 */
import { searchAt } from "./balance.ts";
import { compress } from "./compress.ts";
import { type Chains, countReaders, measureReads } from "./cost.ts";
import type { DeltaForest } from "../forest/forest.ts";
import { heightsAbove } from "../forest/outside.ts";
import { FEW_GROUPS, SYNAPSE_HOPS } from "./hang.ts";
import { findNaturalBases } from "./natural.ts";

/** A plan as a point. */
export interface FrontierPoint {
  /** What it is: as it stands, the Rust rule, a setting; or undefined for one of the search's at `rate`. */
  readonly name?: "now" | "levels" | "rows" | "balance" | "reads";
  /** λ: rows given up for each millisecond that a group's read gets faster. */
  readonly rate?: number;
  /** Rows of the forest's groups. */
  readonly rows: number;
  /** Mean modelled cost of a read in milliseconds, groups outside the forest included. */
  readonly readMs: number;
}

const RATES = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 4];
const FEW_RATES = [0.1, 0.4, 1.6];

/** Finds the points: the named ones first, then those of the search by rising rates. */
export function findFrontier(forest: DeltaForest): FrontierPoint[] {
  const readers = countReaders(forest);
  const heights = heightsAbove(forest.outside, forest.size);
  const point = (columns: Chains) => ({
    rows: columns.rowCount.reduce((sum, rows) => sum + rows, 0),
    readMs: measureReads(columns, readers).meanUs / 1000,
  });
  const natural = findNaturalBases(forest);
  const rates = forest.size <= FEW_GROUPS ? RATES : FEW_RATES;
  // Each is measured before the next is searched for, which takes its columns.
  const found = Array.from(searchAt(forest, natural, rates, { maxHops: SYNAPSE_HOPS, heights }), point);
  return [
    { name: "now", ...point(forest) },
    { name: "levels", ...point(compress(forest, { strategy: "levels" })) },
    { name: "rows", ...point(compress(forest, { prefer: "rows", heights })) },
    { name: "balance", ...point(compress(forest, { prefer: "balance", heights })) },
    { name: "reads", ...point(compress(forest, { prefer: "reads", heights })) },
    ...found.map((at, i) => ({ rate: rates[i]!, ...at })),
  ];
}
