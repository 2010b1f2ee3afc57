import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { parseDuration } from "../../src/homeserver/compressor.ts";
import { fails, parse, POSTGRES } from "../support/homeserver.ts";

Deno.test("parseDuration() reads what Synapse's parse_duration does", () => {
  const known = {
    "1d": 86_400_000,
    "6h": 21_600_000,
    "30m": 1_800_000,
    "90s": 90_000,
    "2w": 1_209_600_000,
    "1500": 1500,
  };
  for (const [text, ms] of Object.entries(known)) strictEqual(parseDuration(text), ms);
  strictEqual(parseDuration("1y"), 365 * 86_400_000);
  strictEqual(parseDuration(1500), 1500);
  for (const wrong of ["", "1.5d", "d", "1 d", "-1d", "1x", "1ms", true, null, 1.5, -1, [], "99999999999999999y"]) {
    throws(() => parseDuration(wrong), SyntaxError);
  }
});

Deno.test("state_compressor: number_of_chunks, by which the Rust tool's documents bound a run, then of all rooms", () => {
  const only = parse("state_compressor: {number_of_chunks: 100}");
  deepStrictEqual([only.numberOfChunks, only.numberOfRooms], [100, undefined]);
  const both = parse("state_compressor: {number_of_chunks: 100, number_of_rooms: 3}");
  deepStrictEqual([both.numberOfChunks, both.numberOfRooms], [100, 3]);
  fails(["state_compressor: {number_of_chunks: 0}"], /number_of_chunks is 0: a whole number of at least 1 is expected/);
});

Deno.test("state_compressor: a property that every object has is no setting", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    fails(
      [`state_compressor: {${name}: 1}`],
      `Cannot use file1.yaml line 1: state_compressor has no setting "${name}"`,
    );
    deepStrictEqual(parse(`${name}: {chunk_size: 7}\n`).chunkSize, 500);
  }
});

Deno.test("state_compressor: a wrong setting is named with its place and what is expected", () => {
  fails(["state_compressor: {chunksize: 5}"], /has no setting "chunksize"$/, /Did you mean chunk_size\?/);
  fails(["state_compressor: {colour: red}"], /has no setting "colour"/, /Its settings are enabled, chunk_size/);
  fails(["state_compressor: {time_between_runs: 500}"], /at least 1s is expected; a number alone is milliseconds/);
  fails(["state_compressor: {chunk_size: 0}"], /chunk_size is 0: a whole number of at least 1 is expected/);
  fails(["state_compressor: {enabled: 'maybe'}"], /enabled is "maybe": true or false is expected/);
  fails(["state_compressor: {default_levels: 100-50}"], /default_levels is "100-50"/);
  fails(["state_compressor: [1]"], /settings are expected, each a key/);
});

Deno.test("state_compressor: prune, reclaim and its window", () => {
  const settings = parse(`${POSTGRES}state_compressor: {prune: true, reclaim: true, reclaim_window: "22:30-05:00"}\n`);
  deepStrictEqual([settings.prune, settings.reclaim], [true, true]);
  deepStrictEqual(settings.reclaimWindow, { from: 22 * 60 + 30, to: 5 * 60 });
  deepStrictEqual(parse("state_compressor: {reclaim_window: 0:00-24:00}\n").reclaimWindow, { from: 0, to: 0 });
  for (const wrong of ["nightly", "25:00-26:00", "02:00", "2-5", "02:61-03:00"]) {
    fails([`state_compressor: {reclaim_window: "${wrong}"}\n`], /reclaim_window .*a time of day such as 02:00-05:00/);
  }
});

Deno.test("state_compressor: prefer is one of three, and excludes levels that bound the chains otherwise", () => {
  strictEqual(parse("state_compressor: {}").prefer, undefined);
  for (const prefer of ["rows", "balance", "reads"]) {
    strictEqual(parse(`state_compressor: {prefer: ${prefer}}`).prefer, prefer);
  }
  strictEqual(parse("state_compressor: {prefer: reads, default_levels: '100,50,25'}").prefer, "reads");
  fails(["state_compressor: {prefer: speed}"], /prefer is "speed": one of rows, balance, reads is expected/);
  fails(
    ["state_compressor: {prefer: reads, default_levels: '60,20'}"],
    /prefer and default_levels: 60,20 exclude each other/,
    /Leave one of the two out/,
  );
});
