import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { describeFailure, formatFailure } from "../../src/cli/failures.ts";
import * as errors from "../../src/errors.ts";

/** Every class of error there is, made with whatever its constructor needs. */
function all(): errors.CompressorError[] {
  const isClass = (value: unknown): value is typeof errors.CompressorError =>
    typeof value === "function" && /^class\b/.test(String(value));
  return Object.values(errors).filter(isClass)
    .map((kind) => new kind("m", { exitCode: 143, groupId: 1 } as errors.ErrorDetails));
}

Deno.test("no error ends with 101, which an image that many use takes for `drop the tables`", () => {
  const known = all();
  ok(known.length >= 10, String(known.length));
  for (const error of known) {
    ok([1, 2, 3, 143].includes(error.exitCode), `${error.name}: ${error.exitCode}`);
    strictEqual(describeFailure(error, []).exitCode, error.exitCode);
  }
  strictEqual(describeFailure(new Error("m"), []).exitCode, 1);
});

Deno.test("describeFailure() names the kind of each error, and each has a kind of its own", () => {
  const kinds = all().map((error) => describeFailure(error, []).kind);
  strictEqual(new Set(kinds).size, kinds.length);
  ok(kinds.includes("usage") && kinds.includes("mismatch") && kinds.includes("failed"), kinds.join());
  strictEqual(describeFailure(new TypeError("x is undefined"), []).kind, "internal");
});

Deno.test("describeFailure() tells what failed first, not that closing failed too", async () => {
  const broken = { [Symbol.asyncDispose]: () => Promise.reject(new Error("cannot close")) };
  const work = async () => {
    await using _outer = broken;
    await using _inner = broken;
    throw new errors.StoppedError("Stopped by SIGTERM", { exitCode: 143 });
  };
  const thrown = await work().catch((error) => error);
  const { kind, message, exitCode } = describeFailure(thrown, []);
  deepStrictEqual([kind, message, exitCode], ["stopped", "Stopped by SIGTERM", 143]);
});

Deno.test("describeFailure() calls nothing that the system caused a fault of the program", () => {
  for (const code of ["ENOSPC", "EACCES", "EMFILE", "EIO"]) {
    const { kind, message } = describeFailure(Object.assign(new Error("told by the system"), { code }), []);
    deepStrictEqual([kind, /internal|fault/.test(message)], ["failed", false], message);
  }
});

Deno.test("describeFailure() keeps to one line, without secrets and without what could reach a terminal", () => {
  const error = new errors.CompressorError("Cannot read \x1b[31mx: the server\n  says \u202eno to-the-password", {
    hint: "Ask\x07 again.",
  });
  deepStrictEqual(describeFailure(error, ["to-the-password"]), {
    kind: "failed",
    message: "Cannot read \\x1b[31mx: the server says \\u202eno ***",
    hint: "Ask\\x07 again.",
    exitCode: 1,
  });
});

Deno.test("formatFailure() prints sentence and hint, and with SCS_DEBUG the causes", () => {
  const error = new errors.CompressorError("Cannot go", { hint: "Go.", cause: new Error("deep \x1b") });
  const failure = describeFailure(error, []);
  strictEqual(formatFailure(error, failure, {}, []), "Cannot go\nhint: Go.\n");
  match(formatFailure(error, failure, { SCS_DEBUG: "1" }, []), /\ncaused by: Error: deep \\x1b\n\s+at /);
});
