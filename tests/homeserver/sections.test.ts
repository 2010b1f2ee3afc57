import { deepStrictEqual } from "node:assert/strict";
import { readSections } from "../../src/homeserver/sections.ts";
import { fails } from "../support/homeserver.ts";

Deno.test("readSections() names the place of what is wrong", () => {
  fails(["a: 1\nb: [1, 2\nc: 3\n"], /^Cannot read file1.yaml: line \d+, column \d+: it is not valid YAML/);
  fails(["a: 1\n\tpassword: secret\n"], /^Cannot read file1.yaml: line 2, column \d+: /);
  fails(["- a\n"], /is not a list of settings/);
  fails(["a: *nothing"], /^Cannot read file1.yaml: /);
  fails(
    ["x: 1", "state_compressor:\n  enabled: true\n  chunksize: 5\n"],
    'Cannot use file2.yaml line 3: state_compressor has no setting "chunksize"',
    /Did you mean chunk_size\?/,
  );
  fails(
    ["state_compressor:\n  time_between_runs: soon\n"],
    'Cannot use file1.yaml line 2: time_between_runs is "soon": a duration such as 1d, 6h, 30m or 90s is expected',
  );
});

Deno.test("readSections() takes the last of equal keys, in a file and over files, and takes each whole", () => {
  const files = ["a: {x: 1, y: 2}\nb: 1\nb: 2\nc: 0\n", "", "a: {x: 3}\n"];
  const sections = readSections(files.map((text, i) => ({ name: `${i}.yaml`, text })));
  deepStrictEqual([...sections].map(([key, { value }]) => [key, value]), [["a", { x: 3 }], ["b", 2], ["c", 0]]);
  const places = [sections.get("a")!.place("x"), sections.get("c")!.place("nothing")];
  deepStrictEqual(places, ["2.yaml line 1", "0.yaml line 4"]);
});
