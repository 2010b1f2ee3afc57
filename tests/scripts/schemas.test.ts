import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { close } from "../../scripts/outputs.ts";
import { findStale } from "../../scripts/schemas.ts";
import { findJsonFault } from "../support/schemas.ts";

Deno.test("the schemas are as the types of the outputs have them", async () => {
  deepStrictEqual(await findStale(), [], "run `deno task schemas`");
});

Deno.test("findJsonFault() finds a name too many, one too few, and a wrong type, in every part", () => {
  const good = {
    schema_version: 1,
    error: { kind: "usage", message: "m", hint: null, exit_code: 2 },
  };
  strictEqual(findJsonFault(["--json"], JSON.stringify(good)), undefined);
  for (
    const [bad, fault] of [
      [{ ...good, schema_version: 2 }, /schema_version must be equal to constant/],
      [{ schema_version: 1 }, /must have required property 'error'/],
      [{ ...good, error: { ...good.error, exit_code: "2" } }, /exit_code must be number/],
      [{ ...good, error: { ...good.error, more: 1 } }, /must NOT have additional properties.*more/],
      [{ ...good, groups: 1 }, /^room\.json: .*required property/],
    ] as const
  ) match(findJsonFault(["--json"], JSON.stringify(bad))!, fault);
});

Deno.test("close() closes objects, and leaves a property that is called `properties` alone", () => {
  deepStrictEqual(close({ type: "object", properties: { properties: { type: "string" } } }), {
    type: "object",
    properties: { properties: { type: "string" } },
    additionalProperties: false,
  });
});
