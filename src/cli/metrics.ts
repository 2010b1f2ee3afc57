/**
 * The service's figures: counted from its events, served as Prometheus text at /metrics and as a health page at /health.
 * Knows HTTP; hides the text format. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { CompressorError, type ScheduleEvent } from "../mod.ts";

const PREFIX = "synapse_compress_state_";

/** Name, type, help; the order in which they are shown. */
const METRICS = [
  ["rows_saved_total", "counter", "Rows fewer in state_groups_state."],
  ["groups_rewritten_total", "counter", "State groups that were rewritten."],
  ["chunks_total", "counter", "Chunks that were worked on."],
  ["chunks_skipped_total", "counter", "Chunks that would have saved nothing."],
  ["runs_total", "counter", "Runs that came to their end."],
  ["run_failures_total", "counter", "Runs that failed, and times that the database was away."],
  ["room_failures_total", "counter", "Rooms that failed and were passed over."],
  ["chunk_seconds_total", "counter", "Time that chunks took, in seconds."],
  ["rooms_with_broken_data", "gauge", "Rooms with broken data in the last run."],
  ["last_run_seconds", "gauge", "How long the last run took."],
  ["last_success_timestamp_seconds", "gauge", "When the last run came to its end without a failure; 0 for never."],
  ["next_run_timestamp_seconds", "gauge", "When the next run is to begin; 0 while one is under way."],
  ["running", "gauge", "Whether a run is under way."],
  ["database_up", "gauge", "Whether the database could be reached when it was last tried."],
] as const;

type MetricName = typeof METRICS[number][0];

/** Counts events. */
export class Metrics {
  readonly #values = new Map<MetricName, number>();
  #lastError: string | undefined;

  constructor() {
    for (const [name] of METRICS) this.#values.set(name, 0);
    this.#values.set("database_up", 1);
  }

  count(event: ScheduleEvent): void {
    const set = (name: MetricName, value: number): void => void this.#values.set(name, value);
    const add = (name: MetricName, by: number): void => set(name, this.#values.get(name)! + by);
    const seconds = Date.now() / 1000;
    switch (event.kind) {
      case "chunk":
        add("rows_saved_total", Math.max(0, event.report.rowsSaved));
        add("groups_rewritten_total", event.report.groupsRewritten);
        add("chunks_total", 1);
        if (event.report.outcome === "skipped") add("chunks_skipped_total", 1);
        return add("chunk_seconds_total", event.seconds);
      case "failed":
        return add("room_failures_total", 1);
      case "run-started":
        set("running", 1);
        set("database_up", 1);
        return set("next_run_timestamp_seconds", 0);
      case "found":
        // The database answers again.
        this.#lastError = undefined;
        return;
      case "run-finished": {
        const { failed, roomsWithDefects } = event.report;
        set("running", 0);
        add("runs_total", 1);
        set("last_run_seconds", event.report.seconds);
        set("rooms_with_broken_data", roomsWithDefects.length);
        this.#lastError = failed[0] && `room "${failed[0].roomId}" failed`;
        if (failed.length === 0) set("last_success_timestamp_seconds", seconds);
        return;
      }
      case "run-failed":
        set("running", 0);
        this.#lastError = event.error.message;
        return add("run_failures_total", 1);
      case "database-away":
        set("running", 0);
        set("database_up", 0);
        this.#lastError = event.error.message;
        return add("run_failures_total", 1);
      case "sleeping":
        set("database_up", 1);
        if (this.#values.get("runs_total") === 0) this.#lastError = undefined;
        return set("next_run_timestamp_seconds", seconds + event.waitMs / 1000);
    }
  }

  /** As Prometheus reads it. */
  text(): string {
    return METRICS.map(([name, type, help]) => {
      const value = this.#values.get(name)!;
      const shown = Number.isInteger(value) ? String(value) : value.toFixed(3);
      return `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n${PREFIX}${name} ${shown}\n`;
    }).join("");
  }

  /** Whether all is well, and what to show of it. */
  health(): { ok: boolean; page: Record<string, unknown> } {
    const time = (name: MetricName) => {
      const value = this.#values.get(name)!;
      return value === 0 ? null : new Date(value * 1000).toISOString();
    };
    const ok = this.#lastError === undefined;
    return {
      ok,
      page: {
        status: ok ? "ok" : "failing",
        running: this.#values.get("running") === 1,
        last_success: time("last_success_timestamp_seconds"),
        next_run: time("next_run_timestamp_seconds"),
        ...(ok ? {} : { error: this.#lastError }),
      },
    };
  }
}

/**
 * Serves the figures until disposed of.
 *
 * @param redact takes passwords out of what is shown
 * @throws {CompressorError} the address cannot be listened on
 */
export function serveMetrics(
  metrics: Metrics,
  { host, port }: { host: string; port: number },
  redact: (text: string) => string,
): { readonly address: string } & AsyncDisposable {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const server = Deno.serve({ hostname: host, port, onListen() {} }, (request) => {
      const { pathname } = new URL(request.url);
      if (request.method !== "GET" && request.method !== "HEAD") {
        return new Response("Only GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
      }
      if (pathname === "/metrics") {
        return new Response(metrics.text(), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        });
      }
      if (pathname === "/health") {
        const { ok, page } = metrics.health();
        return new Response(`${redact(JSON.stringify(page))}\n`, {
          status: ok ? 200 : 503,
          headers: { "content-type": "application/json" },
        });
      }
      return new Response("Not found: there are /metrics and /health\n", { status: 404 });
    });
    const { hostname, port: opened } = server.addr;
    return {
      address: `${hostname.includes(":") ? `[${hostname}]` : hostname}:${opened}`,
      [Symbol.asyncDispose]: () => server.shutdown(),
    };
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse
      ? "the port is in use"
      : error instanceof Deno.errors.AddrNotAvailable
      ? "this machine has no such address"
      : error instanceof Deno.errors.PermissionDenied
      ? "no permission"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new CompressorError(`Cannot listen on ${place}: ${why}`, {
      hint: "Give --metrics-listen another address: HOST:PORT, with a port from 1024 to 65535 that nothing else has.",
      cause: error,
    });
  }
}
