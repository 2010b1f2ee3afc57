import { strictEqual } from "node:assert/strict";
import { noSkips } from "../../src/db/write/skips.ts";
import { describeSkips } from "../../src/text/skips.ts";

Deno.test("describeSkips() names the kinds that there are, each with its count", () => {
  strictEqual(
    describeSkips({ ...noSkips(), gone: 1234, marked: 1 }),
    "1,234 deleted by Synapse meanwhile, 1 marked for deletion by Synapse",
  );
  strictEqual(describeSkips(noSkips()), "");
});
