/**
 * `deno task bench:reads`: what compression makes of Synapse's reads. For each room, copies of its database are compressed with each
 * setting, by the program as its users run it; then Synapse's own two queries read a sample of groups in all copies in turn, so
 * that what else the machine does falls on all alike. Prints rows and the times of a full and of a filtered read, each as a
 * multiple of before, the median over a sample; and of full reads of the newest groups, on which Synapse builds. At the end it fits
 * the read-cost model of core/plan/cost.ts to all full and all filtered reads, by least squares. SCS_POSTGRES_MAJOR=14 has it on
 * another PostgreSQL.
 *
 *     deno task bench:reads [real chain spam hard] [--scale N] [--samples N] [--rust PATH]
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import process from "node:process";
import postgres, { type Sql } from "postgres";
import { PLANNER_STATEMENT } from "../src/db/read/planner.ts";
import { loadDump, readGzip } from "./dump.ts";
import { fillDatabase } from "./fill.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { startPostgres } from "./postgres.ts";
import { benchRoom, smallRooms } from "./rooms.ts";

const PROGRAM = fileURLToPath(new URL("../main.ts", import.meta.url));
const FIXTURE = new URL("../tests/fixtures/synapse.sql.gz", import.meta.url);
/** Of the newest groups, on which Synapse builds: one of twenty, and no more than this many. */
const NEWEST = { share: 0.05, most: 1000 };
/** Each group is read this often, and the fastest time is taken: the others had to wait for the machine. */
const ROUNDS = 3;

/**
 * What Synapse runs to read the state of a group, word for word: _get_state_groups_from_groups_txn in
 * storage/databases/state/bg_updates.py of Synapse 1.163.
 */
const CHAIN = `WITH RECURSIVE sgs(state_group) AS (
    VALUES($1::bigint) UNION ALL
    SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group
  )`;
const FULL_QUERY = `${CHAIN}
  SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
  WHERE state_group IN (SELECT state_group FROM sgs) ORDER BY type, state_key, state_group DESC`;
/** Where fewer than ten keys are asked for: what filter_events_for_client asks of a member, all day long. */
const FILTERED_QUERY = `${CHAIN} ${
  ["(type = $2 AND state_key = $3)", "(type = $4 AND state_key = $5)"].map((where) =>
    `(SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
      INNER JOIN sgs USING (state_group) WHERE ${where} ORDER BY type, state_key, state_group DESC)`
  ).join(" UNION ")
}`;
/** What a group's read depends on. */
const PATH_QUERY = `${CHAIN} SELECT (SELECT count(*) - 1 FROM sgs)::int AS hops,
  (SELECT count(*) FROM state_groups_state WHERE state_group IN (SELECT state_group FROM sgs))::int AS rows`;

const flags = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: "string", default: "1" },
    samples: { type: "string", default: "150" },
    rust: { type: "string" },
  },
});
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  "--prefer rows": ["--prefer", "rows"],
  "--prefer balance": ["--prefer", "balance"],
  "--prefer reads": ["--prefer", "reads"],
  "levels (the Rust tool's result)": ["--strategy", "levels"],
};

await using server = await startPostgres({ settings: { shared_buffers: "1GB", max_wal_size: "4GB" } });
await using admin = client(server.url);

/** Of a read: hops and rows on the path, and the milliseconds that it took. */
type Sample = readonly [hops: number, rows: number, ms: number];
const full: Sample[] = [];
const filtered: Sample[] = [];
console.log("| room | setting | rows | full | filtered | newest |\n| --- | --- | --- | --- | --- | --- |");
for (const name of flags.positionals.length > 0 ? flags.positionals : ["real", "chain", "spam", "hard"]) {
  await benchReads(name);
}
console.log(`full reads: ${formatFit(full)}\nfiltered reads: ${formatFit(filtered)}`);

async function benchReads(name: string): Promise<void> {
  const stock = await makeRoom(name);
  const variants: { setting: string; sql: Sql; rows: number; reads: number[]; filtered: number[]; newest: number[] }[] =
    [];
  await using clients = new AsyncDisposableStack();
  const add = async (setting: string, url: string) => {
    const { sql } = clients.use(client(url));
    await sql.unsafe("VACUUM (ANALYZE) state_groups_state");
    await sql.unsafe("VACUUM (ANALYZE) state_group_edges");
    const [row] = await sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE room_id = ${stock.roomId}`;
    variants.push({ setting, sql, rows: row!["rows"], reads: [], filtered: [], newest: [] });
  };
  const copy = async (setting: string, work: (url: string) => Promise<void>) => {
    const database = `copy_${variants.length}`;
    const url = server.url.replace(/\/postgres$/, `/${database}`);
    await admin.sql.unsafe(`DROP DATABASE IF EXISTS ${database}`);
    await admin.sql.unsafe(`CREATE DATABASE ${database} TEMPLATE ${stock.database}`);
    await work(url);
    await add(setting, url);
  };
  for (const [setting, options] of Object.entries(SETTINGS)) {
    const work = (url: string) => compress(["-p", url, "-r", stock.roomId, "-c", "--quiet", ...options]);
    // The planner is told of a compressed table, as the program advises; one copy goes without.
    await copy(setting, async (url) => {
      await work(url);
      await using compressed = client(url);
      await compressed.sql.unsafe(PLANNER_STATEMENT).simple();
    });
    if (setting === "--prefer balance") await copy(`${setting}, n_distinct as Synapse sets it`, work);
  }
  if (flags.values.rust) await copy("Rust", (url) => run(flags.values.rust!, ["-p", url, "-r", stock.roomId, "-c"]));
  // Last, since nothing may be connected to a template while it is copied.
  await add("before", stock.url);
  const before = variants.at(-1)!;

  const groups = await before.sql`SELECT id::text FROM state_groups WHERE room_id = ${stock.roomId} ORDER BY id`;
  const ids = groups.map(({ id }) => id as string);
  const newest = ids.slice(-Math.min(NEWEST.most, Math.ceil(ids.length * NEWEST.share)));
  // Not the first that comes: in the synthetic rooms that one is in all of them.
  const [member] = await before.sql`SELECT state_key FROM state_groups_state
    WHERE room_id = ${stock.roomId} AND type = 'm.room.member' ORDER BY state_key DESC LIMIT 1`;
  const keys = ["m.room.history_visibility", "", "m.room.member", member!["state_key"]];
  const samples = Number(flags.values.samples);
  for (const id of spread(ids, samples)) {
    for (const variant of variants) {
      const [path] = await variant.sql.unsafe(PATH_QUERY, [id]);
      variant.reads.push(await timeRead(variant.sql, FULL_QUERY, [id]));
      variant.filtered.push(await timeRead(variant.sql, FILTERED_QUERY, [id, ...keys]));
      full.push([path!["hops"], path!["rows"], variant.reads.at(-1)!]);
      filtered.push([path!["hops"], path!["rows"], variant.filtered.at(-1)!]);
    }
  }
  for (const id of spread(newest, samples)) {
    for (const variant of variants) variant.newest.push(await timeRead(variant.sql, FULL_QUERY, [id]));
  }
  for (const { setting, rows, ...times } of variants) {
    const cell = (of: "reads" | "filtered" | "newest") =>
      setting === "before" ? `${median(times[of]).toFixed(2)} ms` : (median(times[of]) / median(before[of])).toFixed(2);
    const share = setting === "before" ? rows : `${(100 * rows / before.rows).toFixed(2)}%`;
    const cells = [name, setting, share, cell("reads"), cell("filtered"), cell("newest")];
    console.log(`| ${cells.join(" | ")} |`);
  }
  await clients.disposeAsync();
}

/**
 * A database with one room that matters: the biggest of the fixture's, or a synthetic one. That one stands among 1,500 small ones, as
 * on a server: in a table of nothing but a room that has been compressed, a key has so few rows that the planner looks for it in all
 * groups instead of in those on the chain.
 */
async function makeRoom(name: string): Promise<{ url: string; database: string; roomId: string }> {
  const database = `stock_${name}`;
  const url = server.url.replace(/\/postgres$/, `/${database}`);
  await admin.sql.unsafe(`CREATE DATABASE ${database}`);
  if (name !== "real") {
    const plan = benchRoom(name, Number(flags.values.scale));
    await fillDatabase(url, [plan, ...smallRooms()]);
    return { url, database, roomId: plan.roomId };
  }
  await using owner = client(url);
  await loadDump(owner.sql, await readGzip(FIXTURE), (statement) => !/OWNER TO|set_config|^SET /.test(statement));
  const [room] = await owner.sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`;
  return { url, database, roomId: room!["room_id"] };
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

/** Fixed part, cost of a hop and cost of a row, in microseconds, with errors weighed relative to the time; and how well they fit. */
function formatFit(samples: readonly Sample[]): string {
  const rows = samples.map(([hops, rows, ms]) => ({ x: [1 / ms, hops / ms, rows / ms], y: 1 }));
  // Normal equations, solved by elimination.
  const matrix = [0, 1, 2].map((i) => [
    ...[0, 1, 2].map((j) => rows.reduce((sum, { x }) => sum + x[i]! * x[j]!, 0)),
    rows.reduce((sum, { x, y }) => sum + x[i]! * y, 0),
  ]);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      if (j === i) continue;
      const factor = matrix[j]![i]! / matrix[i]![i]!;
      for (let k = 0; k < 4; k++) matrix[j]![k]! -= factor * matrix[i]![k]!;
    }
  }
  const [fixed, hop, row] = matrix.map((line, i) => line[3]! / line[i]!);
  const mean = samples.reduce((sum, [, , ms]) => sum + ms, 0) / samples.length;
  const square = (of: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + of(sample) ** 2, 0);
  const fit = 1 -
    square(([hops, rows, ms]) => ms - fixed! - hop! * hops - row! * rows) / square(([, , ms]) => ms - mean);
  const us = (ms: number | undefined) => (1000 * ms!).toFixed(2);
  return `${us(fixed)} µs + ${us(hop)} µs a hop + ${us(row)} µs a row (R² ${fit.toFixed(3)}, ${samples.length} reads)`;
}

/**
 * Milliseconds of one read, the fastest of a few. As Synapse's driver sends it: values in the text, one round trip, nothing
 * prepared, in a REPEATABLE READ transaction.
 */
async function timeRead(sql: Sql, query: string, [id, ...keys]: readonly string[]): Promise<number> {
  const values = [id!, ...keys.map((key) => `'${key.replaceAll("'", "''")}'`)];
  const text = query.replaceAll(/\$(\d)/g, (_, place) => values[Number(place) - 1]!);
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    await sql.begin("ISOLATION LEVEL REPEATABLE READ", async (sql) => {
      await sql`SET LOCAL enable_seqscan = off`;
      const started = performance.now();
      await sql.unsafe(text);
      best = Math.min(best, performance.now() - started);
    });
  }
  return best;
}

/** `count` of the items, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i + 0.5) * items.length / count)]!);
}

async function compress(args: readonly string[]): Promise<void> {
  const binary = process.env["SCS_BINARY"];
  if (binary === undefined) await run(Deno.execPath(), ["run", "--no-check", ...PROGRAM_PERMISSIONS, PROGRAM, ...args]);
  else await run(binary, args);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], stdout: "null" }).output();
  if (!success) throw new Error(`Cannot run ${command}: ${new TextDecoder().decode(stderr).trim()}`);
}

function client(url: string): { sql: Sql } & AsyncDisposable {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}
