import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { settle, tellStop } from "../../src/cli/command.ts";
import { CompressorError, StoppedError } from "../../src/errors.ts";

Deno.test("settle() has the report of a job, be it that a signal stopped it", async () => {
  deepStrictEqual(await settle(Promise.resolve({ rows: 1 })), { report: { rows: 1 } });
  const stop = new StoppedError("Stopped by SIGINT", { exitCode: 130, report: { rows: 2 } });
  deepStrictEqual(await settle(Promise.reject(stop)), { report: { rows: 2 }, stop });
  // Nothing was begun, so there is nothing to tell but the stop itself.
  await rejects(settle(Promise.reject(new StoppedError("Stopped", { exitCode: 130 }))), StoppedError);
  await rejects(settle(Promise.reject(new CompressorError("no"))), CompressorError);
});

Deno.test("tellStop() adds what is done to a stop, and keeps its exit code", () => {
  strictEqual(tellStop(undefined, "", ""), undefined);
  const told = tellStop(new StoppedError("Stopped by SIGTERM", { exitCode: 143 }), ": 3 done", "Run it again.")!;
  deepStrictEqual([told.message, told.exitCode, told.hint], ["Stopped by SIGTERM: 3 done", 143, "Run it again."]);
});
