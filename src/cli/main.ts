/** From argv to an exit code: parses, dispatches, turns errors into a sentence and a hint, and signals into an abort. */

import { basename } from "node:path";
import process from "node:process";
import { CompressorError, printable, StoppedError } from "../mod.ts";
import { type Command, runCommand } from "./command.ts";
import { auto } from "./commands/auto.ts";
import { doctor } from "./commands/doctor.ts";
import { graph } from "./commands/graph.ts";
import { prune } from "./commands/prune.ts";
import { reclaim } from "./commands/reclaim.ts";
import { report } from "./commands/report.ts";
import { room } from "./commands/room.ts";
import { rooms } from "./commands/rooms.ts";
import { run } from "./commands/run.ts";
import { removeUnfinished } from "./files.ts";
import type { Environment } from "./flags.ts";
import { parse } from "./parse.ts";
import { findSecrets, redact } from "./secrets.ts";
import { writeAll } from "./terminal.ts";

/** The commands by the word that begins their command line; any other is that of `room`. */
const COMMANDS: ReadonlyMap<string | undefined, Command> = new Map<string, Command>(
  [auto, run, rooms, doctor, prune, reclaim, graph, report].map((command) => [command.name, command]),
);

/** The variables that are read: each is a permission, so there is no "all of them". */
const VARIABLES = [
  ..."HOST HOSTADDR PORT DATABASE USER PASSWORD PASSFILE SERVICE SERVICEFILE SYSCONFDIR OPTIONS APPNAME CONNECT_TIMEOUT"
    .split(" "),
  ..."SSLMODE SSLROOTCERT SSLCERT SSLKEY CHANNELBINDING GSSENCMODE TARGETSESSIONATTRS SSLNEGOTIATION".split(" "),
].map((name) => `PG${name}`).concat("HOME", "USERPROFILE", "APPDATA", "USER", "LOGNAME", "USERNAME", "SCS_DEBUG");

/** Runs a command line; returns the exit code. Prints every error itself, and never throws. */
export async function main(argv: readonly string[], environment: Environment = readEnvironment()): Promise<number> {
  const controller = new AbortController();
  using _signals = listenForSignals(controller);
  const secrets = findSecrets(argv, environment);
  try {
    const words = isAutoCompressor(process.argv0) ? ["auto", ...argv] : argv;
    const named = COMMANDS.get(words[0]);
    const [command, rest] = named === undefined ? [room, words] : [named, words.slice(1)];
    const options = parse(command, rest, environment);
    if (typeof options !== "string") {
      return await runCommand(command, options, { words, environment, signal: controller.signal, secrets });
    }
    writeAll(Deno.stdout, options);
    return 0;
  } catch (error) {
    return printError(error, environment, secrets);
  }
}

/** Whether the program goes by the name of the Rust tool that `auto` stands in for, as a copy or a link. */
export function isAutoCompressor(path: string): boolean {
  return /^synapse_auto_compressor(\.exe)?$/i.test(basename(path));
}

function readEnvironment(): Environment {
  const allowed = VARIABLES.filter((variable) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
  );
  return Object.fromEntries(allowed.map((variable) => [variable, Deno.env.get(variable)]));
}

/** Every command ends within 5 s of a signal; should something keep one from that, this ends it then. */
const LAST_RESORT_MS = 4500;

/** The first signal asks the work to end where the database is whole; a second one ends it at once. */
function listenForSignals(controller: AbortController): Disposable {
  let timer: number | undefined;
  const exit = (exitCode: number) => {
    removeUnfinished();
    Deno.exit(exitCode);
  };
  const signals = ([["SIGINT", 130], ["SIGTERM", 143]] as const)
    .filter(([name]) => name === "SIGINT" || Deno.build.os !== "windows")
    .map(([name, exitCode]) => {
      const listener = () => {
        if (controller.signal.aborted) exit(exitCode);
        timer = setTimeout(() => {
          writeAll(Deno.stderr, `Stopped by ${name}, without waiting for what did not end\n`);
          exit(exitCode);
        }, LAST_RESORT_MS);
        controller.abort(new StoppedError(`Stopped by ${name}`, { exitCode }));
      };
      Deno.addSignalListener(name, listener);
      return { name, listener };
    });
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const { name, listener } of signals) Deno.removeSignalListener(name, listener);
    },
  };
}

function printError(error: unknown, environment: Environment, secrets: readonly string[]): number {
  const isKnown = error instanceof CompressorError;
  const message = error instanceof Error ? error.message : String(error);
  const lines = isKnown ? [message, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])] : [
    `internal error: ${message.replaceAll(/\s*\n\s*/g, " ")}`,
    "hint: This is a fault of the program. Please report it, with what SCS_DEBUG=1 adds to it.",
  ];
  const told = lines.map(printable);
  if (environment["SCS_DEBUG"]) told.push(describeCauses(error));
  // Known errors are written without passwords. Of a password such as "a" they would be unreadable, so only long ones go.
  const shown = isKnown ? secrets.filter((secret) => secret.length >= 8) : secrets;
  writeAll(Deno.stderr, redact(`${told.join("\n")}\n`, shown));
  return isKnown ? error.exitCode : 1;
}

function describeCauses(error: unknown): string {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return error instanceof Error && error.cause !== undefined
    ? `${stack}\ncaused by: ${describeCauses(error.cause)}`
    : stack;
}
