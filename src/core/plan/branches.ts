/**
 * Our rule for bases. Every group is given its natural base, hung under the hop bound (hang.ts), and, unless the fewest rows are
 * wanted, moved where that makes reads cheaper for few rows (balance.ts). Never more rows than before, or nothing changes.
 */
import { type DeltaForest, NONE } from "../forest/forest.ts";
import { balance } from "./balance.ts";
import { hang, type Split, SYNAPSE_HOPS } from "./hang.ts";
import { DEFAULT_LEVELS } from "./levels.ts";
import { findNaturalBases } from "./natural.ts";
import { type CompressOptions, type Plan, preferenceOf } from "./plan.ts";

/**
 * Finds bases along branches.
 *
 * @throws {RangeError} maxHops or a level is not a whole number from 1 on
 */
export function compressBranches(forest: DeltaForest, options: CompressOptions): Plan {
  const { levels } = options;
  const prefer = preferenceOf(options);
  // Beyond Synapse's own bound a chain is worse than stock: the next group on it would be a snapshot.
  const most = prefer !== "rows" ? SYNAPSE_HOPS : levels !== undefined ? sum(levels) : Infinity;
  const wanted = options.maxHops ?? (prefer === "rows" ? sum(levels ?? DEFAULT_LEVELS) : SYNAPSE_HOPS);
  const maxHops = Math.min(wanted, most);
  if (!Number.isSafeInteger(maxHops) || maxHops < 1) throw new RangeError(`maxHops must be from 1 on, got ${maxHops}`);
  const natural = findNaturalBases(forest, options.onStep);
  if (prefer !== "rows") return toPlan(forest, balance(forest, natural, { ...options, maxHops, prefer }));
  const given = levels?.map((_, i) => Math.min(maxHops, sum(levels.slice(i))));
  const { hanging, split } = hang(forest, natural, maxHops, options, given);
  return toPlan(forest, { ...hanging, split });
}

/** Columns that may become a plan. */
export interface Draft {
  readonly predecessor: Int32Array;
  readonly rowCount: Int32Array;
  readonly level: Uint8Array | undefined;
  readonly split: Split;
}

function toPlan(forest: DeltaForest, { predecessor, rowCount, level, split }: Draft): Plan {
  const levels = split.map((limit, i) => ({ maxLength: limit - (split[i + 1] ?? 0), length: 0, head: NONE }));
  let total = 0;
  for (let g = 0; g < forest.size; g++) total += rowCount[g]!;
  if (total >= forest.totalRows) {
    const { predecessor, rowCount } = forest;
    return { predecessor, rowCount, resets: 0, resetRows: 0, groupsChanged: 0, levels };
  }
  let groupsChanged = 0;
  let resets = 0;
  let resetRows = 0;
  for (let g = 0; g < forest.size; g++) {
    if (predecessor[g] === forest.predecessor[g] && rowCount[g] === forest.rowCount[g]) continue;
    groupsChanged++;
    if (predecessor[g] !== NONE) continue;
    resets++;
    resetRows += rowCount[g]!;
  }
  return { predecessor, rowCount, resets, resetRows, groupsChanged, levels, level };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
