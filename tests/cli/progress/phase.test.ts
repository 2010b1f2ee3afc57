import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { toPhase } from "../../../src/cli/progress/phase.ts";

Deno.test("toPhase() counts rows by the share of the groups, and groups by their number", () => {
  deepStrictEqual(toPhase({ kind: "loading", rows: 500, share: 0.25 }), {
    name: "reading rows",
    share: 0.25,
    unit: "row",
    done: 500,
  });
  deepStrictEqual(toPhase({ kind: "writing", done: 3, total: 12 }), {
    name: "writing changes",
    share: 0.25,
    unit: "state group",
    done: 3,
    total: 12,
  });
  strictEqual(toPhase({ kind: "marking", done: 0, total: 0 })?.share, 1);
});

Deno.test("toPhase() knows no share where how long it takes depends on what is found", () => {
  deepStrictEqual(toPhase({ kind: "computing", step: "arranging", share: undefined }), {
    name: "arranging chains",
    share: undefined,
  });
  deepStrictEqual(toPhase({ kind: "vacuuming" }), { name: "vacuuming the table" });
});

Deno.test("toPhase() has nothing for an event that is no phase", () => {
  strictEqual(toPhase({ kind: "verified" }), undefined);
  strictEqual(toPhase({ kind: "lock-busy", pauseMs: 50 }), undefined);
});
