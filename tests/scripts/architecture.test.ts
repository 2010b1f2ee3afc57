import { deepStrictEqual } from "node:assert/strict";
import { RANKS } from "../../scripts/layers.ts";

Deno.test("ARCHITECTURE.md draws every rank, in its order", async () => {
  const text = await Deno.readTextFile(new URL("../../.github/ARCHITECTURE.md", import.meta.url));
  const drawn = [...text.matchAll(/^ {4}((?:src|main)\S+) +\S/gm)].map((match) => match[1]);
  deepStrictEqual(drawn, [...RANKS]);
});
