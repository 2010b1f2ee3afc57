import { deepStrictEqual, match } from "node:assert/strict";
import { makeManual } from "../../../scripts/release/manual.ts";

Deno.test("makeManual() has a page for both names, and what each shell completes with", async () => {
  const files = await makeManual();
  const named = Object.keys(files).map((place) => place.slice(place.lastIndexOf("/") + 1)).sort();
  deepStrictEqual(named, [
    "_synapse_compress_state",
    "synapse_auto_compressor",
    "synapse_auto_compressor.1",
    "synapse_compress_state",
    "synapse_compress_state.1",
    "synapse_compress_state.fish",
  ]);
  match(files["usr/share/man/man1/synapse_compress_state.1"]!, /^\.TH SYNAPSE_COMPRESS_STATE 1 /);
  match(files["usr/share/zsh/vendor-completions/_synapse_compress_state"]!, /^#compdef /);
});
