import { rejects, strictEqual } from "node:assert/strict";
import { briefly } from "../../../src/db/read/brief.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { CompressorError } from "../../../src/errors.ts";
import { testDatabase } from "../../support/database.ts";

const BRIEF = { timeoutMs: 50, settings: "SET LOCAL enable_seqscan = off" };

Deno.test("briefly() gives what the work gives, with the settings, which end with it", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const read = async () => (await session.sql`SHOW enable_seqscan`)[0]!["enable_seqscan"];
  strictEqual(await briefly(session, BRIEF, read), "off");
  strictEqual(await read(), "on");
});

Deno.test("briefly() gives nothing where a statement takes too long, and the session goes on", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  strictEqual(await briefly(session, BRIEF, () => session.sql`SELECT pg_sleep(60)`), undefined);
  strictEqual((await session.sql`SELECT 1 AS one`)[0]!["one"], 1);
});

Deno.test("briefly() only reads", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url);
  await rejects(
    briefly(session, BRIEF, () => session.sql`DELETE FROM state_groups`),
    (error) => error instanceof CompressorError && error.code === "25006",
  );
});

Deno.test("briefly() takes further SQLSTATEs for too long, and no other for it", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const divide = () => session.sql`SELECT 1 / 0`;
  strictEqual(await briefly(session, { ...BRIEF, late: ["22012"] }, divide), undefined);
  await rejects(briefly(session, BRIEF, divide), (error) => error instanceof CompressorError && error.code === "22012");
});
