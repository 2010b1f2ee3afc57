import { ok, strictEqual } from "node:assert/strict";
import { NONE } from "../../../src/core/forest/forest.ts";
import { Paths } from "../../../src/core/plan/paths.ts";
import { mulberry32 } from "../../../scripts/rooms.ts";

Deno.test("Paths finds the group at any distance under another, as steps one by one do", () => {
  let beyond = 0;
  for (let seed = 0; seed < 40; seed++) {
    const random = mulberry32(seed);
    // From one long chain to a bush of short ones: each group on one of the last few before it, or on none.
    const reach = 1 + seed % 8;
    const base = Int32Array.from({ length: 200 }, (_, g) => {
      return g === 0 || random() < 0.02 ? NONE : Math.max(0, g - 1 - Math.floor(random() * reach));
    });
    const paths = new Paths(base);
    for (let g = 0; g < base.length; g++) {
      let under = g;
      for (let hops = 0; hops < 210; hops++) {
        strictEqual(paths.under(g, hops), under, `seed ${seed}: ${hops} hops under ${g}`);
        if (under === NONE) beyond++;
        else under = base[under]!;
      }
    }
  }
  ok(beyond > 0);
});

Deno.test("Paths takes chains of no groups, and of groups on nothing", () => {
  new Paths(new Int32Array(0));
  const paths = new Paths(new Int32Array(3).fill(NONE));
  strictEqual(paths.under(2, 0), 2);
  strictEqual(paths.under(2, 1), NONE);
});
