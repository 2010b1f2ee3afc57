/** Forests of edges alone, as they stand and as they are to stand, for what depends on chains only. */
import fc from "fast-check";
import { type DeltaForest, ForestBuilder, NONE } from "../../src/core/forest/forest.ts";
import type { Rewrites } from "../../src/core/plan/compress.ts";

/** Two forests over the same groups, and groups outside that build on them. */
export interface TwoForests {
  readonly forest: DeltaForest;
  readonly rewrites: Rewrites;
  /** old[g], wanted[g]: predecessors, or NONE; the groups outside come after those of the forest, and are the same in both. */
  readonly old: readonly number[];
  readonly wanted: readonly number[];
}

/** Makes two forests from their columns; those past `size` are outside. */
export function twoForests(size: number, old: readonly number[], wanted: readonly number[]): TwoForests {
  const builder = new ForestBuilder("!room:test");
  for (let g = 0; g < size; g++) builder.addGroup(g);
  for (let g = 0; g < old.length; g++) {
    const base = old[g]!;
    if (g >= size) builder.addOutside(g, base === NONE ? undefined : base);
    else if (base !== NONE) builder.addEdge(g, base);
  }
  const group = Int32Array.from(old.keys()).filter((g) => g < size && old[g] !== wanted[g]);
  return {
    forest: builder.finish(),
    rewrites: {
      count: group.length,
      group,
      predecessor: group.map((g) => wanted[g]!),
      rowStart: new Int32Array(group.length + 1),
      key: new Int32Array(0),
      event: new Int32Array(0),
    },
    old,
    wanted,
  };
}

/** Any two forests. Chains are long, in both or in one, or there are many short ones. */
export function anyTwoForests(maxGroups = 60): fc.Arbitrary<TwoForests> {
  const dice = fc.record({
    oldBack: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 }), fc.constant(0), fc.nat(maxGroups)),
    newBack: fc.oneof(
      fc.constant(undefined),
      fc.constant(1),
      fc.integer({ min: 1, max: 6 }),
      fc.constant(0),
      fc.nat(maxGroups),
    ),
  });
  return fc.tuple(fc.array(dice, { minLength: 1, maxLength: maxGroups, size: "max" }), fc.nat(8)).map(
    ([dice, outside]) => {
      const size = Math.max(1, dice.length - outside);
      const at = (g: number, back: number) => back === 0 || back > g ? NONE : g - back;
      const old = dice.map(({ oldBack }, g) => at(g, oldBack));
      const wanted = dice.map(({ newBack }, g) => newBack === undefined || g >= size ? old[g]! : at(g, newBack));
      return twoForests(size, old, wanted);
    },
  );
}

/** Hops of every group, found by walking. */
export function walkHops(predecessor: readonly number[]): number[] {
  return predecessor.map((_, g) => {
    let hops = 0;
    for (let base = predecessor[g]!; base !== NONE; base = predecessor[base]!) hops++;
    return hops;
  });
}
