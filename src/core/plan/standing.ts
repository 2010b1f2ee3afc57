/**
 * Chunk after chunk: where the chains that stand in the database have their levels, and which levels to save after a
 * chunk. The saved levels are the Rust auto compressor's (state_saving.rs), so that either program goes on where the other
 * ended; what they do not say, of other branches than the last group's, is guessed from the hops. O(groups).
 */
import { countHops, type DeltaForest, isRewritable, NONE } from "../forest/forest.ts";
import type { Level } from "./levels.ts";
import type { Plan } from "./plan.ts";

/**
 * The level on which each context group stands, by the saved levels: a level's head is put on that level, and so, or
 * higher, was all that it builds on.
 *
 * @param levels with group indices as heads
 * @returns standing[g]: 0 for the lowest level, also where nothing is known
 */
export function findStanding(forest: DeltaForest, levels: readonly Level[]): Uint8Array {
  const standing = new Uint8Array(forest.size);
  for (let i = 1; i < levels.length; i++) {
    let g = levels[i]!.head;
    while (g !== NONE && forest.isLeftOut[g] === 0 && standing[g]! < i) {
      standing[g] = i;
      g = forest.predecessor[g]!;
    }
  }
  return standing;
}

/**
 * The levels to go on from after a chunk, as the Rust tool would: the heads are the last group and, under it, the last
 * group of each higher level, chosen so that going on from them keeps the bound, the sum of the sizes.
 *
 * @param sizes the levels' sizes, lowest first
 * @returns levels with group indices as heads; fresh ones where no group is fit to be built on
 */
export function deriveLevels(
  forest: DeltaForest,
  { predecessor, level: put }: Pick<Plan, "predecessor" | "level">,
  sizes: readonly number[],
): Level[] {
  let head = forest.size - 1;
  while (head >= 0 && !isRewritable(forest, head)) head--;
  if (head < 0) return sizes.map((maxLength) => ({ maxLength, length: 0, head: NONE }));
  const hops = countHops(predecessor);
  const heads: number[] = [];
  for (let i = 0, g = head; i < sizes.length; i++) {
    const bound = sizes.slice(i).reduce((a, b) => a + b, 0);
    const fits = (g: number) => hops[g]! <= bound && (put?.[g] ?? 0) >= i && forest.isPending[g] === 0;
    while (i > 0 && predecessor[g] !== NONE && !fits(g)) g = predecessor[g]!;
    heads.push(g);
  }
  return sizes.map((maxLength, i) => {
    const under = heads[i + 1];
    if (forest.isPending[heads[i]!] === 1) return { maxLength, length: 0, head: NONE };
    const length = hops[heads[i]!]! - (under === undefined ? 0 : hops[under]!);
    return { maxLength, length: Math.min(maxLength, length), head: heads[i]! };
  });
}
