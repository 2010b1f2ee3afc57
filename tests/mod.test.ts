/** The library as another program would use it: the examples of its module doc, run on a real database. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import * as library from "../src/mod.ts";
import { biggestRoom, testDatabase } from "./support/database.ts";

const MODULE = new URL("../src/mod.ts", import.meta.url);

/** The code of the module doc's examples. */
async function examples(): Promise<string[]> {
  const doc = (await Deno.readTextFile(MODULE)).split("@module")[0]!;
  return [...doc.matchAll(/```ts ignore\n([^]*?)```/g)].map(([, code]) => code!.replaceAll(/^ \* ?/gm, ""));
}

Deno.test("each example of the module doc runs as it stands, on a real database", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const codes = await examples();
  strictEqual(codes.length, 2);
  const printed: string[] = [];
  for (const code of codes) {
    const own = code
      .replaceAll('"./mod.ts"', JSON.stringify(MODULE.href))
      .replaceAll("postgresql://synapse@localhost/synapse", db.url)
      .replaceAll("!room:server", roomId);
    ok(own.includes(db.url) && own.includes(roomId) && own.includes(MODULE.href));
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, own);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", new URL("../deno.json", import.meta.url).pathname, file],
      });
      const { code: exit, stdout, stderr } = await child.output();
      strictEqual(exit, 0, new TextDecoder().decode(stderr));
      printed.push(new TextDecoder().decode(stdout));
    } finally {
      await Deno.remove(file);
    }
  }
  match(printed[0]!, /^10088 rows could be \d+\n$/);
  match(printed[1]!, /DELETE FROM state_groups_state/);
});

Deno.test("the library has the steps for a program that takes them one by one", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using session = await library.connect(db.url);
  await library.checkWritable(session);
  await using _lock = await library.lockRoom(session, roomId);
  const forest = await library.loadRoom(session, roomId);
  const compression = library.compress(forest);
  const rewrites = library.findRewrites(compression);
  library.verify(forest, rewrites);
  const written = await library.writeRewrites(session, forest, rewrites);
  strictEqual(written.groupsWritten, rewrites.count);
  const again = library.compress(await library.loadRoom(session, roomId));
  strictEqual(again.rowsBefore, compression.rowsAfter);
});

Deno.test("two jobs run at once in one process, and neither prints nor ends it", async () => {
  await using db = await testDatabase({ fixture: true });
  const rooms = await db.sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 2`;
  const reports = await Promise.all(rooms.map(async ({ room_id }) => {
    await using session = await library.connect(db.url);
    return await library.compressRoom(session, { roomId: room_id, commit: true });
  }));
  deepStrictEqual(reports.map(({ outcome }) => outcome), ["written", "written"]);
});
