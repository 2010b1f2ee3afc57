import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatLogLine, isWanted, NdjsonProgress } from "../../../src/cli/progress/ndjson.ts";

/** What is written while phases are shown at given times. */
function written(...steps: [ms: number, scope: "whole" | "phase", name: string, share?: number, done?: number][]) {
  const lines: Record<string, unknown>[] = [];
  let ms = 0;
  const progress = new NdjsonProgress({ write: (text) => lines.push(JSON.parse(text)), now: () => ms });
  for (const [at, scope, name, share, done] of steps) {
    ms = at;
    progress.show(scope, { name, share, ...done === undefined ? {} : { unit: "row", done } });
  }
  return lines.map(({ time, ...line }) => {
    strictEqual(new Date(time as string).toISOString(), time);
    return line;
  });
}

Deno.test("NdjsonProgress writes each new phase and its end, and what is between ten times a second at most", () => {
  const lines = written(
    [0, "phase", "reading rows", 0, 0],
    [50, "phase", "reading rows", 0.1, 1],
    [120, "phase", "reading rows", 0.2, 2],
    [130, "phase", "reading rows", 1, 9],
    [131, "phase", "writing"],
    [132, "whole", "all rooms", 0.5],
    [133, "whole", "all rooms", 0.6],
  );
  deepStrictEqual(lines.map(({ scope, name, share }) => [scope, name, share]), [
    ["phase", "reading rows", 0],
    ["phase", "reading rows", 0.2],
    ["phase", "reading rows", 1],
    ["phase", "writing", null],
    ["whole", "all rooms", 0.5],
  ]);
});

Deno.test("NdjsonProgress says the rate and the time left once they are known", () => {
  const lines = written([0, "phase", "reading", 0, 0], [2000, "phase", "reading", 0.5, 1000]);
  deepStrictEqual(lines.map(({ per_second, seconds_left, unit }) => [per_second, seconds_left, unit]), [
    [null, null, "row"],
    [500, 2, "row"],
  ]);
});

Deno.test("formatLogLine() is one line of JSON whatever the message, with the hint where there is one", () => {
  const { time, ...line } = JSON.parse(formatLogLine("error", "Cannot \x9bgo\non", "Go."));
  deepStrictEqual(line, { event: "log", level: "error", message: "Cannot \x9bgo\non", hint: "Go." });
  strictEqual(formatLogLine("info", "a\nb\x9b").split("\n").length, 2);
  strictEqual("hint" in JSON.parse(formatLogLine("info", "x", null)), false);
  strictEqual(typeof time, "string");
});

Deno.test("isWanted() takes what matters as much as is asked for, or more", () => {
  deepStrictEqual((["error", "warning", "info"] as const).map((level) => isWanted(level, "warning")), [
    true,
    true,
    false,
  ]);
  strictEqual(isWanted("info"), true);
});
