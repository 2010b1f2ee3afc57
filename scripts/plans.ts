/**
 * `deno task bench:plans`: what finding a plan costs in each setting, without a database: compress, collect the rewrites, verify
 * them. Rooms are made or read once, then all settings take their turns, so that what else the machine does falls on all alike.
 * Prints milliseconds of the fastest turn, each as a multiple of `rows` too, and what the sets come to in rows and reads.
 *
 *     deno task bench:plans [small real others chain spam hard] [--scale N] [--turns N]
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { heightsAbove } from "../src/core/forest/outside.ts";
import { type DeltaForest, ForestBuilder } from "../src/core/forest/forest.ts";
import { compress, findRewrites, type Preference, PREFERENCES } from "../src/core/plan/compress.ts";
import { countReaders, measureReads } from "../src/core/plan/cost.ts";
import { verify } from "../src/core/verify.ts";
import { parseDump, readGzip } from "./dump.ts";
import { benchRoom, makeForest, smallRooms } from "./rooms.ts";

const FIXTURE = new URL("../tests/fixtures/synapse.sql.gz", import.meta.url);

/** Processor time of this process so far: what the machine does for others is not in it. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { scale: { type: "string", default: "1" }, turns: { type: "string", default: "3" } },
});
const scale = Number(flags.scale);

/** The forests of a set's rooms. */
async function* makeForests(set: string): AsyncGenerator<DeltaForest> {
  if (set === "small") { for (const plan of smallRooms(Math.round(1500 * scale))) yield makeForest(plan); }
  else if (set === "real") yield (await readFixture())[0]!;
  else if (set === "others") yield* (await readFixture()).slice(1);
  else yield makeForest(benchRoom(set, scale));
}

/** The fixture's rooms, the one with most groups first. */
async function readFixture(): Promise<DeltaForest[]> {
  const tables = new Map<string, string[][]>();
  for (const { statement, data = "" } of parseDump(await readGzip(FIXTURE))) {
    const name = /^COPY public\.(\w+) /.exec(statement)?.[1];
    if (name !== undefined) tables.set(name, data.split("\n").filter(Boolean).map((line) => line.split("\t")));
  }
  const builders = new Map<string, ForestBuilder>();
  const ofGroup = new Map<string, ForestBuilder>();
  for (const [id, roomId] of tables.get("state_groups")!) {
    let builder = builders.get(roomId!);
    if (builder === undefined) builders.set(roomId!, builder = new ForestBuilder(roomId!));
    builder.addGroup(Number(id));
    ofGroup.set(id!, builder);
  }
  for (const [id, base] of tables.get("state_group_edges")!) ofGroup.get(id!)!.addEdge(Number(id), Number(base));
  for (const [id, , type, key, event] of tables.get("state_groups_state")!.sort(([a], [b]) => Number(a) - Number(b))) {
    const builder = ofGroup.get(id!)!;
    builder.addRow(Number(id), builder.keys.internPair(type!, key!), builder.events.internText(event!));
  }
  return [...builders.values()].map((builder) => builder.finish()).sort((a, b) => b.size - a.size);
}

/** One turn over all rooms: milliseconds, rows, and the mean read after as a multiple of before, weighed by groups. */
function turn(forests: readonly DeltaForest[], prefer: Preference) {
  const ms = { compress: 0, verify: 0 };
  let [rows, before, after] = [0, 0, 0];
  for (const forest of forests) {
    const started = cpuMs();
    const compression = compress(forest, { prefer, heights: heightsAbove(forest.outside, forest.size) });
    const rewrites = compression.rowsAfter < compression.rowsBefore ? findRewrites(compression) : undefined;
    const compressed = cpuMs();
    if (rewrites !== undefined) verify(forest, rewrites);
    ms.compress += compressed - started;
    ms.verify += cpuMs() - compressed;
    rows += compression.rowsAfter;
    const readers = countReaders(forest);
    before += measureReads(forest, readers).meanUs * forest.size;
    after += measureReads(compression, readers).meanUs * forest.size;
  }
  return { ms, total: ms.compress + ms.verify, rows, read: after / before };
}

console.log("| set | setting | rows | read | compress, ms | verify, ms | × rows |");
console.log("| --- | ------- | ---- | ---- | ------------ | ---------- | ------ |");
for (const set of positionals.length > 0 ? positionals : ["small", "real", "others", "chain", "spam", "hard"]) {
  const forests: DeltaForest[] = [];
  for await (const forest of makeForests(set)) forests.push(forest);
  const best = new Map<Preference, ReturnType<typeof turn>>();
  for (let i = 0; i < Number(flags.turns); i++) {
    for (const prefer of PREFERENCES) {
      const result = turn(forests, prefer);
      if (result.total < (best.get(prefer)?.total ?? Infinity)) best.set(prefer, result);
    }
  }
  for (const [prefer, { ms, total, rows, read }] of best) {
    const cells = [set, prefer, rows, read.toFixed(3), ms.compress.toFixed(0), ms.verify.toFixed(0)];
    console.log(`| ${[...cells, (total / best.get("rows")!.total).toFixed(2)].join(" | ")} |`);
  }
}
