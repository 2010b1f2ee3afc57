/**
 * `deno task demo`: the main job on real data, from nothing: starts a PostgreSQL, loads nine rooms of a real Synapse,
 * compresses the biggest with the program as a user would run it, and proves by Synapse's own query that sampled groups have
 * the state that they had. Leaves the graph files; stops the server and removes all else.
 */
import { join } from "node:path";
import process from "node:process";
import postgres, { type Sql } from "postgres";
import { loadDump, readGzip } from "./dump.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { withPostgres } from "./postgres.ts";

const FIXTURE = new URL("../tests/fixtures/synapse.sql.gz", import.meta.url);
const PROGRAM = new URL("../main.ts", import.meta.url).pathname;
const SAMPLES = 200;

/** What Synapse runs to read the state of a group (synapse/storage/databases/state/bg_updates.py). */
const SYNAPSE_QUERY = `
  WITH RECURSIVE sgs(state_group) AS (
    VALUES($1::bigint)
    UNION ALL
    SELECT prev_state_group FROM state_group_edges e, sgs s WHERE s.state_group = e.state_group
  )
  SELECT DISTINCT ON (type, state_key) type, state_key, event_id
  FROM state_groups_state
  WHERE state_group IN (SELECT state_group FROM sgs)
  ORDER BY type, state_key, state_group DESC`;

function say(line: string): void {
  console.log(line);
}

async function demo(server: string, signal: AbortSignal): Promise<number> {
  const url = server.replace(/\/postgres$/, "/synapse");
  await using admin = client(server);
  await admin.sql.unsafe("CREATE DATABASE synapse");
  await using database = client(url);
  const { sql } = database;
  say("Loading nine rooms of a real Synapse ...");
  // The owner in the dump does not exist here, and an empty search path is the dump's own business.
  await loadDump(sql, await readGzip(FIXTURE), (statement) => !/OWNER TO|set_config|^SET /.test(statement));
  await sql.unsafe("ANALYZE");
  const [room] =
    await sql`SELECT room_id, count(*)::int AS groups FROM state_groups GROUP BY 1 ORDER BY 2 DESC LIMIT 1`;
  const roomId = room!["room_id"] as string;
  const ids = await sql<{ id: string }[]>`
    SELECT id FROM state_groups WHERE room_id = ${roomId} ORDER BY md5(id::text) LIMIT ${SAMPLES}`;
  const before = await readStates(sql, ids.map(({ id }) => id));
  say(`The biggest room is ${roomId}: ${room!["groups"]} state groups, ${await countRows(sql, roomId)} rows.`);

  const graphs = await Deno.makeTempDir({ prefix: "synapse_compress_state-graphs-" });
  const args = ["-p", url, "-r", roomId, "-c", "-g", "--graph-dir", graphs];
  say(`\n$ synapse_compress_state -p postgresql://…/synapse -r '${roomId}' -c -g --graph-dir ${graphs}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...PROGRAM_PERMISSIONS, PROGRAM, ...args],
    signal,
  }).spawn();
  const { code } = await child.status;
  if (code !== 0) return code;

  const after = await readStates(sql, ids.map(({ id }) => id));
  const changed = ids.filter((_, i) => before[i] !== after[i]);
  say(`\nRows in state_groups_state for this room now: ${await countRows(sql, roomId)}`);
  if (changed.length > 0) {
    say(`FAILED: ${changed.length} of ${ids.length} sampled state groups have another state by Synapse's own query.`);
    return 1;
  }
  say(
    `Proof: ${ids.length} sampled state groups, read by Synapse's own query before and after: every state is unchanged.`,
  );
  say(`The graph files for Gephi are in ${graphs}:`);
  for (const { name } of [...Deno.readDirSync(graphs)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    say(`  ${join(graphs, name)}  ${(await Deno.stat(join(graphs, name))).size} bytes`);
  }
  return 0;
}

/** The full state of each group, as one text each. */
async function readStates(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const states = [];
  for (const id of ids) states.push(JSON.stringify(await sql.unsafe(SYNAPSE_QUERY, [id])));
  return states;
}

async function countRows(sql: Sql, roomId: string): Promise<number> {
  const [row] = await sql`SELECT count(*)::int AS rows FROM state_groups_state WHERE room_id = ${roomId}`;
  return row!["rows"];
}

function client(url: string): { sql: Sql } & AsyncDisposable {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}

if (import.meta.main) {
  say("Starting a PostgreSQL of this demo's own (the first time npm fetches it, some 20 MB) ...");
  process.exit(await withPostgres({ say }, demo));
}
