import { strictEqual, throws } from "node:assert/strict";
import { elfBytes } from "../../../scripts/release/denort.ts";

Deno.test({
  name: "elfBytes() is where an executable ends, whatever stands behind it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // A program of the system, which nothing was appended to.
    const program = await Deno.readFile("/bin/true");
    strictEqual(elfBytes(program), program.length);
    const longer = new Uint8Array(program.length + 100);
    longer.set(program);
    strictEqual(elfBytes(longer), program.length);
  },
});

Deno.test("elfBytes() refuses what is no executable", () => {
  throws(() => elfBytes(new TextEncoder().encode("#!/bin/sh\nexit\n")), /not an ELF file/);
});
