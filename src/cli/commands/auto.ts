/** `auto`: from its options to a server's rooms, and what it says meanwhile. */

import {
  compressServer,
  connect,
  formatFreed,
  formatJson,
  MismatchError,
  parseTarget,
  type ServerEvent,
  type ServerReport,
  StoppedError,
} from "../../mod.ts";
import type { CommandContext } from "../commands.ts";
import { PeakMemory } from "../memory.ts";
import { PROGRAM } from "../parse.ts";
import type { AutoCommand } from "../parse/auto.ts";
import { Terminal } from "../terminal.ts";

/** The exit code of a run that met broken data, as `doctor` has it. */
const DEFECTS = 4;

/** Compresses the rooms of a server. */
export async function runAuto(command: AutoCommand, { environment, signal }: CommandContext): Promise<number> {
  using memory = new PeakMemory();
  const terminal = new Terminal({ quiet: command.quiet, stdoutIsTaken: command.json });
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) terminal.log(`warning: ${warning}`);
  const { kind: _kind, postgres: _postgres, json: _json, quiet: _quiet, ...options } = command;
  try {
    const json = (report: ServerReport) => formatJson({ ...toJson(report), peakRssBytes: memory.bytes });
    const report = await compressServer(
      () => connect(target, { signal, applicationName: PROGRAM }),
      options,
      {
        signal,
        onEvent(event) {
          memory.sample();
          const line = describeEvent(event);
          if (line !== undefined) terminal.log(line);
        },
      },
    ).catch((error) => {
      if (!(error instanceof StoppedError) || error.report === undefined) throw error;
      for (const line of describeEnd(error.report as ServerReport)) terminal.result(line);
      if (command.json) terminal.json(json(error.report as ServerReport));
      throw stopped(error as StoppedError<ServerReport>);
    });
    printEnd(terminal, report);
    if (command.json) terminal.json(json(report));
    return exitCode(report);
  } finally {
    terminal.close();
  }
}

/** An event as a line; the chunks of a room in one style. */
export function describeEvent(event: ServerEvent): string | undefined {
  switch (event.kind) {
    case "found":
      return `State groups to compress: ${event.groups}, rooms: ${event.rooms}`;
    case "busy":
      return `room "${event.roomId}": another compressor is working on it, passed over`;
    case "failed":
      return `room "${event.roomId}": passed over: ${event.error.message}`;
    case "chunk":
      break;
  }
  const { report } = event;
  const outcome = report.outcome === "skipped"
    ? "nothing to save, skipped"
    : `${report.rowsSaved} rows saved, ${report.groupsRewritten} state groups rewritten`;
  const notes = report.replaced.map(({ head, by }) =>
    `saved level head ${head} is gone: ${by === undefined ? "its level begins anew" : `went on from ${by}`}`
  );
  if (report.groupsSkipped > 0) notes.push(`${report.groupsSkipped} state groups changed meanwhile, left as they are`);
  if (report.defects.length > 0) {
    const more = report.defects.length === 1 ? "" : ` and ${report.defects.length - 1} more`;
    notes.push(
      `broken data: ${report.defects[0]!.detail}${more}, ${report.groupsLeftOut} state groups left as they are`,
    );
  }
  return [`room "${report.roomId}": ${report.groups} state groups up to ${report.lastGroup}: ${outcome}`, ...notes]
    .join("; ");
}

/** What a job's end says on standard output and after it; the first line is the Rust tool's. */
export function describeEnd(report: ServerReport): string[] {
  const lines = [
    `Finished running compressor. Saved ${report.rowsSaved} rows. Skipped ${report.chunksSkipped}/${report.chunks} chunks`,
  ];
  if (report.roomsWithDefects.length > 0) {
    lines.push(
      `Rooms with broken data, compressed around it (${report.roomsWithDefects.length}): ${
        few(report.roomsWithDefects)
      }`,
    );
  }
  if (report.failed.length > 0) {
    lines.push(`Rooms that failed (${report.failed.length}): ${few(report.failed.map(({ roomId }) => roomId))}`);
  }
  if (report.roomsBusy > 0) lines.push(`Rooms left to another compressor: ${report.roomsBusy}`);
  if (report.outcome === "out-of-time") lines.push("The time is up; the next run goes on where this one ended");
  return lines;
}

function few(names: readonly string[]): string {
  return names.length <= 10 ? names.join(", ") : `${names.slice(0, 10).join(", ")} …`;
}

function printEnd(terminal: Terminal, report: ServerReport): void {
  for (const line of describeEnd(report)) terminal.result(line);
  const rows = { rowsDeleted: Math.max(0, report.rowsSaved), rowsInserted: 0 };
  // How to give the space back is told by the runs on one room; here, night after night, what it is will do.
  const [freed] = formatFreed({ ...rows, bytesFreed: report.bytesFreed, vacuumed: false });
  if (freed !== undefined) terminal.log(freed.replace(/:$/, "."));
}

/** A report as JSON has it: errors are sentences. */
export function toJson(report: ServerReport): Record<string, unknown> {
  return { ...report, failed: report.failed.map(({ roomId, error }) => ({ roomId, error: error.message })) };
}

/** 0, or what went wrong in some room. */
export function exitCode(report: ServerReport): number {
  if (report.failed.some(({ error }) => error instanceof MismatchError)) return 3;
  if (report.failed.length > 0) return 1;
  return report.roomsWithDefects.length > 0 ? DEFECTS : 0;
}

/** A stop: what is done is whole, and its progress saved. */
export function stopped(error: StoppedError<ServerReport>): StoppedError {
  return new StoppedError(`${error.message}. Chunks done: ${error.report?.chunks ?? 0}`, {
    exitCode: error.exitCode,
    hint: "What is written is whole. The next run goes on where this one ended.",
  });
}
