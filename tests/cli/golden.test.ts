/** What matrix-org's tool makes of the real rooms, figure by figure and byte by byte. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { applySql } from "../format/sql/apply.ts";
import { runProgram, workFolder } from "../support/cli.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { goldenSummary } from "../support/fixture.ts";
import { fullStates } from "../support/states.ts";
import { assertSound } from "../support/synapse.ts";

const GOLDEN = new URL("../fixtures/golden/", import.meta.url);
const GRAPHS = ["before_nodes.csv", "before_edges.csv", "after_nodes.csv", "after_edges.csv"];
const SUMMARY = await goldenSummary();
const LEVELS = [...new Set(SUMMARY.map(({ levels }) => levels.join()))];

for (const levels of LEVELS) {
  Deno.test(`levels ${levels}: every figure of all rooms is the Rust tool's`, async () => {
    await using db = await testDatabase({ fixture: true });
    const golden = SUMMARY.filter((line) => line.levels.join() === levels);
    strictEqual(golden.length, 9);
    for (const line of golden) {
      const args = ["-p", db.url, "-r", line.roomId, "--strategy", "levels", "-l", levels, "--json", "--quiet"];
      const { code, stdout, stderr } = await runProgram(args);
      strictEqual(code, 0, stderr);
      const report = JSON.parse(stdout);
      deepStrictEqual({
        levels: report.levels,
        roomId: report.room_id,
        groups: report.groups,
        rowsBefore: report.rows_before,
        rowsAfter: report.rows_after,
        resets: report.resets,
        resetRows: report.reset_rows,
        sqlGroups: report.outcome === "nothing-to-save" ? undefined : report.groups_rewritten,
        maxHopsAfter: report.max_hops_after,
      }, line);
    }
  });
}

for (const levels of LEVELS) {
  for (const place of [1, 3]) {
    Deno.test(`levels ${levels}, room ${place}: the graphs are the Rust tool's, byte for byte`, async () => {
      await using db = await testDatabase({ fixture: true });
      await using folder = await workFolder();
      const { roomId } = SUMMARY[place - 1]!;
      const args = ["-p", db.url, "-r", roomId, "--strategy", "levels", "-l", levels, "-g", "--graph-dir", folder.path];
      const { code, stderr } = await runProgram(args);
      strictEqual(code, 0, stderr);
      for (const name of GRAPHS) {
        const golden = new URL(`${levels.replaceAll(",", "-")}-room${place}/${name}`, GOLDEN);
        strictEqual(await Deno.readTextFile(`${folder.path}/${name}`), await Deno.readTextFile(golden), name);
      }
    });
  }
}

/** All rows and all edges, as one digest each. */
async function digest({ sql }: TestDatabase): Promise<Record<string, unknown>> {
  const [row] = await sql`SELECT
    (SELECT count(*) FROM state_groups_state) AS count,
    (SELECT md5(string_agg(s::text, '|' ORDER BY s::text)) FROM state_groups_state AS s) AS rows,
    (SELECT md5(string_agg(e::text, '|' ORDER BY e::text)) FROM state_group_edges AS e) AS edges`;
  return { ...row };
}

for (const place of [1, 3]) {
  Deno.test(`room ${place}: our SQL, guarded or not, the Rust tool's SQL and -c leave the same rows and edges`, async () => {
    const { roomId, rowsBefore, rowsAfter } = SUMMARY[place - 1]!;
    const results: Record<string, unknown> = {};
    const ways: Record<string, (db: TestDatabase) => Promise<void>> = {
      rust: (db) => apply(db, Deno.readTextFile(new URL(`100-50-25-room${place}/out.sql`, GOLDEN))),
      guarded: (db) => apply(db, sqlOf(db, ["-t"])),
      plain: (db) => apply(db, sqlOf(db, ["-t", "--no-guards"])),
      committed: async (db) => {
        const { code, stderr } = await runProgram(["-p", db.url, "-r", roomId, "--strategy", "levels", "-c"]);
        strictEqual(code, 0, stderr);
      },
    };
    const sqlOf = async (db: TestDatabase, flags: readonly string[]) => {
      const args = ["-p", db.url, "-r", roomId, "--strategy", "levels", "-o", "-", "--quiet", ...flags];
      const { code, stdout, stderr } = await runProgram(args);
      strictEqual(code, 0, stderr);
      return stdout;
    };
    const apply = async (db: TestDatabase, text: Promise<string>) => {
      const { errors, warnings } = await applySql(db.url, await text);
      deepStrictEqual([errors, warnings], [[], []]);
    };
    for (const [name, make] of Object.entries(ways)) {
      await using db = await testDatabase({ fixture: true });
      // Whose rows and edges are the same has the same states, too.
      const before = name === "committed" ? await fullStates(db.sql) : undefined;
      await make(db);
      results[name] = await digest(db);
      if (before === undefined) continue;
      deepStrictEqual(await fullStates(db.sql), before);
      await assertSound(db.sql);
    }
    const names = Object.keys(ways);
    deepStrictEqual(results, Object.fromEntries(names.map((name) => [name, results["rust"]])));
    deepStrictEqual((results["rust"] as { count: number }).count, 13219 - rowsBefore + rowsAfter);
  });
}
