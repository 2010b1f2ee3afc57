import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ServerProgress } from "../../../src/cli/progress/server.ts";
import { compressServer, connect, type ServerEvent } from "../../../src/mod.ts";
import { testDatabase } from "../../support/database.ts";

Deno.test("ServerProgress counts a room by its chunks, and within a chunk by what is done of it", () => {
  const progress = new ServerProgress(100);
  strictEqual(progress.whole(), undefined);
  progress.count({ kind: "found", rooms: 2, groups: 250, rows: 4000 });
  progress.count({ kind: "room", roomId: "!a:b", groups: 200, rows: 3000 });
  strictEqual(progress.whole()?.share, 0);
  const loading = { kind: "loading", rows: 700, share: 0.5 } as const;
  deepStrictEqual(progress.count({ kind: "working", roomId: "!a:b", event: loading }), {
    name: "!a:b: reading rows",
    share: 0.5,
    unit: "row",
    done: 700,
  });
  // A quarter of a chunk, which is half of a room, which is three quarters of the rows.
  strictEqual(progress.whole()?.share, 0.25 / 2 * 0.75);
  progress.count({ kind: "left", roomId: "!a:b", isPutOff: true });
  strictEqual(progress.whole()?.details?.[0], "0 of 2 rooms");
  progress.count({ kind: "left", roomId: "!a:b", isPutOff: false });
  deepStrictEqual([progress.whole()?.share, progress.whole()?.details], [0.75, [
    "1 of 2 rooms",
    "0 rows saved",
    "3K of 4K rows",
  ]]);
});

Deno.test("ServerProgress never goes back in a real job, and ends with all rooms and what was saved", async () => {
  await using db = await testDatabase({ fixture: true });
  const progress = new ServerProgress(50);
  const shares: number[] = [];
  const names = new Set<string>();
  const onEvent = (event: ServerEvent) => {
    const phase = progress.count(event);
    if (phase !== undefined) names.add(phase.name.replace(/^.*: /, ""));
    shares.push(progress.whole()?.share ?? 0);
  };
  const report = await compressServer(() => connect(db.url), { chunkSize: 50, workers: 2 }, { onEvent });
  for (let i = 1; i < shares.length; i++) ok(shares[i]! >= shares[i - 1]! - 1e-12, `${shares[i - 1]} ${shares[i]}`);
  strictEqual(shares.at(-1), 1);
  deepStrictEqual(progress.whole()?.details?.[0], `${report.rooms} of ${report.rooms} rooms`);
  for (const name of ["reading rows", "comparing state groups", "verifying full states", "writing changes"]) {
    ok(names.has(name), name);
  }
});
