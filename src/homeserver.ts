/**
 * The scheduled compressor's settings, out of Synapse's own configuration: `state_compressor:` as the Synapse documentation
 * has it, and the database that holds the state. Reads YAML as Synapse does: version 1.1, later files over earlier ones,
 * top-level key by key. Text in, values out; opens no file. A message names file and line, and never shows a value of the
 * database's section.
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import { DEFAULT_LEVELS, parseLevels } from "./core/plan/levels.ts";
import { UsageError } from "./errors.ts";
import type { DailyWindow } from "./jobs/tidy.ts";

/** A configuration file's name and text. */
export interface ConfigText {
  /** The file's name, for messages. */
  readonly name: string;
  /** What it holds: YAML. */
  readonly text: string;
}

/** What the scheduled compressor is told. */
export interface Settings {
  /** @default true */
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
  /** From the start of a run to that of the next. @default one day */
  readonly timeBetweenRunsMs: number;
  /** Have Synapse delete what no event uses. @default false */
  readonly prune: boolean;
  /** Give disk space back after a run. @default false */
  readonly reclaim: boolean;
  /** When that may go on. @default at any time */
  readonly reclaimWindow: DailyWindow | undefined;
  /** A connection string for parseTarget(), with the password if the file has one; undefined where no database is named. */
  readonly database: string | undefined;
  /** With `prune`, the same of the database that holds the events (`main`), where `databases:` has them apart. */
  readonly eventsDatabase: string | undefined;
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
 * Reads configuration files.
 *
 * @throws {UsageError} they are not YAML, or ask for something that cannot be
 */
export function parseSettings(files: readonly ConfigText[]): Settings {
  const sections = new Map<string, Section>();
  for (const file of files) readFile(file, sections);
  const settings = readCompressor(sections.get("state_compressor"));
  return {
    ...settings,
    database: readDatabase(sections, "state"),
    eventsDatabase: settings.prune ? readEventsDatabase(sections) : undefined,
  };
}

/**
 * Reads which databases configuration files name.
 *
 * @returns connection strings for parseTarget(): the state's database, and the events', where `databases:` has them apart
 * @throws {UsageError} they are not YAML, or name none that can be used
 */
export function parseDatabases(files: readonly ConfigText[]): Pick<Settings, "database" | "eventsDatabase"> {
  const sections = new Map<string, Section>();
  for (const file of files) readFile(file, sections);
  return { database: readDatabase(sections, "state"), eventsDatabase: readEventsDatabase(sections) };
}

/** A top-level key's value, and where the things in it stand. */
interface Section {
  readonly value: unknown;
  /** The place of a key, as "homeserver.yaml line 12". */
  place(...path: string[]): string;
}

function readFile({ name, text }: ConfigText, sections: Map<string, Section>): void {
  const lineCounter = new LineCounter();
  // As PyYAML, which Synapse uses: of two equal keys the last one counts.
  const document = parseDocument(text, { version: "1.1", prettyErrors: false, uniqueKeys: false, lineCounter });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    // Of an alias or a tag the message shows the name only; of a scalar nothing.
    const reason = error.code === "BAD_ALIAS" ? "an alias names no anchor" : `it is not valid YAML (${error.code})`;
    throw new UsageError(`Cannot read ${name}: line ${line}, column ${col}: ${reason}`, {
      hint:
        "Look at that line and the one above it: indentation by spaces, a colon and a space after each key, quotes closed.",
    });
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch {
    throw new UsageError(`Cannot read ${name}: its YAML aliases expand to too much, or name no anchor`);
  }
  if (value === null || value === undefined) return;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new UsageError(`Cannot read ${name}: it is not a list of settings, each a key, a colon and a value`, {
      hint: "Give Synapse's own homeserver.yaml, or a file with the same keys.",
    });
  }
  for (const [key, part] of Object.entries(value)) {
    sections.set(key, {
      value: part,
      place(...path) {
        for (let length = path.length; length >= 0; length--) {
          const node = document.getIn([key, ...path.slice(0, length)], true);
          if (isNode(node) && node.range) return `${name} line ${lineCounter.linePos(node.range[0]).line}`;
        }
        return name;
      },
    });
  }
}

type CompressorSettings = Omit<Settings, "database" | "eventsDatabase">;

function readCompressor(section: Section | undefined): CompressorSettings {
  const value = section?.value ?? {};
  if (section === undefined || typeof value !== "object" || Array.isArray(value)) {
    if (section === undefined) return checkSettings({}, () => "");
    throw wrong(section.place(), "state_compressor", "a list of settings is expected");
  }
  return checkSettings(value as Record<string, unknown>, (name) => section.place(name));
}

function checkSettings(value: Record<string, unknown>, place: (name: string) => string): CompressorSettings {
  for (const name of Object.keys(value)) {
    if (NAMES.includes(name)) continue;
    const near = nearest(name, NAMES);
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
  const numberOfChunks = read<number | undefined>("number_of_chunks", undefined, toCount);
  return {
    enabled: read("enabled", true, toBoolean),
    chunkSize: read("chunk_size", 500, toCount),
    numberOfRooms: read("number_of_rooms", numberOfChunks === undefined ? 5 : undefined, toCount),
    numberOfChunks,
    defaultLevels: read("default_levels", DEFAULT_LEVELS, toLevels),
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
  throw new SyntaxError("a whole number from 1 on is expected");
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

const WHAT = { state: "state", main: "events" };

function storeHint(store: "state" | "main"): string {
  return `One of databases: must have \`${store}\` in its data_stores, or no data_stores at all, which means all.`;
}

/** The database with the events, where it is another one than that with the state. */
function readEventsDatabase(sections: ReadonlyMap<string, Section>): string | undefined {
  if (!isTruthy(sections.get("databases"))) return undefined;
  const events = readDatabase(sections, "main");
  return events === readDatabase(sections, "state") ? undefined : events;
}

/** The connection string of the database that holds a data store of Synapse's. */
function readDatabase(sections: ReadonlyMap<string, Section>, store: "state" | "main"): string | undefined {
  const one = sections.get("database");
  const many = sections.get("databases");
  if (sections.get("database_path")?.value && !isTruthy(one) && !isTruthy(many)) throw sqlite("database_path");
  if (isTruthy(one) && isTruthy(many)) {
    throw new UsageError(`Cannot tell which database to use: there are both database and databases`, {
      hint: "Synapse itself refuses that, too: keep one of them.",
    });
  }
  if (isTruthy(one)) return readConnection(one!.value, one!.place(), "database");
  if (!isTruthy(many)) return undefined;
  const named = many!.value;
  if (typeof named !== "object" || Array.isArray(named)) {
    throw new UsageError(`Cannot use ${many!.place()}: databases is not a list of names, each with its settings`);
  }
  const holding = Object.entries(named as Record<string, unknown>).filter(([, database]) => {
    const stores = (database as { data_stores?: unknown } | null)?.data_stores;
    return stores === undefined || stores === null || Array.isArray(stores) && stores.includes(store);
  });
  if (holding.length === 0) {
    throw new UsageError(
      `Cannot find the ${WHAT[store]}: none of databases in ${many!.place()} has the data store "${store}"`,
      {
        hint: storeHint(store),
      },
    );
  }
  if (holding.length > 1) {
    throw new UsageError(
      `Cannot tell which database holds the ${WHAT[store]}: ${
        holding.map(([name]) => name).join(" and ")
      } both have it`,
      { hint: storeHint(store) },
    );
  }
  const [name, database] = holding[0]!;
  return readConnection(database, many!.place(name), `databases: ${name}`);
}

function isTruthy(section: Section | undefined): boolean {
  const value = section?.value;
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

function readConnection(database: unknown, place: string, name: string): string {
  const { name: engine = "sqlite3", args = {} } = (typeof database === "object" ? database : {}) as {
    name?: unknown;
    args?: unknown;
  };
  if (engine === "sqlite3") throw sqlite(`${place}: ${name}`);
  if (engine !== "psycopg2") {
    throw new UsageError(`Cannot use ${place}: ${name}: its name is neither psycopg2 nor sqlite3`, {
      hint: "Synapse calls PostgreSQL `psycopg2`.",
    });
  }
  if (args !== null && (typeof args !== "object" || Array.isArray(args))) {
    throw new UsageError(`Cannot use ${place}: ${name}: its args are not a list of key: value`);
  }
  const pairs: string[] = [];
  for (const [key, value] of Object.entries(args ?? {})) {
    // What Synapse's connection pool takes, not PostgreSQL.
    if (key.startsWith("cp_") || value === null) continue;
    // psycopg2 takes both.
    const parameter = key === "database" ? "dbname" : key;
    if (!/^\w+$/.test(parameter) || typeof value === "object") {
      throw new UsageError(`Cannot use ${place}: ${name}: args has a key or a value that PostgreSQL does not know`, {
        hint: "args: holds what psycopg2 takes: user, password, dbname, host, port, sslmode …",
      });
    }
    pairs.push(`${parameter}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`);
  }
  return pairs.join(" ");
}

function sqlite(where: string): UsageError {
  return new UsageError(`Cannot work on ${where}: it is SQLite, and this program needs PostgreSQL`, {
    hint: "Synapse's documentation (postgres.md) says how to move a server from SQLite to PostgreSQL.",
  });
}

/** The name that is the fewest typing errors away, if it is near. */
function nearest(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const other of names) {
    const distance = editDistance(name.toLowerCase().replaceAll("-", "_"), other);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
