import { strictEqual } from "node:assert/strict";
import { pythonVersion } from "../../../scripts/release/wheels.ts";

Deno.test("pythonVersion() has pre-releases as PEP 440 does", () => {
  strictEqual(pythonVersion("1.2.3"), "1.2.3");
  strictEqual(pythonVersion("1.2.0-rc.1"), "1.2.0rc1");
  strictEqual(pythonVersion("1.2.0-beta.2"), "1.2.0b2");
});
