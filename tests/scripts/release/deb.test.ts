import { match, strictEqual } from "node:assert/strict";
import { atHome } from "../../../scripts/release/deb.ts";

Deno.test("atHome() makes the units start the executable where the package has it", async () => {
  for (const name of ["synapse-state-compressor.service", "synapse-state-compressor-once.service"]) {
    const unit = await Deno.readTextFile(new URL(`../../../scripts/systemd/${name}`, import.meta.url));
    const packed = atHome(unit);
    match(packed, /^ExecStart=\/usr\/bin\/synapse_compress_state run /m);
    strictEqual(/local|Copy this file/.test(packed.replaceAll("localhost", "")), false);
  }
});
