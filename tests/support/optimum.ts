/** The least that any plan of a small room comes to, by trying all of them: how far from it the searches end. */
import { ok } from "node:assert/strict";
import { type DeltaForest, NONE } from "../../src/core/forest/forest.ts";
import { NO_FIT } from "../../src/core/forest/states.ts";
import { type Chains, countReaders, READ_COST } from "../../src/core/plan/cost.ts";
import { REWRITE_ROWS } from "../../src/core/plan/placed.ts";
import { build, randomRoom } from "./forest.ts";

/** A plan that a search found for a room, and what it was to minimize. */
interface Found {
  readonly room: DeltaForest;
  /** λ */
  readonly rate: number;
  readonly newestWeight: number;
  readonly plan: Chains;
}

/** Every group of a room that is put somewhere costs so much: rows, its rewrite, and rate × weight × hops and rows on its path. */
class Objective {
  readonly #found: Omit<Found, "plan">;
  readonly #hops: Int32Array;
  readonly #pathRows: Int32Array;
  readonly #newest: Float64Array;

  constructor(found: Omit<Found, "plan">) {
    const { room } = this.#found = found;
    this.#hops = new Int32Array(room.size);
    this.#pathRows = new Int32Array(room.size);
    this.#newest = countReaders(room).newest;
  }

  /** Puts g on a base that is in its place already, and returns what that costs. */
  put(g: number, base: number, rows: number): number {
    const { room, rate, newestWeight } = this.#found;
    this.#hops[g] = base === NONE ? 0 : this.#hops[base]! + 1;
    this.#pathRows[g] = rows + (base === NONE ? 0 : this.#pathRows[base]!);
    const isKept = base === room.predecessor[g] && rows === room.rowCount[g];
    const readMs = (READ_COST.hopUs * this.#hops[g]! + READ_COST.rowUs * this.#pathRows[g]!) / 1000;
    return rows + (isKept ? 0 : REWRITE_ROWS) + rate * (1 + (newestWeight - 1) * this.#newest[g]!) * readMs;
  }
}

/** What a plan comes to. */
function sumOf(found: Found): number {
  const objective = new Objective(found);
  let sum = 0;
  for (let g = 0; g < found.room.size; g++) {
    sum += objective.put(g, found.plan.predecessor[g]!, found.plan.rowCount[g]!);
  }
  return sum;
}

/** The least of all plans there are: every group on every group before it that fits. Branch and bound. */
function optimum(found: Omit<Found, "plan">): number {
  const { room } = found;
  const { size, states, state } = room;
  const objective = new Objective(found);
  let best = Infinity;
  const place = (g: number, sum: number): void => {
    if (sum >= best) return;
    if (g === size) {
      best = sum;
      return;
    }
    for (let base = NONE; base < g; base++) {
      const isKept = base === room.predecessor[g];
      const size = base === NONE ? states.keyCount(state[g]!) : states.deltaSize(state[base]!, state[g]!);
      // What stands may hold needless rows: left as it is, it still does.
      for (const rows of isKept ? [room.rowCount[g]!, size] : [size]) {
        if (rows !== NO_FIT) place(g + 1, sum + objective.put(g, base, rows));
      }
    }
  };
  place(0, 0);
  return best;
}

/**
 * Searches random rooms of eight groups, and compares what is found with the optimum.
 *
 * @returns how much more all plans come to than all optima, as a share, and that in words
 */
export function distances(rooms: number, search: (room: DeltaForest) => Found): { mean: number; text: string } {
  let [ours, least, worst, exact] = [0, 0, 0, 0];
  for (let seed = 0; seed < rooms; seed++) {
    const found = search(build(randomRoom(seed, 8)));
    const mine = sumOf(found);
    const best = optimum(found);
    ok(mine >= best - 1e-6, `seed ${seed}: ${mine} is below the optimum ${best}: one of the two is wrong`);
    ours += mine;
    least += best;
    worst = Math.max(worst, mine / best - 1);
    if (mine < best + 1e-6) exact++;
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const mean = ours / least - 1;
  return { mean, text: `${percent(mean)} above the optimum, at worst ${percent(worst)}; ${exact} of ${rooms} exact` };
}
