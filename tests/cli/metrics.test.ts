import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert/strict";
import { Metrics, serveMetrics } from "../../src/cli/metrics.ts";
import { CompressorError } from "../../src/errors.ts";
import type { ScheduleEvent, ScheduleState } from "../../src/jobs/schedule.ts";

const chunk = (rowsSaved: number, outcome: string): ScheduleEvent => ({
  kind: "chunk",
  seconds: 0.5,
  report: { rowsSaved, groupsRewritten: 7, outcome } as never,
});
const WAITING: ScheduleState = {
  activity: { kind: "wait", ms: 60_000, next: { kind: "claim" } },
  config: undefined,
  problem: undefined,
  isAway: false,
  setbacks: 0,
  lastSuccess: 1_700_000_000_000,
  hasBegun: true,
};

/** The samples of an exposition by name, without the prefix. */
function samples(text: string): Record<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => {
    const [, name, value] = /^synapse_compress_state_(\w+) (\S+)$/.exec(line)!;
    return [name!, Number(value)];
  }));
}

Deno.test("Metrics adds up what happened; a chunk that grew saves nothing", () => {
  const metrics = new Metrics();
  for (const event of [chunk(100, "written"), chunk(-5, "written"), chunk(0, "skipped")]) metrics.count(event);
  metrics.count({ kind: "failed", roomId: "!a:b", error: new Error("x") });
  metrics.count({ kind: "run-failed", runId: 1, error: new Error("x") });
  const { rows_saved_total, groups_rewritten_total, chunks_total, chunks_skipped_total, chunk_seconds_total, ...rest } =
    samples(metrics.text());
  deepStrictEqual(
    [rows_saved_total, groups_rewritten_total, chunks_total, chunks_skipped_total, chunk_seconds_total],
    [100, 21, 3, 1, 1.5],
  );
  deepStrictEqual([rest["room_failures_total"], rest["run_failures_total"], rest["runs_total"]], [1, 1, 0]);
});

Deno.test("Metrics.text() has a HELP and a TYPE line before each sample", () => {
  match(new Metrics().text(), /^(# HELP (\S+) \S.*\.\n# TYPE \2 (counter|gauge)\n\2 \d+(\.\d+)?\n)+$/);
});

Deno.test("Metrics.health() follows the state", () => {
  const metrics = new Metrics();
  strictEqual(metrics.health().ok, true);
  metrics.show(WAITING);
  const { ok, page } = metrics.health();
  deepStrictEqual([ok, page["status"], page["last_success"]], [true, "waiting", "2023-11-14T22:13:20.000Z"]);
  metrics.show({ ...WAITING, activity: { kind: "run", runId: 1 } });
  deepStrictEqual([metrics.health().page["status"], samples(metrics.text())["running"]], ["working", 1]);
  metrics.show({ ...WAITING, isAway: true, problem: "gone" });
  deepStrictEqual([metrics.health().ok, metrics.health().page["status"]], [false, "database-away"]);
  strictEqual(metrics.health().page["error"], "gone");
});

Deno.test("serveMetrics() serves two pages, 503 when all is not well, and no password", async () => {
  const metrics = new Metrics();
  metrics.show({ ...WAITING, problem: "no login with hunter2secret" });
  const server = serveMetrics(
    metrics,
    { host: "127.0.0.1", port: 0 },
    (text) => text.replaceAll("hunter2secret", "***"),
  );
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`http://${server.address}${path}`, { method });
    return [response.status, await response.text()] as const;
  };
  try {
    strictEqual((await get("/metrics"))[0], 200);
    const [status, page] = await get("/health");
    deepStrictEqual([status, JSON.parse(page).error], [503, "no login with ***"]);
    strictEqual((await get("/"))[0], 404);
    strictEqual((await get("/metrics", "POST"))[0], 405);
    const [host, port] = server.address.split(":");
    throws(() => serveMetrics(metrics, { host: host!, port: Number(port) }, String), (error) => {
      return error instanceof CompressorError && /the port is in use/.test(error.message);
    });
  } finally {
    await server[Symbol.asyncDispose]();
  }
  await rejects(get("/metrics"));
});
