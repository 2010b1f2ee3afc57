import { rejects, strictEqual } from "node:assert/strict";
import { sendCancel } from "../../../src/db/wire/cancel.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { parseTarget } from "../../../src/db/target/target.ts";
import { CompressorError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("a session's cancel() ends its statement on the server, and the session goes on", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  const sleeping = session.sql.unsafe("SELECT pg_sleep(600)").execute();
  const failed = rejects(
    async () => await sleeping,
    (error) => error instanceof CompressorError && error.code === "57014",
  );
  for (let asleep = false; !asleep;) {
    const [row] = await db.sql`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = ${db.name}
      AND query = 'SELECT pg_sleep(600)' AND wait_event = 'PgSleep') AS asleep`;
    asleep = row!["asleep"];
  }
  await session.cancel(AbortSignal.timeout(30_000));
  await failed;
  strictEqual((await session.sql`SELECT 1 AS one`)[0]!["one"], 1);
});

Deno.test("sendCancel() fails with its signal's reason", async () => {
  const reason = new Error("no time for that");
  const target = parseTarget("host=127.0.0.1 port=1 user=u dbname=d");
  await rejects(sendCancel(target, "disable", { pid: 1, secret: 1 }, AbortSignal.abort(reason)));
});
