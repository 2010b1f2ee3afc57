import { strictEqual, throws } from "node:assert/strict";
import { formatSum } from "../../../scripts/release/image.ts";

Deno.test("formatSum() writes a registry's digest as sha256sum does, and takes nothing else", () => {
  const sum = "0123456789abcdef".repeat(4);
  strictEqual(formatSum(`sha256:${sum}\n`, "ghcr.io/o/n:1.0.0"), `${sum}  ghcr.io/o/n:1.0.0\n`);
  throws(() => formatSum("", "ghcr.io/o/n:1.0.0"), /Cannot attest ghcr\.io/);
  throws(() => formatSum(`sha256:${sum.slice(1)}`, "n"), /Cannot attest/);
});
