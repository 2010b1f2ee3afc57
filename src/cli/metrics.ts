/**
 * The service's figures: counted from its events, served as Prometheus text at /metrics and as a health page at /health.
 * Knows HTTP; hides the text format. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { CompressorError, healthOf, type ScheduleEvent, type ScheduleState } from "../mod.ts";

const PREFIX = "synapse_compress_state_";

/** Name, type, help; the order in which they are shown. */
const METRICS = [
  ["rows_saved_total", "counter", "Rows removed from state_groups_state, less those inserted."],
  ["groups_rewritten_total", "counter", "State groups rewritten."],
  ["chunks_total", "counter", "Chunks processed."],
  ["chunks_skipped_total", "counter", "Chunks skipped because they would have saved nothing."],
  ["runs_total", "counter", "Runs completed."],
  ["run_failures_total", "counter", "Runs that failed, and failed attempts to reach the database."],
  ["room_failures_total", "counter", "Rooms that failed and were skipped."],
  ["chunk_seconds_total", "counter", "Time spent on chunks, in seconds."],
  ["rooms_with_broken_data", "gauge", "Rooms with broken data in the last run."],
  ["last_run_seconds", "gauge", "Duration of the last run, in seconds."],
  ["last_success_timestamp_seconds", "gauge", "End of the last run without a failure; 0 for never."],
  ["next_run_timestamp_seconds", "gauge", "Start of the next run; 0 while one is in progress."],
  ["running", "gauge", "Whether a run is in progress."],
  ["database_up", "gauge", "Whether the last attempt to reach the database succeeded."],
] as const;

type MetricName = typeof METRICS[number][0];

/** Counts events. */
export class Metrics {
  readonly #values = new Map<MetricName, number>();
  #state: ScheduleState | undefined;

  constructor() {
    for (const [name] of METRICS) this.#values.set(name, 0);
    this.#values.set("database_up", 1);
  }

  /** Counts what happened. */
  count(event: ScheduleEvent): void {
    const set = (name: MetricName, value: number): void => void this.#values.set(name, value);
    const add = (name: MetricName, by: number): void => set(name, this.#values.get(name)! + by);
    switch (event.kind) {
      case "chunk":
        add("rows_saved_total", Math.max(0, event.report.rowsSaved));
        add("groups_rewritten_total", event.report.groupsRewritten);
        add("chunks_total", 1);
        if (event.report.outcome === "skipped") add("chunks_skipped_total", 1);
        return add("chunk_seconds_total", event.seconds);
      case "failed":
        return add("room_failures_total", 1);
      case "run-finished":
        add("runs_total", 1);
        set("last_run_seconds", event.report.seconds);
        return set("rooms_with_broken_data", event.report.roomsWithDefects.length);
      case "run-failed":
      case "database-away":
        return add("run_failures_total", 1);
    }
  }

  /** Shows what the service is at. */
  show(state: ScheduleState): void {
    const { activity, isAway, lastSuccess } = this.#state = state;
    this.#values.set("running", healthOf(state).status === "working" ? 1 : 0);
    this.#values.set("database_up", isAway ? 0 : 1);
    this.#values.set("last_success_timestamp_seconds", (lastSuccess ?? 0) / 1000);
    this.#values.set("next_run_timestamp_seconds", activity.kind === "wait" ? (Date.now() + activity.ms) / 1000 : 0);
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
    const { status, isWell } = this.#state === undefined ? { status: "waiting", isWell: true } : healthOf(this.#state);
    return {
      ok: isWell,
      page: {
        status,
        last_success: time("last_success_timestamp_seconds"),
        next_run: time("next_run_timestamp_seconds"),
        ...(isWell ? {} : { error: this.#state?.problem }),
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
    const controller = new AbortController();
    const { signal } = controller;
    const server = Deno.serve({ hostname: host, port, signal, onListen() {} }, (request) => {
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
      async [Symbol.asyncDispose]() {
        // Not shutdown(), which waits for whoever has a request half sent.
        controller.abort();
        await server.finished;
      },
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
      hint: "Give --metrics-listen another address: HOST:PORT, with a port from 1024 to 65535 that nothing else uses.",
      cause: error,
    });
  }
}
