import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { Database, settle, tellStop } from "../../src/cli/command.ts";
import { parseTarget } from "../../src/db/target/target.ts";
import { CompressorError, StoppedError } from "../../src/errors.ts";
import { testDatabase } from "../support/database.ts";
import { fillCompressed } from "../support/plans.ts";

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

Deno.test("a database is looked at once, but for what may change while a service runs: that is said when it is first so", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe("DROP INDEX state_groups_room_id_idx");
  const said: string[] = [];
  const words = {
    note: (line: string) => said.push(line),
    warn: (line: string) => said.push(line),
    askPassword: undefined,
  };
  const database = new Database(parseTarget(db.url, {}), new AbortController().signal, words);
  const connect = async () => {
    await using session = await database.connect({ readOnly: true });
    return [session.serverVersion >= 160_000, said.splice(0).map((line) => line.split(" ").slice(0, 4).join(" "))];
  };
  const [isNew, first] = await connect();
  deepStrictEqual(first, ["the index on state_groups"]);
  deepStrictEqual(await connect(), [isNew, []]);
  await fillCompressed(db.sql, 60_000);
  deepStrictEqual(await connect(), [isNew, isNew ? ["PostgreSQL expects 50 rows"] : []]);
  deepStrictEqual(await connect(), [isNew, []]);
});
