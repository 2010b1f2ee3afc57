import { match, strictEqual } from "node:assert/strict";
import { formatPage } from "../../../scripts/release/manual.ts";

const SOURCE = { version: "1.2.3", commit: "", epoch: 1_700_000_000, repository: "a/b" };

Deno.test("formatPage() shows help texts as they are, whatever troff would make of them", () => {
  const page = formatPage(SOURCE, [["", "Usage: x -p\n.hidden 'quoted' \\back ~/.pgpass"], ["auto", "Auto."]]);
  match(page, /^\.TH SYNAPSE_COMPRESS_STATE 1 "2023-11-14" "synapse_compress_state 1\.2\.3"\n/);
  match(page, /^\.SH ONE ROOM\n\.nf\nUsage: x \\-p\n\\&\.hidden \\\(aqquoted\\\(aq \\eback \\\(ti\/\.pgpass\n\.fi$/m);
  match(page, /^\.SH AUTO\n\.nf\nAuto\.\n\.fi$/m);
  strictEqual(page.endsWith("\n"), true);
});
