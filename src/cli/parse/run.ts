/** The command line of `run`: the scheduled compressor. */

import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../mod.ts";
import { duration } from "./auto.ts";
import {
  apart,
  count,
  type Environment,
  nonEmpty,
  once,
  parseFlags,
  PROGRAM,
  STRATEGY,
  withoutUndefined,
} from "./options.ts";

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `run`: compresses on a schedule. */
export interface RunCommand {
  readonly kind: "run";
  /** Files, or folders of them, in the order in which later ones count. */
  readonly config: readonly string[];
  /** A connection string instead of the configuration's. */
  readonly postgres?: string;
  readonly once: boolean;
  readonly maxTimeMs?: number;
  readonly workers: number;
  readonly strategy: "levels" | "branches";
  readonly logFormat: "text" | "json";
  readonly metricsListen?: ListenAddress;
}

function makeProgram() {
  return new Command(`${PROGRAM} run`)
    .description(
      "Compresses on a schedule, beside Synapse: a service with the settings of Synapse's own configuration.",
    )
    .usage("--config homeserver.yaml [options]")
    .option("--config <FILE>", "Synapse's configuration, or a folder of it; again for further files", append)
    .option("-p, --postgres <DATABASE>", "another database than the configuration names", nonEmpty)
    .option("--once", "make one run now and end, for a timer")
    .option("--max-time <TIME>", "begin no chunk of a run after this time, such as 2h or 45m", duration)
    .option("--workers <COUNT>", "rooms to work on at once, each on a connection of its own (default: 1)", count(1))
    .addOption(STRATEGY)
    .addOption(
      new Option("--log-format <NAME>", "a log line as text or as a JSON object")
        .choices(["text", "json"] as const).default("text" as const),
    )
    .option("--metrics-listen <ADDRESS>", "serve /metrics for Prometheus and /health at HOST:PORT", listen)
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

const EXAMPLES = `
The settings, with their defaults, in homeserver.yaml or in a file of its own, given with a --config of its own:
  state_compressor:
    enabled: true
    chunk_size: 500          # state groups worked on at once
    number_of_rooms: 5       # each run takes the rooms with the most uncompressed state
    default_levels: 100,50,25
    time_between_runs: 1d    # from start to start, also across restarts

Signals: HUP reads the configuration again; TERM ends after the transaction under way, with exit code 0.

Examples:
  ${PROGRAM} run --config /etc/matrix-synapse/homeserver.yaml --metrics-listen 127.0.0.1:9180
  ${PROGRAM} run --config homeserver.yaml --config conf.d --once --max-time 2h

Exit codes: 0 stopped, done (--once) or not enabled; 1 failed; 2 a wrong command line or configuration; with --once also
3 verification failed in a room; 4 a room has broken data, and was compressed around it; 130, 143 stopped.
`;

function append(value: string, previous: string[] | undefined): string[] {
  if (value === "") throw new InvalidArgumentError("it is empty");
  return [...previous ?? [], value];
}

function listen(text: string, previous: unknown): ListenAddress {
  const parts = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]]+)):)?(\d{1,5})$/.exec(once(text, previous));
  const port = Number(parts?.[3] ?? NaN);
  if (port >= 0 && port <= 65535) return { host: parts![1] ?? parts![2] ?? "127.0.0.1", port };
  throw new InvalidArgumentError("an address such as 127.0.0.1:9180 is expected");
}

/**
 * Reads what follows `run`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseRun(argv: readonly string[], _environment: Environment): RunCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  if (flags.config === undefined) {
    throw new UsageError("Cannot tell what to run: --config is missing", {
      hint: "Give --config /etc/matrix-synapse/homeserver.yaml, Synapse's own configuration.",
    });
  }
  apart(
    flags.once,
    flags.metricsListen,
    "--once and --metrics-listen",
    "Metrics of a run that ends are read by nobody.",
  );
  const { config, postgres, maxTime: maxTimeMs, metricsListen, workers = 1, strategy, logFormat } = flags;
  return {
    kind: "run",
    config,
    ...withoutUndefined({ postgres, maxTimeMs, metricsListen }),
    once: flags.once ?? false,
    workers,
    strategy,
    logFormat,
  };
}
