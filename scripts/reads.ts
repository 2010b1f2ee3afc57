/**
 * `deno task bench:reads`: what compression makes of Synapse's reads. For each room, copies of its database are compressed with each
 * setting, by the program as its users run it; then Synapse's own query reads a sample of groups in all copies in turn, so
 * that what else the machine does falls on all alike. Prints rows and the time of a read, each as a multiple of before:
 * the mean over a random sample, and over the newest groups, on which Synapse builds.
 *
 *     deno task bench:reads [real chain spam hard] [--scale N] [--samples N] [--rust PATH]
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import process from "node:process";
import postgres, { type Sql } from "postgres";
import { loadDump, readGzip } from "./dump.ts";
import { fillDatabase } from "./fill.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { startPostgres } from "./postgres.ts";
import { benchRoom } from "./rooms.ts";

const PROGRAM = fileURLToPath(new URL("../main.ts", import.meta.url));
const FIXTURE = new URL("../tests/fixtures/synapse.sql.gz", import.meta.url);
/** Of the newest groups, on which Synapse builds: one of twenty, and no more than this many. */
const NEWEST = { share: 0.05, most: 1000 };
/** Each group is read this often, and the fastest time is taken: the others had to wait for the machine. */
const ROUNDS = 3;

/** What Synapse runs to read the state of a group (synapse/storage/databases/state/bg_updates.py). */
const SYNAPSE_QUERY = `WITH RECURSIVE sgs(state_group) AS (
    VALUES($1::bigint) UNION ALL
    SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group
  )
  SELECT DISTINCT ON (type, state_key) type, state_key, event_id FROM state_groups_state
  WHERE state_group IN (SELECT state_group FROM sgs) ORDER BY type, state_key, state_group DESC`;

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
  "--max-hops 100": ["--prefer", "rows", "--max-hops", "100"],
  "--max-hops 50": ["--prefer", "rows", "--max-hops", "50"],
};

await using server = await startPostgres({ settings: { shared_buffers: "1GB", max_wal_size: "4GB" } });
await using admin = client(server.url);

console.log("| room | setting | rows | reads | newest |\n| --- | --- | --- | --- | --- |");
for (const name of flags.positionals.length > 0 ? flags.positionals : ["real", "chain", "spam", "hard"]) {
  await benchReads(name);
}

async function benchReads(name: string): Promise<void> {
  const stock = await makeRoom(name);
  const variants: { setting: string; sql: Sql; rows: number; reads: number[]; newest: number[] }[] = [];
  await using clients = new AsyncDisposableStack();
  const add = async (setting: string, url: string) => {
    const { sql } = clients.use(client(url));
    await sql.unsafe("VACUUM (ANALYZE) state_groups_state");
    await sql.unsafe("VACUUM (ANALYZE) state_group_edges");
    const [row] = await sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE room_id = ${stock.roomId}`;
    variants.push({ setting, sql, rows: row!["rows"], reads: [], newest: [] });
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
    await copy(setting, (url) => compress(["-p", url, "-r", stock.roomId, "-c", "--quiet", ...options]));
  }
  if (flags.values.rust) await copy("Rust", (url) => run(flags.values.rust!, ["-p", url, "-r", stock.roomId, "-c"]));
  // Last, since nothing may be connected to a template while it is copied.
  await add("before", stock.url);
  const before = variants.at(-1)!;

  const groups = await before.sql`SELECT id::text FROM state_groups WHERE room_id = ${stock.roomId} ORDER BY id`;
  const ids = groups.map(({ id }) => id as string);
  const newest = ids.slice(-Math.min(NEWEST.most, Math.ceil(ids.length * NEWEST.share)));
  for (const [column, of] of [["reads", ids], ["newest", newest]] as const) {
    for (const id of spread(of, Number(flags.values.samples))) {
      for (const variant of variants) variant[column].push(await readGroup(variant.sql, id));
    }
  }
  const mean = (times: number[]) => times.reduce((sum, time) => sum + time, 0) / times.length;
  for (const { setting, rows, reads, newest } of variants) {
    const cells = [
      name,
      setting,
      setting === "before" ? rows : `${(100 * rows / before.rows).toFixed(2)}%`,
      setting === "before" ? `${mean(reads).toFixed(2)} ms` : (mean(reads) / mean(before.reads)).toFixed(2),
      setting === "before" ? `${mean(newest).toFixed(2)} ms` : (mean(newest) / mean(before.newest)).toFixed(2),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  await clients.disposeAsync();
}

/** A database with one room that matters: the biggest of the fixture's, or a synthetic one. */
async function makeRoom(name: string): Promise<{ url: string; database: string; roomId: string }> {
  const database = `stock_${name}`;
  const url = server.url.replace(/\/postgres$/, `/${database}`);
  await admin.sql.unsafe(`CREATE DATABASE ${database}`);
  if (name !== "real") {
    const plan = benchRoom(name, Number(flags.values.scale));
    await fillDatabase(url, [plan]);
    return { url, database, roomId: plan.roomId };
  }
  await using owner = client(url);
  await loadDump(owner.sql, await readGzip(FIXTURE), (statement) => !/OWNER TO|set_config|^SET /.test(statement));
  const [room] = await owner.sql`SELECT room_id FROM state_groups GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`;
  return { url, database, roomId: room!["room_id"] };
}

/** Milliseconds of one read, the fastest of a few. */
async function readGroup(sql: Sql, id: string): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    await sql.begin(async (sql) => {
      await sql`SET LOCAL enable_seqscan = off`;
      const started = performance.now();
      await sql.unsafe(SYNAPSE_QUERY, [id]);
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
