import { match, ok, strictEqual } from "node:assert/strict";
import { readVolume } from "../../src/cli/volume.ts";
import { parseTarget } from "../../src/db/target/target.ts";
import { readServerFacts } from "../../src/db/read/server.ts";
import { connect } from "../../src/db/session/connect.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("readVolume() measures the file system of a database on this host, and of no other", async () => {
  await using db = await testDatabase();
  await using session = await connect(db.url, { readOnly: true });
  const facts = await readServerFacts(session);
  const here = parseTarget("postgresql://u@127.0.0.1/d", {});
  const volume = await readVolume(here, facts);
  if (typeof volume === "string") throw new Error(volume);
  strictEqual(volume.path, facts.folder);
  ok(volume.freeBytes > 0 && volume.freeBytes < volume.bytes);
  match(String(await readVolume(parseTarget("postgresql://u@db.example.org/d", {}), facts)), /another host/);
  match(String(await readVolume(here, { ...facts, folder: undefined })), /does not tell this role/);
  match(String(await readVolume(here, { ...facts, folder: "/nonexistent/nowhere" })), /cannot be looked at \(ENOENT\)/);
  // Through a tunnel: there is such a folder here, but another one.
  match(String(await readVolume(here, { ...facts, folderModifiedMs: 1 })), /not certain/);
});
