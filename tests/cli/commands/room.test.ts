import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readResult, runProgram, startProgram, workFolder } from "../../support/cli.ts";
import { biggestRoom, movedGroups, testDatabase, untilWaiting } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { applySql } from "../../format/sql/apply.ts";

/** The fixture's biggest room, and what the Rust tool prints for it. */
const ROOM = "!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI";
const RUST_LINES = `Number of state groups: 4234
Number of rows in current table: 10088
Number of rows after compression: 7750 (76.82%)
Compression Statistics:
  Number of forced resets due to lacking prev: 0
  Number of compressed rows caused by the above: 0
  Number of state groups changed: 1755
New state map matches old one
`;
const GOLDEN = new URL("../../fixtures/golden/100-50-25-room1/", import.meta.url);

/** The names in a folder. */
async function list(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

/** One line and a hint, no stack trace. */
function assertFailure({ code, stderr }: { code: number; stderr: string }, message: RegExp, expected = 1): void {
  strictEqual(code, expected, stderr);
  match(stderr, message);
  match(stderr, /\nhint: \S/);
  strictEqual(/\n\s+at /.test(stderr), false, stderr);
}

Deno.test("a run prints the Rust tool's figures on standard output, and writes its graphs and an SQL file", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const args = ["-p", db.url, "-r", ROOM, "--strategy", "levels", "-t", "-o", "out.sql", "-g"];
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder.path });
  strictEqual(code, 0, stderr);
  strictEqual(stdout, RUST_LINES);
  const graphs = ["after_edges.csv", "after_nodes.csv", "before_edges.csv", "before_nodes.csv"];
  deepStrictEqual(await list(folder.path), [...graphs, "out.sql"]);
  for (const name of graphs) {
    const golden = await Deno.readTextFile(new URL(name, GOLDEN));
    strictEqual(await Deno.readTextFile(`${folder.path}/${name}`), golden, name);
  }
  const { notices } = await applySql(db.url, await Deno.readTextFile(`${folder.path}/out.sql`));
  match(notices.at(-1)!, /of 1728 state groups 1728 were rewritten/);
});

Deno.test("the SQL, guarded or plain, leaves the rows and edges that the Rust tool's leaves", async () => {
  const digests = new Set<string>();
  const golden = (await Deno.readTextFile(new URL("out.sql", GOLDEN))).replaceAll("COMMIT;BEGIN;", "COMMIT;\nBEGIN;");
  for (const flags of [undefined, ["-t"], [], ["--no-guards"]]) {
    await using db = await testDatabase({ fixture: true });
    const args = ["-p", db.url, "-r", ROOM, "--strategy", "levels", "-o", "-", ...flags ?? []];
    const text = flags === undefined ? golden : (await runProgram(args)).stdout;
    strictEqual((await applySql(db.url, text)).errors.length, 0);
    const [row] = await db.sql`SELECT
      (SELECT md5(string_agg(s::text, '|' ORDER BY s::text)) FROM state_groups_state s) AS rows,
      (SELECT md5(string_agg(e::text, '|' ORDER BY e::text)) FROM state_group_edges e) AS edges`;
    digests.add(JSON.stringify(row));
  }
  strictEqual(digests.size, 1);
});

Deno.test("--json prints one object on standard output and nothing else there", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout, stderr } = await runProgram(["-p", db.url, "-r", ROOM, "--strategy", "levels", "--json"]);
  strictEqual(code, 0, stderr);
  match(stderr, /Number of rows in current table: 10088\n/);
  const report = JSON.parse(stdout);
  deepStrictEqual(
    Object.fromEntries(
      "room_id outcome strategy levels groups rows_before rows_after resets reset_rows groups_changed max_hops_after groups_rewritten"
        .split(" ").map((name) => [name, report[name]]),
    ),
    {
      room_id: ROOM,
      outcome: "planned",
      strategy: "levels",
      levels: [100, 50, 25],
      groups: 4234,
      rows_before: 10088,
      rows_after: 7750,
      resets: 0,
      reset_rows: 0,
      groups_changed: 1755,
      max_hops_after: 139,
      groups_rewritten: 1728,
    },
  );
  const [before, after] = [report.bytes_before, report.bytes_after];
  ok(before > 10088 * 100 && before < 10088 * 400 && Number.isInteger(before), String(before));
  strictEqual(after, Math.round(before / 10088 * 7750));
  match(
    stderr,
    /^Rows: 10,088 before, 7,750 after; of table and index about [\d.]+ [kMG]i?B before, [\d.]+ [kMG]i?B after$/m,
  );
  deepStrictEqual(Object.keys(report.seconds), ["load", "compress", "verify", "write"]);
  strictEqual(report.peak_rss_bytes > 10_000_000, true);
  const quiet = await runProgram(["-p", db.url, "-r", ROOM, "--json", "--quiet"]);
  strictEqual(quiet.stderr, "");
  strictEqual(JSON.parse(quiet.stdout).strategy, "branches");
});

Deno.test("-o - prints the SQL alone, and --quiet nothing else", async () => {
  await using db = await testDatabase({ fixture: true });
  const { code, stdout, stderr } = await runProgram(["-p", db.url, "-r", ROOM, "-o", "-", "--quiet"]);
  strictEqual(code, 0);
  strictEqual(stderr, "");
  match(stdout, /^-- synapse_compress_state: room "!uXJk/);
});

Deno.test("a run that would save nothing or too little leaves no file, says so, and ends well", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const common = ["-p", db.url, "-r", ROOM, "--strategy", "levels", "-o", "out.sql"];
  const more = await runProgram([...common, "-l", "5,4,3"], { cwd: folder.path });
  strictEqual(more.code, 0, more.stderr);
  match(
    more.stdout,
    /Number of rows after compression: 18549 \(183.87%\)\n[^]*This compression would not remove any rows. Exiting.\n$/,
  );
  const few = await runProgram([...common, "-m", "2339"], { cwd: folder.path });
  strictEqual(few.code, 0, few.stderr);
  match(few.stdout, /Only 2338 rows would be saved by this compression. Skipping output.\n$/);
  deepStrictEqual(await list(folder.path), []);
});

Deno.test("a room that is not there is named, with a hint", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const result = await runProgram(["-p", db.url, "-r", "!nope:x", "-o", "out.sql"], { cwd: folder.path });
  assertFailure(result, /^Cannot compress room "!nope:x": no state groups found in database "scs_test_/m);
  strictEqual(result.stdout, "");
  deepStrictEqual(await list(folder.path), []);
});

Deno.test("a room id that is cut, quoted, has spaces around it or lost its ! is answered with the one that was meant", async () => {
  await using db = await testDatabase({ fixture: true });
  const run = (roomId: string, ...more: string[]) => runProgram(["-p", db.url, "-r", roomId, ...more]);
  for (const roomId of [ROOM.slice(0, 12), ` ${ROOM} `, ROOM.slice(1), `"${ROOM}"`, `${ROOM}:server`]) {
    assertFailure(
      await run(roomId),
      new RegExp(`\\nhint: Did you mean -r '${ROOM}'\\?.*\`synapse_compress_state rooms\``),
    );
  }
  assertFailure(await run("#alias:server"), /\nhint: That is an alias; .*`synapse_compress_state rooms`/);
  assertFailure(
    await run(ROOM, "-b", "999999999"),
    /in this range of ids .*\nhint: The room has state groups outside it/,
  );
  assertFailure(await runProgram(["-p", db.url]), /-r is missing\nhint: .*`synapse_compress_state rooms`/, 2);
});

Deno.test("a wrong password, a database without Synapse's tables and no server are told apart, without the password", async () => {
  await using db = await testDatabase();
  await db.sql`DROP TABLE state_group_edges`;
  assertFailure(await runProgram(["-p", db.url, "-r", "!a:b"]), /state_group_edges/);
  const url = new URL(db.url);
  url.password = "kept-secret";
  const denied = await runProgram(["-p", url.href, "-r", "!a:b"]);
  assertFailure(denied, /password/);
  strictEqual(denied.stderr.includes("kept-secret"), false);
  url.port = "1";
  const none = await runProgram(["-p", url.href, "-r", "!a:b"]);
  assertFailure(none, /nothing listens there/);
  strictEqual(none.stderr.includes("kept-secret"), false);
});

Deno.test("an output that cannot be made is found before anything is connected to", async () => {
  await using folder = await workFolder();
  const common = ["-p", "postgresql://u@127.0.0.1:1/db", "-r", "!a:b"];
  const run = (args: readonly string[]) => runProgram([...common, ...args], { cwd: folder.path });
  assertFailure(await run(["-o", "missing/out.sql"]), /^Cannot write "missing\/out.sql": its folder does not exist$/m);
  assertFailure(await run(["-o", "."]), /^Cannot write ".": it is a folder$/m);
  assertFailure(await run(["-o", "/dev/full"]), /^Cannot write "\/dev\/full": it is among the system's own/m);
  assertFailure(await run(["-g", "--graph-dir", "missing"]), /^Cannot write "missing\/before_nodes.csv": its folder/m);
  assertFailure(await run(["-o", "out.sql"]), /nothing listens there/);
  deepStrictEqual(await list(folder.path), []);
});

Deno.test({
  name: "a disk that fills up while a file is written leaves no file, and an older one as it was",
  // A limit on the size of files stands in for the full disk.
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    await Deno.writeTextFile(`${folder.path}/out.sql`, "old");
    const args = ["-p", db.url, "-r", ROOM, "--strategy", "levels", "-o", "out.sql"];
    const result = await runProgram(args, { cwd: folder.path, shell: "trap '' XFSZ; ulimit -f 200" });
    assertFailure(result, /^Cannot write "out.sql": the file would be too big$/m);
    deepStrictEqual(await list(folder.path), ["out.sql"]);
    strictEqual(await Deno.readTextFile(`${folder.path}/out.sql`), "old");
  },
});

Deno.test("an output replaces the file that a symbolic link names, and keeps its mode", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const [real, link] = [`${folder.path}/real.sql`, `${folder.path}/link.sql`];
  await Deno.writeTextFile(real, "old", { mode: 0o600 });
  await Deno.symlink(real, link);
  strictEqual((await runProgram(["-p", db.url, "-r", ROOM, "-o", link])).code, 0);
  notStrictEqual(await Deno.readTextFile(real), "old");
  strictEqual((await Deno.lstat(link)).isSymlink, true);
  if (Deno.build.os !== "windows") strictEqual((await Deno.stat(real)).mode! & 0o777, 0o600);
  deepStrictEqual(await list(folder.path), ["link.sql", "real.sql"]);
});

for (const [name, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${name} while loading ends with ${exitCode}, and leaves no file`, async () => {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    // The load waits for this lock.
    const holder = await db.sql.reserve();
    await holder.unsafe("BEGIN; LOCK TABLE state_groups_state").simple();
    const child = startProgram(["-p", db.url, "-r", ROOM, "-o", "out.sql", "-g"], { cwd: folder.path });
    if (await untilWaiting(db, child)) child.kill(name);
    const { code, stderr } = await readResult(child);
    await holder.unsafe("ROLLBACK");
    holder.release();
    strictEqual(code, exitCode, stderr);
    match(stderr, new RegExp(`^Stopped by ${name}`, "m"));
    deepStrictEqual(await list(folder.path), []);
  });
}

Deno.test("room -c: groups that others hold are counted by reason, the exit code is 5, and the command that finishes is named", async () => {
  await using db = await testDatabase({ fixture: true });
  const args = ["-p", db.url, "-r", ROOM, "-c"];
  const [held] = await movedGroups(ROOM, (twin) => runProgram(["-p", twin.url, "-r", ROOM, "-c"]));
  const holder = await db.sql.reserve();
  await holder.unsafe("BEGIN");
  await holder`SELECT FROM state_groups WHERE id = ${held!} FOR UPDATE`;
  const first = await runProgram([...args, "--json"]);
  await holder.unsafe("ROLLBACK");
  holder.release();
  strictEqual(first.code, 5, first.stderr);
  const report = JSON.parse(first.stdout);
  ok(report.skipped_by_kind.contention > 0 && report.retries > 0, first.stdout);
  deepStrictEqual(
    report.skipped.map(({ kind }: { kind: string }) => kind).filter((kind: string) => kind === "contention").length,
    report.skipped_by_kind.contention,
  );
  match(
    first.stderr,
    /^State groups skipped: [\d,]+ \([\d,]+ that other transactions locked or changed at every attempt/m,
  );
  match(first.stderr, /^Transactions repeated because another one was in the way: [\d,]+$/m);
  const again = /^ {4}(synapse_compress_state -p .* -r '!.*' -c --json)$/m.exec(first.stderr)?.[1];
  ok(again !== undefined, first.stderr);
  ok(!first.stderr.includes(new URL(db.url).password), first.stderr);

  const second = await runProgram(args);
  deepStrictEqual([second.code, /State groups skipped/.test(second.stderr)], [0, false], second.stderr);
});

Deno.test("--prefer balance, the default, keeps chains within Synapse's own bound for fewer rows than before, --prefer reads for shorter ones", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const before = await fullStates(db.sql);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runProgram(["-p", db.url, "-r", roomId, "--json", ...args]);
    strictEqual(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const [rows, reads] = [await run("--prefer", "rows"), await run("--prefer", "reads")];
  strictEqual((await run("--prefer", "balance")).rows_after, (await run()).rows_after);
  const balance = await run("-c");
  ok(balance.max_hops_after <= 99 && reads.max_hops_after <= 99);
  ok(rows.rows_after < balance.rows_after && balance.rows_after < balance.rows_before);
  ok(reads.mean_hops_after < rows.mean_hops_after && balance.mean_hops_after < rows.mean_hops_after);
  deepStrictEqual(await fullStates(db.sql), before);
});
