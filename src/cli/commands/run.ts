/** `run`: the scheduled compressor as a service: reads the configuration, logs a line an event, serves metrics. */

import {
  CompressorError,
  connect,
  DEFAULT_LEVELS,
  describeTarget,
  formatJson,
  parseSettings,
  parseTarget,
  runOnce,
  type ScheduleConfig,
  type ScheduleEvent,
  type ServerReport,
  serveSchedule,
  type Settings,
  StoppedError,
  type Target,
  UsageError,
} from "../../mod.ts";
import type { CommandContext } from "../commands.ts";
import { Metrics, serveMetrics } from "../metrics.ts";
import { PROGRAM } from "../parse.ts";
import type { RunCommand } from "../parse/run.ts";
import { findSecrets, redact } from "../secrets.ts";
import { writeAll } from "../terminal.ts";
import { describeEnd, describeEvent, exitCode, stopped, toJson } from "./auto.ts";

/** What a configuration comes to. */
interface Loaded {
  readonly settings: Settings;
  readonly target: Target;
}

/** Serves, or makes one run. */
export async function runService(command: RunCommand, context: CommandContext): Promise<number> {
  const { signal, environment, secrets } = context;
  const log = new Log(command.logFormat, (text) => redact(text, secrets));
  const load = (): Loaded => {
    const settings = parseSettings(readConfig(command.config));
    const database = command.postgres ?? settings.database;
    if (database === undefined) {
      throw new UsageError(
        "Cannot tell which database to work on: the configuration has neither database nor databases",
        {
          hint: "Give Synapse's own homeserver.yaml, a further --config with its database: section, or -p.",
        },
      );
    }
    secrets.push(...findSecrets([database], {}));
    return { settings, target: parseTarget(database, environment) };
  };
  let loaded: Loaded | undefined = load();
  for (const warning of loaded.target.warnings) log.write("warning", "warning", warning);
  if (!loaded.settings.enabled) {
    log.write("info", "disabled", "state_compressor is not enabled in the configuration: nothing to do");
    return 0;
  }
  const metrics = new Metrics();
  const listening = command.metricsListen === undefined
    ? undefined
    : serveMetrics(metrics, command.metricsListen, (text) => redact(text, secrets));
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
      log.write("info", "reloaded", "the configuration is read again");
      if (!loaded.settings.enabled) {
        log.write("info", "disabled", "state_compressor is no longer enabled: ending");
        loaded = undefined;
      }
      changes.dispatchEvent(new Event("change"));
    } catch (error) {
      if (!(error instanceof CompressorError)) throw error;
      log.write("error", "reload-failed", `${error.message}; the old configuration stays`);
    }
  });
  const hooks = {
    signal,
    onEvent(event: ScheduleEvent) {
      metrics.count(event);
      logEvent(log, event);
    },
  };
  if (command.once) {
    const { open, run } = toConfig(command, loaded);
    const report = await runOnce(open, run, hooks).catch((error) => {
      throw error instanceof StoppedError ? stopped(error as StoppedError<ServerReport>) : error;
    });
    return exitCode(report);
  }
  await serveSchedule(() => loaded && toConfig(command, loaded), {
    ...hooks,
    onState: (state) => metrics.show(state),
    onChange(wake) {
      changes.addEventListener("change", wake);
      return () => changes.removeEventListener("change", wake);
    },
  });
  if (!signal.aborted) return 0;
  // To be told to end is how a service ends well; systemd takes any other code for a failure.
  if (signal.reason instanceof StoppedError && signal.reason.exitCode === 143) {
    log.write("info", "stopped", "stopped; what is written is whole, and the next run goes on from there");
    return 0;
  }
  throw signal.reason;
}

function toConfig(command: RunCommand, { settings, target }: Loaded): ScheduleConfig {
  return {
    database: describeTarget(target),
    timeBetweenRunsMs: settings.timeBetweenRunsMs,
    open: (signal) => connect(target, { signal, applicationName: PROGRAM }),
    run: {
      chunkSize: settings.chunkSize,
      rooms: settings.numberOfRooms,
      // The default is left open: along branches, a room that is seen whole then gets the best split of the same bound.
      levels: settings.defaultLevels.join() === DEFAULT_LEVELS.join() ? undefined : settings.defaultLevels,
      order: "biggest",
      strategy: command.strategy,
      workers: command.workers,
      maxTimeMs: command.maxTimeMs,
    },
  };
}

/** The files that are named, and those of a folder that end in .yaml, by name: as Synapse finds them. */
function readConfig(paths: readonly string[]): { name: string; text: string }[] {
  return paths.flatMap((path) => {
    try {
      if (!Deno.statSync(path).isDirectory) return [{ name: path, text: Deno.readTextFileSync(path) }];
      const names = [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) => name.endsWith(".yaml")).sort();
      const files = names.map((name) => `${path.replace(/\/$/, "")}/${name}`);
      return files.map((name) => ({ name, text: Deno.readTextFileSync(name) }));
    } catch (error) {
      const why = error instanceof Deno.errors.NotFound
        ? "there is no such file"
        : error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable
        ? "no permission"
        : error instanceof Error
        ? error.message
        : String(error);
      throw new UsageError(`Cannot read ${path}: ${why}`, {
        hint: "Name Synapse's homeserver.yaml, and run as a user who may read it, such as Synapse's own.",
        cause: error,
      });
    }
  });
}

/** Calls back on SIGHUP, where there is one. */
function onHangUp(listener: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", listener);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", listener) };
}

type Severity = "info" | "warning" | "error";

/** One line an event, on standard error. */
class Log {
  readonly #format: "text" | "json";
  readonly #redact: (text: string) => string;

  constructor(format: "text" | "json", redact: (text: string) => string) {
    this.#format = format;
    this.#redact = redact;
  }

  write(level: Severity, event: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const time = new Date().toISOString();
    const line = this.#format === "json"
      ? formatJson({ time, level, event, message, ...fields })
      : `${time} ${level.toUpperCase()} ${message.replaceAll(/\s*\n\s*/g, " ")}`;
    writeAll(Deno.stderr, `${this.#redact(line)}\n`);
  }
}

function logEvent(log: Log, event: ScheduleEvent): void {
  switch (event.kind) {
    case "run-started":
      return log.write("info", event.kind, `run ${event.runId} begins`, { runId: event.runId });
    case "run-finished": {
      const { report, runId } = event;
      const level = report.failed.length > 0 ? "error" : report.roomsWithDefects.length > 0 ? "warning" : "info";
      const message = `run ${runId} ends after ${report.seconds.toFixed(1)} s: ${describeEnd(report).join(". ")}`;
      return log.write(level, event.kind, message, { runId, ...toJson(report) });
    }
    case "run-failed":
      return log.write(
        "error",
        event.kind,
        `${event.runId === undefined ? "the next run cannot begin" : `run ${event.runId} failed`}: ${
          withHint(event.error)
        }`,
        {
          runId: event.runId,
          error: event.error.message,
        },
      );
    case "database-away": {
      const seconds = Math.round(event.retryMs / 1000);
      return log.write("error", event.kind, `${withHint(event.error)} Trying again in ${seconds} s`, {
        error: event.error.message,
        retrySeconds: seconds,
      });
    }
    case "sleeping": {
      const next = new Date(Date.now() + event.waitMs).toISOString();
      return log.write("info", event.kind, `the next run begins at ${next}`, { nextRun: next });
    }
    case "chunk": {
      const { defects, replaced, ...report } = event.report;
      const level = defects.length > 0 || replaced.length > 0 ? "warning" : "info";
      return log.write(level, event.kind, describeEvent(event)!, {
        ...report,
        defects: defects.length,
        replaced,
        seconds: event.seconds,
      });
    }
    case "failed":
      return log.write("error", "room-failed", describeEvent(event)!, {
        roomId: event.roomId,
        error: event.error.message,
      });
    case "busy":
      return log.write("info", "room-busy", describeEvent(event)!, { roomId: event.roomId });
    case "found":
      return log.write("info", event.kind, describeEvent(event)!, { rooms: event.rooms, groups: event.groups });
  }
}

function withHint(error: Error): string {
  return error instanceof CompressorError && error.hint !== undefined
    ? `${error.message}. ${error.hint}`
    : `${error.message}.`;
}
