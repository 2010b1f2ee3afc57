import { ok, strictEqual } from "node:assert/strict";
import { guardEpilogue } from "../../../src/format/sql/guard.ts";
import { SKIP_KINDS, SKIP_WORDS } from "../../../src/format/sql/skips.ts";

Deno.test("every kind of skip has words of its own, which the SQL file prints with its count", () => {
  strictEqual(new Set(Object.values(SKIP_WORDS)).size, SKIP_KINDS.length);
  const sql = guardEpilogue(7);
  for (const kind of SKIP_KINDS) {
    ok(sql.includes(`current_setting('synapse_compress_state.${kind.replaceAll("-", "_")}')`), kind);
    ok(sql.includes(` ${SKIP_WORDS[kind]}'`), kind);
  }
});
