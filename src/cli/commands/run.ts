/** `run`: the scheduled compressor as a service: reads the configuration, logs a line an event, serves metrics. */

import {
  CompressorError,
  DEFAULT_LEVELS,
  explainServer,
  type HomeserverConfig,
  parseHomeserverConfig,
  parseTarget,
  runOnce,
  type ScheduleConfig,
  type ScheduleEvent,
  serveSchedule,
  type Session,
  StoppedError,
  UsageError,
} from "../../mod.ts";
import { type Command, type Context, Database, type Result, settle } from "../command.ts";
import { choice, count, duration, list, text, toggle, value, type Values } from "../flags.ts";
import { Log, logEvent } from "../log.ts";
import { Metrics, serveMetrics } from "../metrics.ts";
import type { AutoOutput } from "../outputs.ts";
import { apart, checkPreference, JSON_LINE, LOGGING, needs, PREFER, STRATEGY } from "../options.ts";
import type { LogLevel } from "../progress/ndjson.ts";
import { findSecrets, redact } from "../secrets.ts";
import { findConfig, readConfig } from "../source.ts";
import { endOf } from "./auto.ts";

const FLAGS = {
  config: list("--config <FILE>", "Synapse's configuration; repeat for more files"),
  homeserverConfig: list("--homeserver-config <FILE>", "the same as --config"),
  postgres: text("-p, --postgres <DATABASE>", "use this database, not the configuration's"),
  once: toggle("--once", "run once now, then end; for timers"),
  maxTimeMs: duration("--max-time <TIME>", "start no chunk of a run after this time"),
  workers: count("--workers <COUNT>", "rooms to compress at once (default: 1)", 1),
  strategy: STRATEGY,
  prefer: PREFER,
  logFormat: choice("--log-format <NAME>", "log lines as text (default) or json", ["text", "json"], "text"),
  ...LOGGING,
  json: JSON_LINE,
  metricsListen: value("--metrics-listen <ADDRESS>", "serve /metrics and /health on HOST:PORT", listen),
};
type Options = Values<typeof FLAGS>;

/** `run`. */
export const run: Command<typeof FLAGS> = {
  name: "run",
  description:
    "Compresses on a schedule while Synapse is running: a service configured in Synapse's own configuration file.",
  summary: "all rooms on a schedule, as a service",
  examples: [
    "run --config /etc/matrix-synapse/homeserver.yaml",
    "run --config homeserver.yaml --once --max-time 2h",
  ],
  usage: "--config homeserver.yaml [options]",
  flags: FLAGS,
  notes: `Settings and their defaults, in homeserver.yaml or another --config file:
  state_compressor:
    enabled: true
    chunk_size: 500              # state groups per chunk
    number_of_rooms: 5           # rooms per run: the most uncompressed state
    prefer: balance              # or rows, reads; --prefer overrides it
    default_levels: 100,50,25    # others bound the chains instead of prefer
    time_between_runs: 1d        # from start to start, kept across restarts
    prune: false                 # have Synapse delete unused state groups
    reclaim: false               # after a run, return disk space if worth it
    reclaim_window: 02:00-05:00  # when it may do so (default: at any time)

HUP reads the configuration again; TERM ends within 5 s, with exit code 0. A
failed run is tried again after an hour, then two, but never later than the next
is due. /health returns 503 while the database is away or the last run failed.
`,
  check({ once, metricsListen, json, prefer, strategy }) {
    checkPreference({ prefer, strategy });
    needs(json, "--json", once, "--once", "Add --once, or use --log-format json: a service has no end to report.");
    const hint = "With --once the program ends before anybody reads the metrics: leave one of the two out.";
    apart(once, metricsListen, "--once and --metrics-listen", hint);
  },
  run: serve,
};

/** Where to listen. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

function listen(text: string): ListenAddress {
  const parts = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3] ?? NaN);
  if (port >= 0 && port <= 65535) return { host: parts![1] ?? parts![2] ?? "127.0.0.1", port };
  throw new SyntaxError("an address such as 127.0.0.1:9180 is expected");
}

/** What a configuration comes to. */
interface Loaded {
  readonly settings: HomeserverConfig;
  readonly database: Database;
  /** Connects to where Synapse's events are, if that is another database. */
  readonly events: (() => Promise<Session>) | undefined;
}

/** Serves, or makes one run. */
async function serve(options: Options, context: Context): Promise<Result> {
  const { signal, environment, secrets } = context;
  const log = new Log(options, context.terminal.logFile, (text) => redact(text, secrets));
  const warned = new Set<string>();
  const once = (severity: LogLevel, kind: string) => (line: string) => {
    if (!warned.has(line)) log.write(severity, kind, line);
    warned.add(line);
  };
  const words = { note: once("info", "schema"), warn: once("warning", "index") };
  const given = [...options.config ?? [], ...options.homeserverConfig ?? []];
  const paths = given.length > 0 ? given : findConfig(environment);
  if (paths === undefined) {
    throw new UsageError("Cannot tell what to run: --config is missing, and no homeserver.yaml was found", {
      hint: "Give --config /etc/matrix-synapse/homeserver.yaml, Synapse's own configuration.",
    });
  }
  if (given.length === 0) log.write("info", "config", `the configuration is ${paths.join(" and ")}`);
  const load = (): Loaded => {
    const settings = parseHomeserverConfig(readConfig(paths));
    const database = options.postgres ?? settings.database;
    if (database === undefined) {
      throw new UsageError(
        "Cannot tell which database to use: the configuration has neither database nor databases",
        {
          hint: "Give Synapse's own homeserver.yaml, a further --config with its database: section, or -p.",
        },
      );
    }
    const { eventsDatabase } = settings;
    secrets.push(...findSecrets([database, ...eventsDatabase === undefined ? [] : [eventsDatabase]], {}));
    return {
      settings,
      database: new Database(parseTarget(database, environment), signal, words),
      events: eventsDatabase === undefined ? undefined : context.eventsAt(parseTarget(eventsDatabase, environment)),
    };
  };
  let loaded: Loaded | undefined = load();
  for (const warning of loaded.database.target.warnings) log.write("warning", "warning", warning);
  if (!loaded.settings.enabled) {
    log.write("info", "disabled", "state_compressor is not enabled in the configuration: nothing to do");
    return {};
  }
  const metrics = new Metrics();
  const listening = options.metricsListen === undefined
    ? undefined
    : serveMetrics(metrics, options.metricsListen, (text) => redact(text, secrets));
  await using _listening = listening ?? { [Symbol.asyncDispose]: () => Promise.resolve() };
  if (listening !== undefined) {
    log.write("info", "listening", `serving http://${listening.address}/metrics and /health`, {
      address: listening.address,
    });
  }
  const changes = new EventTarget();
  using _reload = onHangUp(() => {
    try {
      loaded = load();
      log.write("info", "reloaded", "configuration reloaded");
      if (!loaded.settings.enabled) {
        log.write("info", "disabled", "state_compressor is no longer enabled: stopping");
        loaded = undefined;
      }
      changes.dispatchEvent(new Event("change"));
    } catch (error) {
      if (!(error instanceof CompressorError)) throw error;
      log.write("error", "reload-failed", `${error.message}; keeping the old configuration`);
    }
  });
  const hooks = {
    signal,
    onEvent(event: ScheduleEvent) {
      metrics.count(event);
      logEvent(log, event);
    },
  };
  if (options.once) {
    const { open, run } = toConfig(options, loaded);
    const { report, stop } = await settle(runOnce(open, run, hooks));
    const output: AutoOutput = explainServer(report);
    return { ...endOf(report, stop), report: output };
  }
  await serveSchedule(() => loaded && toConfig(options, loaded), {
    ...hooks,
    onState: (state) => metrics.show(state),
    onChange(wake) {
      changes.addEventListener("change", wake);
      return () => changes.removeEventListener("change", wake);
    },
  });
  if (!signal.aborted) return {};
  // To be told to end is how a service ends well; systemd takes any other code for a failure.
  if (signal.reason instanceof StoppedError && signal.reason.exitCode === 143) {
    log.write("info", "stopped", "stopped; what was written is complete, and the next run continues from there");
    return {};
  }
  throw signal.reason;
}

function toConfig(options: Options, { settings, database, events }: Loaded): ScheduleConfig {
  // The documented default means nothing in particular; other levels are kept to, unless a preference is given.
  const isDefault = settings.defaultLevels.join() === DEFAULT_LEVELS.join();
  return {
    database: database.name,
    timeBetweenRunsMs: settings.timeBetweenRunsMs,
    open: (signal) => database.connect({ signal }),
    run: {
      ...options,
      chunkSize: settings.chunkSize,
      rooms: settings.numberOfRooms,
      chunks: settings.numberOfChunks,
      prefer: options.prefer ?? settings.prefer,
      levels: isDefault || options.prefer !== undefined ? undefined : settings.defaultLevels,
      order: "biggest",
      prune: settings.prune,
      openEvents: events,
      reclaim: settings.reclaim,
      reclaimWindow: settings.reclaimWindow,
    },
  };
}

/** Calls back on SIGHUP, where there is one. */
function onHangUp(listener: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", listener);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", listener) };
}
