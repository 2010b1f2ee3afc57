/** The commands, each from typed options to an exit code. Uses the library as any other program could. */

import { join } from "node:path";
import {
  CompressorError,
  compressRoom,
  connect,
  describeTarget,
  formatCost,
  formatFreed,
  formatJson,
  formatOutcome,
  formatShape,
  formatStatistics,
  graphNames,
  parseTarget,
  type RoomEvent,
  type RoomOptions,
  type RoomReport,
  StoppedError,
  type TextSink,
} from "../mod.ts";
import { openSink, type SinkOptions } from "./files.ts";
import { PeakMemory } from "./memory.ts";
import { PROGRAM, type RoomCommand } from "./parse.ts";
import { Terminal } from "./terminal.ts";

/** A room can have as many defects as groups: so many are named, the others are counted. */
const NAMED_DEFECTS = 20;

/** What a command is run with. */
export interface CommandContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** What must never be printed; a command that reads a password from a file adds it. */
  readonly secrets: string[];
}

/** Compresses one room. */
export async function runRoom(command: RoomCommand, { environment, signal }: CommandContext): Promise<number> {
  using memory = new PeakMemory();
  const terminal = new Terminal({ quiet: command.quiet, stdoutIsTaken: command.json || command.output === "-" });
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) terminal.log(`warning: ${warning}`);
  await using outputs = new Outputs();
  const sql = command.output === undefined ? undefined : await outputs.open(command.output);
  const graphs = new Map<string, TextSink>();
  if (command.graphs) {
    for (const name of graphNames(command.graph)) graphs.set(name, await outputs.open(join(command.graphDir, name)));
  }
  try {
    await using session = await connect(target, { signal, readOnly: !command.commit, applicationName: PROGRAM });
    const show = (report: RoomReport) => {
      printEnd(terminal, command, report);
      terminal.log(formatCost(report.seconds, memory.bytes));
      if (command.json) terminal.json(formatJson({ ...report, peakRssBytes: memory.bytes }));
    };
    const report = await compressRoom(session, toRoomOptions(command), {
      signal,
      onEvent(event) {
        memory.sample();
        printEvent(terminal, event);
      },
      ...(sql === undefined ? {} : { sql }),
      ...(command.graphs ? { graphs: (name: string) => graphs.get(name)! } : {}),
    }).catch((error) => {
      if (!(error instanceof StoppedError) || error.report === undefined) throw error;
      show(error.report as RoomReport);
      throw stopped(error as StoppedError<RoomReport>);
    });
    if (report.outcome === "no-groups") throw noGroups("compress", command, describeTarget(target));
    show(report);
    return 0;
  } finally {
    terminal.close();
  }
}

/** A stop while writing: what is done is whole, and what is left can be done later. */
function stopped(error: StoppedError<RoomReport>): StoppedError {
  const { groupsRewritten, groupsLeft } = error.report!;
  return new StoppedError(`${error.message}: ${groupsRewritten} state groups are written, ${groupsLeft} are left`, {
    exitCode: error.exitCode,
    hint: "What is written is whole. Run the same command again to go on.",
  });
}

/** Every output of a run: those that were not completed are gone when it ends. */
export class Outputs implements AsyncDisposable {
  readonly #sinks: TextSink[] = [];

  async open(path: string, options: SinkOptions = {}): Promise<TextSink> {
    const sink = await openSink(path, options);
    this.#sinks.push(sink);
    return sink;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#sinks) await sink.abort();
  }
}

function toRoomOptions(command: RoomCommand): RoomOptions {
  const { kind: _kind, postgres: _postgres, output: _output, graphs: _graphs, ...rest } = command;
  const { graphDir: _graphDir, json: _json, quiet: _quiet, ...options } = rest;
  return options;
}

/** The peers' lines, in their order: figures are results, what is under way is not. */
export function printEvent(terminal: Terminal, event: RoomEvent): void {
  switch (event.kind) {
    case "fetching":
      return terminal.log(`Fetching state from DB for room '${event.roomId}'...`);
    case "loading":
      return terminal.progress(`${event.rows} rows read`);
    case "loaded":
      if (event.groups === 0) return;
      terminal.log(`Fetched state groups up to ${event.maxGroupId}`);
      for (const defect of event.defects.slice(0, NAMED_DEFECTS)) {
        terminal.log(`warning: ${defect.detail}: left as it is`);
      }
      if (event.defects.length > NAMED_DEFECTS) {
        terminal.log(`warning: and ${event.defects.length - NAMED_DEFECTS} more; the doctor command names them all`);
      }
      terminal.result(`Number of state groups: ${event.groups}`);
      return terminal.result(`Number of rows in current table: ${event.rows}`);
    case "compressing":
      return terminal.log("Compressing state...");
    case "compressed":
      return formatStatistics(event.report).forEach((line) => terminal.result(line));
    case "verifying":
      return terminal.log("Checking that state maps match...");
    case "verified":
      return terminal.result("New state map matches old one");
    case "writing":
      if (event.done === 0) terminal.log("Writing changes...");
      return terminal.progress(`${event.done} of ${event.total} state groups written`);
    case "drawing":
      return;
    case "vacuuming":
      return terminal.log("Vacuuming the tables...");
    case "skipped":
      return terminal.log(`state group ${event.group.groupId} is left as it is: ${event.group.reason}`);
  }
}

/** How it ended, and what the peers do not say: where the output went, what was left out. */
function printEnd(terminal: Terminal, command: RoomCommand, report: RoomReport): void {
  formatShape(report).forEach((line) => terminal.log(line));
  if (command.commit) formatFreed(report).forEach((line) => terminal.log(line));
  const outcome = formatOutcome(report);
  if (outcome !== undefined) terminal.result(outcome);
  if (command.graphs) {
    terminal.log(`The graph files are in ${command.graphDir === "." ? "the working directory" : command.graphDir}.`);
  }
  if (report.outcome === "planned") {
    terminal.log("Nothing was written: add -o FILE for the changes as SQL, or -c to make them.");
    terminal.log(`Why the room is as big as it is: the same options after \`${PROGRAM} report\` make a page of it.`);
  }
  if (report.outcome !== "written") return;
  if (command.output !== undefined && command.output !== "-") terminal.log(`The changes are in ${command.output}.`);
}

/** A room that is not there. */
export function noGroups(
  verb: string,
  command: { readonly roomId: string; readonly minGroup?: number; readonly maxGroup?: number },
  database: string,
): CompressorError {
  const range = command.minGroup !== undefined || command.maxGroup !== undefined ? " in this range of ids" : "";
  return new CompressorError(`Cannot ${verb} room "${command.roomId}": no state groups found${range} in ${database}`, {
    hint: range
      ? "Check the room's id, and --min-group and --max-group."
      : "Check the room's id (it begins with !, an alias with #), and that this is the database that holds Synapse's state.",
  });
}
