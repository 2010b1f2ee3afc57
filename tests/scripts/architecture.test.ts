import { deepStrictEqual } from "node:assert/strict";
import { LAYERS } from "../../scripts/layers.ts";

Deno.test("ARCHITECTURE.md draws every layer, in its order", async () => {
  const text = await Deno.readTextFile(new URL("../../.github/ARCHITECTURE.md", import.meta.url));
  const drawn = [...text.matchAll(/^ {4}(\S+\.ts) +\S/gm)].map((match) => match[1]);
  deepStrictEqual(drawn, [...LAYERS]);
});
