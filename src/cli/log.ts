/**
 * The service's log: a line an event on standard error and in a log file, as text or as JSON. Figures in fields are plain
 * numbers.
 */
import {
  CompressorError,
  describeServerEnd,
  describeServerEvent,
  explainServer,
  formatDuration,
  formatJson,
  printable,
  type ScheduleEvent,
} from "../mod.ts";
import type { LogFile } from "./logfile.ts";
import { isWanted, type LogLevel } from "./progress/ndjson.ts";
import { writeLog } from "./terminal.ts";

/** A log line names no more state groups than this. */
const LOGGED_GROUPS = 10;

/** One line an event, on standard error. */
export class Log {
  readonly #format: "text" | "json";
  readonly #least: LogLevel | undefined;
  readonly #file: LogFile | undefined;
  readonly #redact: (text: string) => string;

  constructor(
    { logFormat = "text", logLevel }: {
      readonly logFormat?: "text" | "json" | undefined;
      readonly logLevel?: LogLevel | undefined;
    },
    file: LogFile | undefined,
    redact: (text: string) => string,
  ) {
    this.#format = logFormat;
    this.#file = file;
    this.#least = logLevel;
    this.#redact = redact;
  }

  write(level: LogLevel, event: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (!isWanted(level, this.#least)) return;
    const time = new Date().toISOString();
    const line = this.#format === "json"
      ? formatJson({ time, level, event, message, ...fields })
      : `${time} ${level.toUpperCase()} ${message.replaceAll(/\s*\n\s*/g, " ")}`;
    const text = `${printable(this.#redact(line))}\n`;
    this.#file?.append(text);
    writeLog(text);
  }
}

/** Logs what happened, with its figures as fields. */
export function logEvent(log: Log, event: ScheduleEvent): void {
  switch (event.kind) {
    case "room":
    case "working":
    case "left":
      return;
    case "run-started":
      return log.write("info", event.kind, `run ${event.runId} started`, { runId: event.runId });
    case "run-finished": {
      const { report, runId } = event;
      const level = report.failed.length > 0 ? "error" : report.roomsWithDefects.length > 0 ? "warning" : "info";
      const message = `run ${runId} ended after ${formatDuration(report.seconds * 1000)}: ${
        describeServerEnd(report).join(". ")
      }`;
      return log.write(level, event.kind, message, { runId, ...explainServer(report) });
    }
    case "run-failed":
      return log.write(
        "error",
        event.kind,
        `${event.runId === undefined ? "the next run cannot start" : `run ${event.runId} failed`}: ${
          withHint(event.error)
        }`,
        {
          runId: event.runId,
          error: event.error.message,
        },
      );
    case "database-away": {
      return log.write(
        "error",
        event.kind,
        `${withHint(event.error)} Trying again in ${formatDuration(event.retryMs)}`,
        {
          error: event.error.message,
          retrySeconds: Math.round(event.retryMs / 1000),
        },
      );
    }
    case "sleeping": {
      const next = new Date(Date.now() + event.waitMs).toISOString();
      return log.write("info", event.kind, `next run at ${next}`, { nextRun: next });
    }
    case "chunk": {
      const { defects, replaced, skipped, ...report } = event.report;
      const level = defects.length > 0 || replaced.length > 0 ? "warning" : "info";
      return log.write(level, event.kind, describeServerEvent(event)!, {
        ...report,
        defects: defects.length,
        skipped: skipped.slice(0, LOGGED_GROUPS),
        replaced,
        seconds: event.seconds,
      });
    }
    case "failed":
      return log.write("error", "room-failed", describeServerEvent(event)!, {
        roomId: event.roomId,
        error: event.error.message,
      });
    case "busy":
      return log.write("info", "room-busy", describeServerEvent(event)!, { roomId: event.roomId });
    case "pruned":
      return log.write("info", event.kind, describeServerEvent(event)!, { ...event.report });
    case "reclaiming": {
      const line = describeServerEvent(event);
      return line === undefined ? undefined : log.write("info", event.kind, line);
    }
    case "reclaim-later":
      return log.write("info", event.kind, describeServerEvent(event)!, { bytes: event.bytes });
    case "reclaimed": {
      const level = event.report.outcome === "blocked" || event.report.outcome === "no-gain" ? "warning" : "info";
      return log.write(level, event.kind, describeServerEvent(event)!, { ...event.report });
    }
    case "gone":
      return log.write("info", "rooms-gone", describeServerEvent(event)!, { rooms: event.rooms });
    case "found":
      return log.write("info", event.kind, describeServerEvent(event)!, { rooms: event.rooms, groups: event.groups });
  }
}

function withHint(error: Error): string {
  return error instanceof CompressorError && error.hint !== undefined
    ? `${error.message}. ${error.hint}`
    : `${error.message}.`;
}
