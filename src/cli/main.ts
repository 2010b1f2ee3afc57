/** From argv to an exit code: parses, dispatches, turns errors into a sentence and a hint, and signals into an abort. */

import process from "node:process";
import { formatJson, PG_VARIABLES, StoppedError } from "../mod.ts";
import { runCommand } from "./command.ts";
import { OWN_VARIABLES } from "./environment.ts";
import { describeFailure, type Failure, formatFailure } from "./failures.ts";
import { removeUnfinished } from "./files.ts";
import type { Environment } from "./flags.ts";
import { COMMANDS, DEFAULT_COMMAND } from "./guide/commands.ts";
import { guide } from "./guide/guide.ts";
import { SCHEMA_VERSION } from "./outputs.ts";
import { isAutoProgram, parse } from "./parse.ts";
import { formatLogLine } from "./progress/ndjson.ts";
import { findSecrets } from "./secrets.ts";
import { writeLog, writeResult } from "./terminal.ts";

/**
 * Runs a command line; returns the exit code. Prints every error itself, with --json as a JSON object on standard output too,
 * and never throws.
 */
export async function main(argv: readonly string[], environment: Environment = readEnvironment()): Promise<number> {
  const controller = new AbortController();
  using _signals = listenForSignals(controller);
  const secrets = findSecrets(argv, environment);
  const printFailure = (error: unknown, failure: Failure) => {
    const { message, hint } = failure;
    const text = asksForLines(argv)
      ? formatLogLine("error", message, hint)
      : formatFailure(error, failure, environment, secrets);
    writeLog(text);
  };
  try {
    const isAuto = isAutoProgram(process.argv0) && argv[0] !== "complete";
    const words = isAuto ? ["auto", ...argv] : argv;
    const named = COMMANDS.get(words[0]);
    const [command, rest] = named === undefined ? [DEFAULT_COMMAND, words] : [named, words.slice(1)];
    const options = await guide(words, environment) ?? parse(command, rest, environment);
    if (typeof options === "string") {
      writeResult(options);
      return 0;
    }
    const { exitCode, stop } = await runCommand(command, options, {
      words,
      environment,
      signal: controller.signal,
      secrets,
    });
    if (stop !== undefined) printFailure(stop, describeFailure(stop, secrets));
    return exitCode;
  } catch (error) {
    const failure = describeFailure(error, secrets);
    printFailure(error, failure);
    if (argv.includes("--json")) printJson(failure);
    return failure.exitCode;
  }
}

/** Whether every line on standard error is to be a JSON object, whatever else is wrong with the command line. */
function asksForLines(argv: readonly string[]): boolean {
  return argv.some((word, i) => word === "--progress=json" || word === "--progress" && argv[i + 1] === "json");
}

/** Prints a failure for programs, as far as standard output takes it. */
function printJson(failure: Failure): void {
  try {
    writeResult(`${formatJson({ schemaVersion: SCHEMA_VERSION, error: failure })}\n`);
  } catch { /* told on standard error already */ }
}

function readEnvironment(): Environment {
  const allowed = [...PG_VARIABLES, ...OWN_VARIABLES].filter((variable) =>
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
          writeLog(`Stopped by ${name}, without waiting for what did not end\n`);
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
