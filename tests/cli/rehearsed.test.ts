import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { runProgram } from "../support/cli.ts";
import { testDatabase, testRole } from "../support/database.ts";

Deno.test("auto --dry-run prints, room by room, what auto then does; reading suffices for it", async () => {
  await using db = await testDatabase({ fixture: true });
  await using role = await testRole(db);
  await db.sql.unsafe(
    `GRANT SELECT ON state_groups, state_groups_state, state_group_edges, state_groups_pending_deletion TO ${role.name}`,
  );
  const dry = await runProgram(["auto", "-p", role.url, "-c", "500", "--dry-run"]);
  strictEqual(dry.code, 0, dry.stderr);
  strictEqual(dry.stderr, "State groups to compress: 6,459, rooms: 9\n");
  const lines = dry.stdout.trimEnd().split("\n");
  match(lines[0]!, /^rows saved +about +rewritten +of groups +chunks {2}room$/);
  match(lines[1]!, /^ +\d,\d{3} +\d+ KiB +\d+ +4,234 +9 {2}!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI$/);
  const rows = Number(/would save ([\d,]+) rows/.exec(dry.stdout)![1]!.replaceAll(",", ""));
  strictEqual((await db.sql`SELECT to_regclass('state_compressor_progress') AS there`)[0]!["there"], null);

  const json = await runProgram(["auto", "-p", db.url, "-c", "500", "--dry-run", "--json", "--quiet"]);
  const report = JSON.parse(json.stdout);
  deepStrictEqual([report.dry_run, report.rows_saved, report.rooms_rehearsed.length], [true, rows, 9]);
  strictEqual(
    report.rooms_rehearsed.reduce((sum: number, room: { rows_saved: number }) => sum + room.rows_saved, 0),
    rows,
  );
  const real = await runProgram(["auto", "-p", db.url, "-c", "500"]);
  ok(real.stdout.startsWith(`Finished running compressor. Saved ${rows} rows.`), real.stdout);
  const after = await runProgram(["auto", "-p", db.url, "-c", "500", "--dry-run"]);
  match(after.stdout, /^Dry run: nothing was written\. A run would save 0 rows/);
});

Deno.test("auto --dry-run refuses what it cannot tell", async () => {
  for (const flag of ["--prune", "--reclaim"]) {
    const { code, stderr } = await runProgram(["auto", "-p", "postgresql://u@127.0.0.1:1/d", "--dry-run", flag]);
    strictEqual(code, 2);
    match(stderr, /together\n.*`prune` or `reclaim` without -c/);
  }
});
