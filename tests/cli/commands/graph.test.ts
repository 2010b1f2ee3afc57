import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { runProgram, workFolder } from "../../support/cli.ts";
import { testDatabase } from "../../support/database.ts";
import { all, parseXml } from "../../support/xml.ts";

/** The fixture's biggest room. */
const ROOM = "!uXJk8VlYB3zPKBPOgnXNR7V8ZF3fRuw7i-udWlSLADI";
const GOLDEN = new URL("../../fixtures/golden/100-50-25-room1/", import.meta.url);
/** Nothing listens there. */
const NOWHERE = ["-p", "postgresql://user:kept-secret@127.0.0.1:1/db", "-r", "!a:b"];

async function list(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

for (
  const [what, args, message] of [
    ["an unknown format", ["--format", "dot"], /--format|-f "dot": it must be one of gexf, csv, csv-comma/],
    ["--combined in CSV", ["--format", "csv", "--combined"], /--combined without --format gexf/],
    ["--gzip of CSV", ["--format", "csv-comma", "--gzip"], /--gzip without --format gexf/],
    ["--within alone", ["--within", "3"], /--within without --around/],
    ["--combined and --only", ["--combined", "--only", "after"], /--combined and --only together/],
    ["an unknown --only", ["--only", "now"], /it must be one of before, after/],
    ["--commit", ["-c"], /unknown option '-c'/],
    ["a group that is no number", ["--around", "x"], /a whole number of at least 0/],
    ["a range without ids", ["-b", "7", "-s", "7"], /there are none/],
  ] as const
) {
  Deno.test(`graph refuses ${what}`, async () => {
    const { code, stderr } = await runProgram(["graph", ...NOWHERE, ...args]);
    strictEqual(code, 2, stderr);
    match(stderr, message);
    match(stderr, /\nhint: /);
    ok(!stderr.includes("kept-secret"));
  });
}

Deno.test("graph --help says what there is", async () => {
  const { code, stdout } = await runProgram(["graph", "--help"]);
  strictEqual(code, 0);
  for (
    const option of ["--format", "--gzip", "--combined", "--only", "--around", "--within", "--min-rows", "--max-nodes"]
  ) {
    ok(stdout.includes(option), option);
  }
});

Deno.test("graph writes before.gexf and after.gexf, counts exact, and changes nothing", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const count = () =>
    db.sql`SELECT (SELECT count(*) FROM state_groups_state) AS rows, (SELECT count(*) FROM state_group_edges) AS edges`;
  const before = await count();
  const { code, stdout, stderr } = await runProgram(["graph", "-p", db.url, "-r", ROOM, "--json"], {
    cwd: folder.path,
  });
  strictEqual(code, 0, stderr);
  deepStrictEqual(await list(folder.path), ["after.gexf", "before.gexf"]);
  deepStrictEqual([...await count()], [...before]);
  const [room] = await db
    .sql`SELECT count(*) AS groups, (SELECT count(*) FROM state_group_edges JOIN state_groups ON id = state_group
    WHERE room_id = ${ROOM}) AS edges FROM state_groups WHERE room_id = ${ROOM}`;
  const root = parseXml(await Deno.readTextFile(`${folder.path}/before.gexf`));
  strictEqual(all(root, "node").length, room!["groups"]);
  strictEqual(all(root, "edge").length, room!["edges"]);
  const { drawing } = JSON.parse(stdout);
  deepStrictEqual(drawing.files, ["before.gexf", "after.gexf"]);
  strictEqual(drawing.nodes, room!["groups"]);
});

Deno.test("graph --gzip --combined writes one compressed file, into the folder that is named", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const args = ["graph", "-p", db.url, "-r", ROOM, "--combined", "--gzip", "--graph-dir", folder.path, "--quiet"];
  const { code, stderr } = await runProgram(args);
  deepStrictEqual([code, stderr], [0, ""]);
  deepStrictEqual(await list(folder.path), ["combined.gexf.gz"]);
  const root = parseXml(gunzipSync(await Deno.readFile(`${folder.path}/combined.gexf.gz`)).toString());
  strictEqual(all(root, "node").length, 4234);
});

Deno.test("graph --format csv writes the Rust tool's files, and csv-comma Cosmograph's", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const args = ["graph", "-p", db.url, "-r", ROOM, "--graph-dir", folder.path, "--strategy", "levels"];
  strictEqual((await runProgram([...args, "--format", "csv"])).code, 0);
  for (const name of ["after_edges.csv", "after_nodes.csv", "before_edges.csv", "before_nodes.csv"]) {
    const golden = await Deno.readTextFile(new URL(name, GOLDEN));
    strictEqual(await Deno.readTextFile(`${folder.path}/${name}`), golden, name);
  }
  strictEqual((await runProgram([...args, "--format", "csv-comma", "--only", "after"])).code, 0);
  match(await Deno.readTextFile(`${folder.path}/after_nodes.csv`), /^id,label,rows,hops,snapshot,/);
  match(await Deno.readTextFile(`${folder.path}/after_edges.csv`), /^source,target\n\d+,\d+\n/);
});

Deno.test("-g --graph-format gexf writes what graph does", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const { code, stderr } = await runProgram([
    "-p",
    db.url,
    "-r",
    ROOM,
    "-g",
    "--graph-format",
    "gexf",
    "--graph-dir",
    folder.path,
  ]);
  strictEqual(code, 0, stderr);
  deepStrictEqual(await list(folder.path), ["after.gexf", "before.gexf"]);
});

Deno.test("graph --around draws a part, and --max-nodes warns of a whole that is too big", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const [{ id } = { id: 0 }] = await db.sql`SELECT max(id) AS id FROM state_groups WHERE room_id = ${ROOM}`;
  const args = ["graph", "-p", db.url, "-r", ROOM, "--graph-dir", folder.path, "--only", "before"];
  const part = await runProgram([...args, "--around", String(id), "--within", "2"]);
  strictEqual(part.code, 0, part.stderr);
  match(part.stderr, /Drawing \d of 4,234 nodes/);
  strictEqual(part.stderr.includes("warning"), false);
  const whole = await runProgram([...args, "--max-nodes", "100"]);
  strictEqual(whole.code, 0);
  match(whole.stderr, /warning: more than 100 nodes .* --around GROUP --within HOPS/);
});

Deno.test("graph --around a group of another room fails, leaves no file, and says which ids there are", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const { code, stderr } = await runProgram(["graph", "-p", db.url, "-r", ROOM, "--around", "999999999"], {
    cwd: folder.path,
  });
  strictEqual(code, 1);
  match(stderr, /Cannot draw around state group 999999999: it is not in room/);
  match(stderr, /\nhint: .*its ids are between \d+ and \d+/);
  deepStrictEqual(await list(folder.path), []);
});

Deno.test("graph into a folder that is not there fails before anything is read", async () => {
  await using folder = await workFolder();
  const { code, stderr } = await runProgram(["graph", ...NOWHERE, "--graph-dir", `${folder.path}/missing/folder`]);
  strictEqual(code, 1);
  match(stderr, /Cannot write ".*\/missing\/folder\/before.gexf": its folder does not exist/);
});

Deno.test("graph and report of a room that is not there say so", async () => {
  await using db = await testDatabase();
  await using folder = await workFolder();
  for (const command of ["graph", "report"]) {
    const { code, stderr } = await runProgram([command, "-p", db.url, "-r", "!none:test"], { cwd: folder.path });
    strictEqual(code, 1);
    match(stderr, /no state groups found/);
    deepStrictEqual(await list(folder.path), []);
  }
});

Deno.test(
  "graph draws a room with a cycle, a missing predecessor and a hostile name",
  { sanitizeResources: false },
  async () => {
    await using db = await testDatabase();
    await using folder = await workFolder();
    const room = "!<script>alert(1)</script>&\"'/..:x";
    await db.sql`INSERT INTO state_groups SELECT g, ${room}, '$e' FROM generate_series(1, 6) AS g`;
    await db.sql`INSERT INTO state_group_edges VALUES (1, 2), (2, 1), (3, 2), (5, 99), (6, 5)`;
    await db
      .sql`INSERT INTO state_groups_state SELECT g, ${room}, 'm.room.member', ${"<script>x</script>"}, '$e' FROM generate_series(1, 6) AS g`;
    const { code, stderr } = await runProgram(["graph", "-p", db.url, "-r", room], { cwd: folder.path });
    strictEqual(code, 0, stderr);
    const root = parseXml(await Deno.readTextFile(`${folder.path}/before.gexf`));
    deepStrictEqual(all(root, "node").map(({ attributes }) => attributes["id"]), ["1", "2", "3", "4", "5", "6", "99"]);
    strictEqual(all(root, "edge").length, 5);
    strictEqual(all(root, "script").length, 0);
    const report = await runProgram(["report", "-p", db.url, "-r", room], { cwd: folder.path });
    strictEqual(report.code, 0, report.stderr);
    const page = (await list(folder.path)).find((name) => name.endsWith(".html"))!;
    match(page, /^room-[A-Za-z0-9._-]+\.html$/);
    const html = await Deno.readTextFile(`${folder.path}/${page}`);
    strictEqual(/<script/i.test(html), false);
    match(html, /State group 99 is missing/);
  },
);
