import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parse } from "../support/homeserver.ts";

Deno.test("parseHomeserverConfig() has the documentation's defaults", () => {
  deepStrictEqual(parse(""), {
    enabled: true,
    chunkSize: 500,
    numberOfRooms: 5,
    numberOfChunks: undefined,
    defaultLevels: [100, 50, 25],
    timeBetweenRunsMs: 86_400_000,
    prefer: undefined,
    prune: false,
    reclaim: false,
    reclaimWindow: undefined,
    database: undefined,
    eventsDatabase: undefined,
  });
  strictEqual(parse("state_compressor:\n").chunkSize, 500);
});

Deno.test("parseHomeserverConfig() reads all five, in YAML as Synapse's, and later files over earlier ones", () => {
  const settings = parse(
    "state_compressor: {chunk_size: 1}\nserver_name: x\nserver_name: y\n",
    "state_compressor:\n  enabled: no\n  chunk_size: 250\n  number_of_rooms: 2\n  default_levels: 80,20\n  time_between_runs: 6h\n",
  );
  deepStrictEqual({ ...settings, database: 0 }, {
    enabled: false,
    chunkSize: 250,
    numberOfRooms: 2,
    numberOfChunks: undefined,
    defaultLevels: [80, 20],
    timeBetweenRunsMs: 21_600_000,
    database: 0,
    prefer: undefined,
    prune: false,
    reclaim: false,
    reclaimWindow: undefined,
    eventsDatabase: undefined,
  });
  deepStrictEqual(parse("state_compressor: {default_levels: [9, 3]}").defaultLevels, [9, 3]);
  // Synapse takes a top-level key whole from the last file that has it.
  strictEqual(parse("state_compressor: {chunk_size: 1}", "state_compressor: {number_of_rooms: 1}").chunkSize, 500);
});
