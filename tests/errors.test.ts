import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import * as errors from "../src/errors.ts";
import { CompressorError, MismatchError, StoppedError, UsageError } from "../src/errors.ts";

Deno.test("each error class has its own name, which --json and SCS_DEBUG show", () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith("Error") && name !== "firstError");
  ok(classes.length > 5);
  for (const [name, Class] of classes) {
    const details = { exitCode: 130, groupId: 1 };
    const error = new (Class as new (message: string, details: object) => CompressorError)("no", details);
    strictEqual(error.name, name);
    ok(error instanceof CompressorError && error instanceof Error);
  }
});

Deno.test("the exit code of an error is its class's", () => {
  deepStrictEqual([
    new CompressorError("a").exitCode,
    new UsageError("a").exitCode,
    new MismatchError("a", { groupId: 7 }).exitCode,
    new StoppedError("a", { exitCode: 143 }).exitCode,
  ], [1, 2, 3, 143]);
});

Deno.test("a cause is there only where one was given", () => {
  const cause = new Error("socket");
  strictEqual(new CompressorError("a", { cause, hint: "b", code: "57014" }).cause, cause);
  strictEqual("cause" in new CompressorError("a"), false);
});

Deno.test("StoppedError.by() is the signal's own reason, unless there is something to report", () => {
  const reason = new StoppedError("Stopped by SIGTERM", { exitCode: 143 });
  const signal = AbortSignal.abort(reason);
  strictEqual(StoppedError.by(signal), reason);
  const told = StoppedError.by(signal, { rows: 3 });
  notStrictEqual(told, reason);
  deepStrictEqual([told.message, told.exitCode, told.report, told.cause], [
    "Stopped by SIGTERM",
    143,
    { rows: 3 },
    reason,
  ]);
  // A caller of the library aborts with whatever it likes.
  const plain = StoppedError.by(AbortSignal.abort("enough"));
  deepStrictEqual([plain.message, plain.exitCode, plain.cause], ["Stopped", 130, "enough"]);
});
