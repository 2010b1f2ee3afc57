import { doesNotThrow, throws } from "node:assert/strict";
import { checkServer, type ServerFacts } from "../../../src/db/session/server.ts";
import { SchemaError } from "../../../src/errors.ts";

Deno.test("checkServer() refuses a server older than PostgreSQL 11, whatever is on it", () => {
  const facts: ServerFacts = {
    version: 110_000,
    encoding: "UTF8",
    replication_role: "origin",
    schema: "public",
    harmful: "",
  };
  doesNotThrow(() => checkServer(facts, "here", true));
  for (const checksSchema of [true, false]) {
    throws(
      () => checkServer({ ...facts, version: 100_023 }, "here", checksSchema),
      (error) =>
        error instanceof SchemaError && error.message === "Cannot use here: its server is PostgreSQL 10" &&
        /PostgreSQL 11 is the oldest/.test(error.hint!),
    );
  }
});
