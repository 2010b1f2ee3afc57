import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { compress } from "../../../src/core/plan/compress.ts";
import { countHops, NONE } from "../../../src/core/forest/forest.ts";
import { makeLevels, pushLevels } from "../../../src/core/plan/levels.ts";
import { deriveLevels, findStanding } from "../../../src/core/plan/standing.ts";
import { anyLevels, anyRoom, build, forest } from "../../support/forest.ts";

Deno.test("findStanding() puts a head and all that it builds on on the head's level", () => {
  const drawn = forest("1 <- 2 <- 3 <- 4, 3 <- 5");
  const at = (id: number) => drawn.indexOf(id);
  const levels = makeLevels([2, 2, 2]);
  levels[0]!.head = at(5);
  levels[1]!.head = at(3);
  levels[2]!.head = at(1);
  deepStrictEqual([...findStanding(drawn, levels)], [2, 1, 1, 0, 0]);
});

Deno.test("deriveLevels() of a chain that is in no level begins at the last group and its snapshot", () => {
  const drawn = forest("1 <- 2 <- 3");
  const levels = deriveLevels(drawn, { predecessor: drawn.predecessor }, [2, 2]);
  deepStrictEqual(levels, [{ maxLength: 2, length: 2, head: 2 }, { maxLength: 2, length: 0, head: 0 }]);
});

Deno.test("deriveLevels() returns levels from which the Rust tool's rule keeps the bound", () => {
  fc.assert(
    fc.property(anyRoom({ maxGroups: 60, pending: true }), anyLevels(), (room, sizes) => {
      const made = build(room);
      const compression = compress(made, { levels: sizes });
      const levels = deriveLevels(made, compression, sizes);
      const hops = [...countHops(compression.predecessor)];
      const bound = sizes.reduce((a, b) => a + b, 0);
      for (const level of levels) {
        ok(level.length >= 0 && level.length <= level.maxLength);
        ok(level.head !== NONE || level.length === 0);
      }
      // Standing chains may be longer than the bound where compressing saves nothing; then no more is promised than heads within.
      if (levels[0]!.head !== NONE && hops[levels[0]!.head]! > bound) return;
      for (let i = 0; i < 3 * bound + 3; i++) {
        const base = pushLevels(levels, hops.length);
        hops.push(base === NONE ? 0 : hops[base]! + 1);
        ok(hops.at(-1)! <= bound, `${hops.at(-1)} hops, ${bound} allowed`);
      }
    }),
  );
});
