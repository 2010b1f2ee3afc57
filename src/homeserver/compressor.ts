/**
 * The settings of the scheduled compressor: `state_compressor:` in Synapse's configuration, as the Synapse documentation has
 * it, with its defaults.
 */
import { closest, distance } from "fastest-levenshtein";
import { DEFAULT_LEVELS, parseLevels } from "../core/plan/levels.ts";
import { type Preference, PREFERENCES } from "../core/plan/plan.ts";
import { UsageError } from "../errors.ts";
import type { DailyWindow } from "../jobs/tidy.ts";
import type { Section } from "./sections.ts";

/** How the scheduled compressor works. */
export interface CompressorSettings {
  /** Whether to run at all. @default true */
  readonly enabled: boolean;
  /** Groups worked on at once. @default 500 */
  readonly chunkSize: number;
  /** How many rooms a run takes, those with the most uncompressed state. @default 5, or all where `numberOfChunks` is given */
  readonly numberOfRooms: number | undefined;
  /** After how many chunks a run ends, as the Rust tool's -n and its Python package's number_of_chunks. @default none */
  readonly numberOfChunks: number | undefined;
  /** Sizes of the levels of rooms that have none. @default 100,50,25 */
  readonly defaultLevels: readonly number[];
  /** What counts most; undefined where nothing is said. Not together with other levels than the default. */
  readonly prefer: Preference | undefined;
  /** From the start of a run to that of the next. @default one day */
  readonly timeBetweenRunsMs: number;
  /** Have Synapse delete what no event uses. @default false */
  readonly prune: boolean;
  /** Give disk space back after a run. @default false */
  readonly reclaim: boolean;
  /** When that may go on. @default at any time */
  readonly reclaimWindow: DailyWindow | undefined;
}

const DAY_MS = 86_400_000;
/** Source: Config.parse_duration in Synapse's config/_base.py. */
const UNITS_MS: Readonly<Record<string, number>> = {
  "": 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
  y: 365 * DAY_MS,
};
const LEAST_INTERVAL_MS = 1000;
const NAMES = [
  "enabled",
  "chunk_size",
  "number_of_rooms",
  "number_of_chunks",
  "default_levels",
  "prefer",
  "time_between_runs",
  "prune",
  "reclaim",
  "reclaim_window",
];

/**
 * Reads a duration as Synapse does: a number of milliseconds, or one with a unit of s, m, h, d, w or y.
 *
 * @throws {SyntaxError} it is none
 */
export function parseDuration(value: unknown): number {
  const parts = typeof value === "number" || typeof value === "string"
    ? /^(\d+)([smhdwy]?)$/.exec(String(value))
    : null;
  const ms = parts === null ? NaN : Number(parts[1]) * UNITS_MS[parts[2]!]!;
  if (!Number.isSafeInteger(ms)) throw new SyntaxError("a duration such as 1d, 6h, 30m or 90s is expected");
  return ms;
}

/**
 * Reads the `state_compressor` section.
 *
 * @throws {UsageError} it has an unknown setting, or a value that cannot be used
 */
export function readCompressor(section: Section | undefined): CompressorSettings {
  if (section === undefined) return checkSettings({}, () => "");
  const value = section.value ?? {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw wrong(section.place(), "state_compressor", "settings are expected, each a key, a colon and a value");
  }
  return checkSettings(value as Record<string, unknown>, (name) => section.place(name));
}

function checkSettings(value: Record<string, unknown>, place: (name: string) => string): CompressorSettings {
  for (const name of Object.keys(value)) {
    if (NAMES.includes(name)) continue;
    const near = findNear(name);
    throw new UsageError(`Cannot use ${place(name)}: state_compressor has no setting ${JSON.stringify(name)}`, {
      hint: near === undefined ? `Its settings are ${NAMES.join(", ")}.` : `Did you mean ${near}?`,
    });
  }
  const read = <T>(name: string, otherwise: T, parse: (value: unknown) => T): T => {
    const given = value[name];
    if (given === undefined || given === null) return otherwise;
    try {
      return parse(given);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw wrong(place(name), name, error.message, given);
    }
  };
  const defaultLevels = read("default_levels", DEFAULT_LEVELS, toLevels);
  const prefer = read<Preference | undefined>("prefer", undefined, toPreference);
  if (prefer !== undefined && defaultLevels.join() !== DEFAULT_LEVELS.join()) {
    throw new UsageError(
      `Cannot use ${place("prefer")}: prefer and default_levels: ${defaultLevels} exclude each other`,
      {
        hint: "Leave one of the two out: such levels bound the chains for the fewest rows.",
      },
    );
  }
  const numberOfChunks = read<number | undefined>("number_of_chunks", undefined, toCount);
  return {
    enabled: read("enabled", true, toBoolean),
    chunkSize: read("chunk_size", 500, toCount),
    numberOfRooms: read("number_of_rooms", numberOfChunks === undefined ? 5 : undefined, toCount),
    numberOfChunks,
    defaultLevels,
    prefer,
    timeBetweenRunsMs: read("time_between_runs", DAY_MS, (given) => {
      const ms = parseDuration(given);
      if (ms < LEAST_INTERVAL_MS) throw new SyntaxError("at least 1s is expected; a number alone is milliseconds");
      return ms;
    }),
    prune: read("prune", false, toBoolean),
    reclaim: read("reclaim", false, toBoolean),
    reclaimWindow: read<DailyWindow | undefined>("reclaim_window", undefined, toWindow),
  };
}

function wrong(place: string, name: string, expected: string, given?: unknown): UsageError {
  const shown = given === undefined ? "" : ` is ${JSON.stringify(given)}`;
  return new UsageError(`Cannot use ${place}: ${name}${shown}: ${expected}`, {
    hint: "The settings and their defaults: enabled: true, chunk_size: 500, number_of_rooms: 5, " +
      "default_levels: 100,50,25, time_between_runs: 1d.",
  });
}

function toBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new SyntaxError("true or false is expected");
}

function toCount(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw new SyntaxError("a whole number of at least 1 is expected");
}

function toPreference(value: unknown): Preference {
  const preference = PREFERENCES.find((name) => name === value);
  if (preference === undefined) throw new SyntaxError(`one of ${PREFERENCES.join(", ")} is expected`);
  return preference;
}

/** `02:00-05:00`, in minutes since midnight. */
function toWindow(value: unknown): DailyWindow {
  const parts = /^(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)$/.exec(String(value).trim());
  const [fromHour = NaN, fromMinute = NaN, toHour = NaN, toMinute = NaN] = parts?.slice(1).map(Number) ?? [];
  if (fromHour < 24 && fromMinute < 60 && toHour <= 24 && toMinute < 60 && toHour * 60 + toMinute <= 1440) {
    return { from: fromHour * 60 + fromMinute, to: (toHour * 60 + toMinute) % 1440 };
  }
  throw new SyntaxError("a time of day such as 02:00-05:00 is expected");
}

function toLevels(value: unknown): number[] {
  if (Array.isArray(value)) return parseLevels(value.join());
  if (typeof value === "string" || typeof value === "number") return parseLevels(String(value));
  throw new SyntaxError('sizes separated by commas are expected, such as "100,50,25"');
}

/** The setting that a misspelt name was probably meant for. */
function findNear(name: string): string | undefined {
  const plain = name.toLowerCase().replaceAll("-", "_");
  const near = closest(plain, NAMES);
  return distance(plain, near) <= Math.max(2, Math.floor(name.length / 3)) ? near : undefined;
}
