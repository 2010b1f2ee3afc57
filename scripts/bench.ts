/**
 * `deno task bench`: the marks of this project, measured on rooms made on the spot, in a PostgreSQL of its own, with the
 * program run as its users run it. Prints a table; compare by ratio within one run, since machines differ and drift.
 *
 *     deno task bench [chain spam hard growth snapshots commit small] [--scale N] [--runs N] [--rust PATH] [--rust-auto PATH]
 *
 * SCS_BINARY names a compiled program; else it runs from its source. psql, where it is on the PATH, is the yardstick: its
 * binary COPY of the same rows to /dev/null. --rust and --rust-auto name matrix-org's synapse_compress_state and
 * synapse_auto_compressor, to stand beside ours.
 */
import { parseArgs } from "node:util";
import process from "node:process";
import postgres, { type Sql } from "postgres";
import { fillDatabase } from "./fill.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { startPostgres } from "./postgres.ts";
import { benchRoom, smallRooms } from "./rooms.ts";

const PROGRAM = new URL("../main.ts", import.meta.url).pathname;
/** A server as it comes: commits reach the disk, so that time and WAL are those of a real one. */
const SETTINGS = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "512MB",
  max_wal_size: "4GB",
};
const SAMPLED_GROUPS = 200;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: "string", default: "1" },
    runs: { type: "string", default: "3" },
    rust: { type: "string" },
    "rust-auto": { type: "string" },
  },
});
const scale = Number(flags.scale);
const runs = Number(flags.runs);

/** What the program's --json says, as far as it is used here. */
interface Report {
  groups: number;
  rows_before: number;
  rows_after: number;
  groups_rewritten: number;
  max_hops_after: number;
  mean_hops_before: number;
  mean_hops_after: number;
  seconds: { load: number; compress: number; verify: number; write: number };
  peak_rss_bytes: number;
}

/** Runs a command to its end; returns its seconds and what it printed. */
async function time(command: string, args: string[], env: Record<string, string> = {}) {
  const started = performance.now();
  const child = new Deno.Command(command, { args, env, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stderr);
  return {
    seconds: (performance.now() - started) / 1000,
    code,
    stdout: new TextDecoder().decode(stdout),
    stderr: text,
  };
}

async function ours(...args: string[]) {
  const binary = process.env["SCS_BINARY"];
  const result = binary === undefined
    ? await time(Deno.execPath(), ["run", "--no-check", ...PROGRAM_PERMISSIONS, PROGRAM, ...args, "--json"])
    : await time(binary, [...args, "--json"]);
  if (result.code !== 0) throw new Error(`the program failed:\n${result.stderr}`);
  return { seconds: result.seconds, report: JSON.parse(result.stdout) as Report };
}

function median<T>(items: T[], value: (item: T) => number): T {
  return items.toSorted((a, b) => value(a) - value(b))[Math.floor(items.length / 2)]!;
}

async function repeat<T extends { seconds: number }>(work: () => Promise<T>): Promise<T> {
  const results: T[] = [];
  for (let i = 0; i < runs; i++) results.push(await work());
  return median(results, ({ seconds }) => seconds);
}

const hasPsql = await time("psql", ["--version"]).then(() => true, () => false);

/** psql's binary COPY of a room's rows, in the order in which the program reads them. */
function copyByPsql(url: string, roomId: string) {
  const copy = `copy (select s.state_group, s.type, s.state_key, s.event_id
    from (select id from state_groups where room_id = '${roomId}' order by id offset 0) g
    join state_groups_state s on s.state_group = g.id order by g.id) to stdout (format binary)`;
  const planner = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off; " +
    "set max_parallel_workers_per_gather = 0";
  return time("sh", ["-c", 'psql "$1" -qc "$2" -c "$3" > /dev/null', "sh", url, planner, copy]);
}

/** Milliseconds of Synapse's own query for the state of one group, over a sample of the room's. */
async function readBySynapse(sql: Sql, roomId: string): Promise<string> {
  const groups = await sql`
    SELECT id FROM state_groups WHERE room_id = ${roomId} ORDER BY md5(id::text) LIMIT ${SAMPLED_GROUPS}`;
  const times: number[] = [];
  for (const { id } of groups as unknown as { id: string }[]) {
    const started = performance.now();
    await sql.begin(async (sql) => {
      await sql`SET LOCAL enable_seqscan = off`;
      await sql`WITH RECURSIVE sgs(state_group) AS (VALUES(${id}::bigint) UNION ALL
          SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group)
        SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
        WHERE state_group IN (SELECT state_group FROM sgs) ORDER BY type, state_key, state_group DESC`;
    });
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return `${times[times.length >> 1]!.toFixed(1)} (${times[Math.floor(times.length * 0.95)]!.toFixed(1)})`;
}

function table(rows: Record<string, string | number>[]): void {
  if (rows.length === 0) return;
  const names = Object.keys(rows[0]!);
  const width = (name: string) => Math.max(name.length, ...rows.map((row) => String(row[name]).length));
  const line = (cell: (name: string) => string) =>
    console.log(`| ${names.map((n) => cell(n).padEnd(width(n))).join(" | ")} |`);
  console.log();
  line((name) => name);
  line((name) => "-".repeat(width(name)));
  for (const row of rows) line((name) => String(row[name]));
}

const percent = (part: number, whole: number) => `${(100 * part / whole).toFixed(2)} %`;
const mebibytes = (bytes: number) => Math.round(bytes / 1024 ** 2);
const folder = await Deno.makeTempDir({ prefix: "scs-bench-" });
await using server = await startPostgres({ settings: SETTINGS });
await using admin = disposable(server.url);

function disposable(url: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}

/** Makes a database with one room in it. */
async function makeDatabase(name: string, scale: number): Promise<{ url: string; roomId: string }> {
  const database = `${name}_${String(scale).replace(".", "_")}`;
  const url = server.url.replace(/\/postgres$/, `/${database}`);
  await admin.sql.unsafe(`CREATE DATABASE ${database}`);
  const plan = benchRoom(name, scale);
  const { groups, rows } = await fillDatabase(url, [plan]);
  console.error(`${name} × ${scale}: ${groups} groups, ${rows} rows`);
  return { url, roomId: plan.roomId };
}

async function drop(url: string): Promise<void> {
  await admin.sql.unsafe(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
}

/** From nothing to a verified SQL file, beside psql's COPY of the same rows and the Rust tool. */
async function benchRoomRun(name: string, at: number): Promise<Record<string, string | number>[]> {
  const { url, roomId } = await makeDatabase(name, at);
  const file = `${folder}/${name}.sql`;
  await copyByPsqlOrNothing(url, roomId);
  const copy = await repeat(() => copyByPsqlOrNothing(url, roomId));
  const lines: Record<string, string | number>[] = [];
  const add = (tool: string, seconds: number, rest: Record<string, string | number>) =>
    lines.push({
      room: at === 1 ? name : `${name} × ${at}`,
      tool,
      seconds: seconds.toFixed(2),
      "× COPY": hasPsql ? (seconds / copy.seconds).toFixed(2) : "?",
      ...rest,
    });
  for (
    const [label, ...args] of [["branches"], ["branches, 100 hops", "--max-hops", "100"], [
      "levels",
      "--strategy",
      "levels",
    ]]
  ) {
    const { seconds, report } = await repeat(() => ours("-p", url, "-r", roomId, "-t", "-o", file, ...args));
    const { load, compress, verify, write } = report.seconds;
    add(label!, seconds, {
      rows: `${report.rows_before} -> ${report.rows_after}`,
      left: percent(report.rows_after, report.rows_before),
      rewritten: report.groups_rewritten,
      hops: `${report.max_hops_after} (mean ${report.mean_hops_after.toFixed(0)})`,
      "load / compress / verify / write": [load, compress, verify, write].map((s) => s.toFixed(2)).join(" / "),
      MiB: mebibytes(report.peak_rss_bytes),
    });
  }
  if (flags.rust !== undefined) {
    const rust = await time("sh", [
      "-c",
      'timeout 600 "$0" "$@"',
      flags.rust,
      "-p",
      url,
      "-r",
      roomId,
      "-t",
      "-o",
      file,
    ]);
    const after = /after compression: (\d+) \(([\d.]+)%\)/.exec(rust.stderr + rust.stdout);
    add("Rust tool", rust.seconds, {
      rows: `-> ${after?.[1] ?? "?"}`,
      left: `${after?.[2] ?? "?"} %`,
      rewritten: "",
      hops: "",
      "load / compress / verify / write": "",
      MiB: "",
    });
  }
  await drop(url);
  return lines;
}

function copyByPsqlOrNothing(url: string, roomId: string): Promise<{ seconds: number }> {
  return hasPsql ? copyByPsql(url, roomId) : Promise.resolve({ seconds: NaN });
}

/** Commits a room's rewrites, beside psql running the SQL file in the Rust tool's form; and what Synapse's reads cost. */
async function benchCommit(): Promise<void> {
  const { url, roomId } = await makeDatabase("chain", scale);
  const plain = `${folder}/plain.sql`;
  await ours("-p", url, "-r", roomId, "-t", "-o", plain, "--no-guards", "--strategy", "levels");
  const copyOf = url.replace(/\/([^/]+)$/, "/copy_of_chain");
  await admin.sql.unsafe(`CREATE DATABASE copy_of_chain TEMPLATE ${new URL(url).pathname.slice(1)}`);
  const wal = async () =>
    (await admin.sql`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS bytes`)[0]!["bytes"] as number;
  const measured = async (tool: string, work: () => Promise<number>) => {
    await admin.sql.unsafe("CHECKPOINT");
    const from = await wal();
    const seconds = await work();
    return { tool, seconds: seconds.toFixed(2), "WAL MiB": mebibytes(await wal() - from) };
  };
  await using database = disposable(url);
  const before = await readBySynapse(database.sql, roomId);
  const lines = [
    await measured(
      "-c, its writing alone",
      async () => (await ours("-p", url, "-r", roomId, "-c")).report.seconds.write,
    ),
  ];
  const after = await readBySynapse(database.sql, roomId);
  if (hasPsql) {
    lines.push(
      await measured(
        "psql -f, the Rust tool's rule and form",
        async () => (await time("psql", ["-qf", plain, copyOf])).seconds,
      ),
    );
  }
  await admin.sql.unsafe("DROP DATABASE copy_of_chain WITH (FORCE)");
  table(lines);
  table([{ "Synapse reads a group, ms, median (95th of 100)": "before", chain: before }, {
    "Synapse reads a group, ms, median (95th of 100)": "after",
    chain: after,
  }]);
  await database.sql.end();
  await drop(url);
}

/** The auto compressor over a whole server of small rooms, beside the Rust one on a copy of it. */
async function benchAuto(): Promise<void> {
  const url = server.url.replace(/\/postgres$/, "/small");
  await admin.sql.unsafe("CREATE DATABASE small");
  const { groups, rows } = await fillDatabase(url, smallRooms(Math.round(1500 * scale)));
  console.error(`small: ${groups} groups, ${rows} rows`);
  const lines: Record<string, string | number>[] = [];
  const run = async (tool: string, work: (url: string) => Promise<{ seconds: number }>) => {
    const copy = url.replace(/small$/, "copy_of_small");
    await admin.sql.unsafe("CREATE DATABASE copy_of_small TEMPLATE small");
    const { seconds } = await work(copy);
    const after = disposable(copy);
    const [count] = await after.sql`SELECT count(*)::int AS rows FROM state_groups_state`;
    await after.sql.end();
    await drop(copy);
    lines.push({ room: "small", tool, seconds: seconds.toFixed(1), rows: `${rows} -> ${count!["rows"]}` });
  };
  await run("auto", (url) => ours("auto", "-p", url));
  await run("auto --workers 2", (url) => ours("auto", "-p", url, "--workers", "2"));
  await run("auto -c 500", (url) => ours("auto", "-p", url, "-c", "500"));
  const rust = flags["rust-auto"];
  if (rust !== undefined) {
    await run("Rust tool -c 500", (url) => time(rust, ["-p", url, "-c", "500", "-n", "1000000"]));
  }
  table(lines);
  await drop(url);
}

const wanted = positionals.length > 0 ? positionals : ["chain", "spam", "hard", "commit"];
try {
  for (const name of wanted) {
    if (name === "commit") await benchCommit();
    else if (name === "small") await benchAuto();
    else if (name === "growth") {
      const lines = [];
      for (const part of [0.25, 1, 4]) lines.push(...await benchRoomRun("chain", part * scale));
      table(lines);
    } else table(await benchRoomRun(name, scale));
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
