/** The flags that commands share, and the checks of them. */

import { DEFAULT_PREFERENCE, PREFERENCES, UsageError } from "../mod.ts";
import { LOG_LEVELS } from "./progress/ndjson.ts";
import { choice, count, type Flag, levels, list, required, text, toggle, value } from "./flags.ts";

/** Where the database is; without either, PG* variables or a homeserver.yaml in a usual place say it: see source.ts. */
export const DATABASE = {
  postgres: value("-p, --postgres <DATABASE>", "the database: a URL or key=value pairs", String),
  homeserverConfig: list("--homeserver-config <FILE>", "take it from Synapse's configuration"),
};

/** The room, without which `verb` has nothing to work on. */
export function room(help: string, verb: string): Flag<string> {
  return required(
    text("-r, --room <ROOM>", help),
    `Cannot tell which room to ${verb}: -r is missing`,
    "Give -r '!id:server', in single quotes; `synapse_compress_state rooms` lists the biggest rooms with their ids.",
  );
}

/** Where Synapse's events are, where `databases:` of homeserver.yaml separate them from the state. */
export const EVENTS_DATABASE = text(
  "--events-postgres <DATABASE>",
  "where Synapse's events are, if elsewhere",
);

/** The range of a room. */
export const RANGE = {
  minGroup: count("-b, --min-group <ID>", "only state groups above this id", 0),
  groups: count("-n, --groups <COUNT>", "only the first COUNT above --min-group", 1),
  maxGroup: count("-s, --max-group <ID>", "only state groups up to this id", 0),
};

/** The rule that chooses bases. */
export const STRATEGY = choice(
  "--strategy <NAME>",
  "branches (default), or the Rust tool's levels",
  ["branches", "levels"],
  "branches",
);

/** What is given up for what. */
export const PREFER = choice(
  "--prefer <NAME>",
  `${PREFERENCES.map((name) => name === DEFAULT_PREFERENCE ? `${name} (default)` : name).join(", ")}; see help reads`,
  PREFERENCES,
  DEFAULT_PREFERENCE,
);

/** The levels of a room. */
export const LEVELS = levels("-l, --levels <SIZES>", "level sizes, lowest first, such as 100,50,25");

/** The bound on hops. */
export const MAX_HOPS = count("--max-hops <COUNT>", "the most hops to a full state", 1);

/** A result for programs, after which nothing else is printed. */
export const JSON_LINE = toggle(
  "--json",
  "print one JSON object on standard output",
);

/** Nothing but what went wrong. */
const QUIET = toggle("--quiet", "print nothing but errors");

/** What is told meanwhile, and where. */
export const LOGGING = {
  logLevel: choice("--log-level <NAME>", "error, warning or info (default)", LOG_LEVELS, "info"),
  logFile: text("--log-file <FILE>", "append log lines, with times, to this file too"),
};

/** What is told, and how, by every command that ends. */
export const OUTPUT = {
  json: JSON_LINE,
  quiet: QUIET,
  progress: choice(
    "--progress <NAME>",
    "auto (default), none, or json: for programs",
    ["auto", "json", "none"],
    "auto",
  ),
  ...LOGGING,
};

/** The flags of the commands that draw a room. */
export function drawingFlags() {
  return {
    ...DATABASE,
    roomId: room("the room's id, such as !id:server", "draw"),
    ...RANGE,
    levels: LEVELS,
    strategy: STRATEGY,
    prefer: PREFER,
    maxHops: MAX_HOPS,
    ...OUTPUT,
  };
}

/** What bounds the hops. */
interface BoundOptions {
  readonly levels?: unknown;
  readonly maxHops?: unknown;
  readonly prefer?: unknown;
  readonly strategy?: "branches" | "levels" | undefined;
}

/** Refuses a preference where levels decide, which would ignore it. */
export function checkPreference(options: BoundOptions): void {
  apart(
    options.levels,
    options.prefer,
    "-l and --prefer",
    "The levels decide how deep chains get: give one of the two.",
  );
  const rule = "The Rust tool's rule knows one preference: leave one of the two out.";
  apart(options.strategy === "levels", options.prefer, "--prefer and --strategy levels", rule);
}

/** Refuses two bounds on hops, of which one would be ignored. */
export function checkBound(options: BoundOptions): void {
  checkPreference(options);
  apart(
    options.levels,
    options.maxHops,
    "-l and --max-hops",
    "The sum of the levels is the bound: give one of the two.",
  );
  const both = "--max-hops and --strategy levels";
  apart(options.strategy === "levels", options.maxHops, both, "Give the levels with -l instead.");
}

/** Refuses a range that can hold nothing. */
export function checkRange({ minGroup, maxGroup }: { minGroup: number | undefined; maxGroup: number | undefined }) {
  if (minGroup === undefined || maxGroup === undefined || maxGroup > minGroup) return;
  throw new UsageError(`Cannot compress state groups above ${minGroup} and up to ${maxGroup}: there are none`, {
    hint: "-s must be greater than -b.",
  });
}

/** Refuses an option that means nothing without another. */
export function needs(given: unknown, flag: string, met: unknown, other: string, hint: string): void {
  if (given && !met) throw new UsageError(`Cannot use ${flag} without ${other}`, { hint });
}

/** Refuses two options that exclude each other. */
export function apart(one: unknown, other: unknown, flags: string, hint: string): void {
  if (one && other) throw new UsageError(`Cannot use ${flags} together`, { hint });
}
