import { ok } from "node:assert/strict";
import { PeakMemory } from "../../src/cli/memory.ts";

Deno.test("PeakMemory remembers the most that it saw, and lets the process end", () => {
  using memory = new PeakMemory();
  const before = memory.bytes;
  ok(before > 10_000_000, `${before} bytes`);
  const block = new Uint8Array(200_000_000).fill(1);
  memory.sample();
  ok(memory.bytes >= before + block.length / 2, `${memory.bytes} after ${before}`);
});
