import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatJson } from "../../src/format/json.ts";

Deno.test("formatJson() has names in snake_case at every depth, and values as they are", () => {
  strictEqual(
    formatJson({ roomId: "!aB:c", maxHopsAfter: 3, inner: [{ someName: null }], skip: undefined }),
    '{"room_id":"!aB:c","max_hops_after":3,"inner":[{"some_name":null}]}',
  );
});

Deno.test("formatJson() is one line that a terminal prints as it is, and reads back as the value", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
    const line = formatJson(texts.map((text) => text.toWellFormed()));
    deepStrictEqual(JSON.parse(line), texts.map((text) => text.toWellFormed()));
    // deno-lint-ignore no-control-regex
    return !/[\0-\x1f\x7f-\x9f\u2028-\u202e]/.test(line);
  }));
});
