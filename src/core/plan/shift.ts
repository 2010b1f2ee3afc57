/**
 * A head's move along its branch: it goes back to its natural base, and a group before or after it takes its place. Moves of
 * one group at a time cannot do that, since either half alone is a loss. Costs the sizes of a few deltas.
 */
import { NONE } from "../forest/forest.ts";
import { NO_FIT } from "../forest/states.ts";
import { type PlacedGroups, REWRITE_ROWS } from "./placed.ts";

/** How far along the branch is looked. */
const REACH = 40;
/** At distances that grow by this factor. */
const STRIDE = 1.5;

/**
 * Moves the head g along its branch, if that is better.
 *
 * @returns whether it was moved
 */
export function shiftHead(plan: PlacedGroups, g: number, lambda: number): boolean {
  plan.tell();
  const head = plan.predecessor[g]!;
  const natural = plan.natural.base[g]!;
  const { isPending } = plan.forest;
  if (natural === NONE || natural === head || isPending[natural] === 1 || isPending[head] === 1) return false;
  const rows = plan.natural.rows[g]!;
  let best = REWRITE_ROWS;
  let successor = NONE;
  let successorRows = 0;
  const { state } = plan.forest;
  const [hop, row] = [lambda * plan.hopMs, lambda * plan.rowMs];
  const [hops, path, weight, need] = [plan.hops, plan.pathRows, plan.weight, plan.need];
  // Bigger deltas than this are no gain.
  const limit = plan.rowCount[g]! * 2 + 8;
  const delta = (x: number) => plan.deltas.size(state[head]!, state[x]!, limit);
  // A later group: the heaviest children of g, of that, and so on, at growing distances.
  if (hops[natural]! + 1 + need[g]! <= plan.maxHops) {
    const [hopsOver, pathOver] = [hops[natural]! + 1 - hops[g]!, path[natural]! + rows - path[g]!];
    const away = rows - plan.rowCount[g]! + weight[g]! * (hop * hopsOver + row * pathOver);
    let step = 1;
    for (let x = heaviestChild(plan, g), i = 1; x !== NONE && i <= REACH; x = heaviestChild(plan, x), i++) {
      if (i < step || plan.isMovable[x] === 0) continue;
      step = Math.max(step + 1, Math.floor(step * STRIDE));
      const gain = (size: number) =>
        -(away + size - plan.rowCount[x]! +
          weight[x]! *
            (hop * (hops[head]! + 1 - hops[x]! - hopsOver) + row * (path[head]! + size - path[x]! - pathOver)));
      if (gain(plan.natural.rows[x]!) <= best) continue;
      const size = delta(x);
      if (size === NO_FIT || size > limit) continue;
      if (gain(size) > best) [best, successor, successorRows] = [gain(size), x, size];
    }
  }
  // An earlier one, under which g would come to stand.
  let step = 1;
  for (let x = natural, i = 1; x !== NONE && x > head && i <= REACH; x = plan.predecessor[x]!, i++) {
    if (i < step || plan.isMovable[x] === 0 || plan.predecessor[x] === head) continue;
    step = Math.max(step + 1, Math.floor(step * STRIDE));
    if (hops[head]! + 1 + i + need[g]! > plan.maxHops || hops[head]! + 1 + need[x]! > plan.maxHops) continue;
    const gain = (size: number) => {
      const [hopsOver, pathOver] = [hops[head]! + 1 - hops[x]!, path[head]! + size - path[x]!];
      return -(size - plan.rowCount[x]! + weight[x]! * (hop * hopsOver + row * pathOver) + rows - plan.rowCount[g]! +
        weight[g]! *
          (hop * (hops[natural]! + hopsOver + 1 - hops[g]!) + row * (path[natural]! + pathOver + rows - path[g]!)));
    };
    if (gain(plan.natural.rows[x]!) <= best) continue;
    const size = delta(x);
    if (size === NO_FIT || size > limit) continue;
    if (gain(size) > best) [best, successor, successorRows] = [gain(size), x, size];
  }
  if (successor === NONE) return false;
  if (successor < g) {
    plan.move(successor, head, successorRows);
    plan.move(g, natural, rows);
  } else {
    plan.move(g, natural, rows);
    plan.move(successor, head, successorRows);
  }
  return true;
}

/** The child of g by way of which most is read. */
function heaviestChild(plan: PlacedGroups, g: number): number {
  let heaviest = NONE;
  for (let child = plan.child[g]!, i = 0; child !== NONE && i < 64; child = plan.next[child]!, i++) {
    if (heaviest === NONE || plan.weight[child]! > plan.weight[heaviest]!) heaviest = child;
  }
  return heaviest;
}
