/**
 * What the scheduled compressor needs of Synapse's own configuration: its settings, and the databases that hold the state and
 * the events. Text in, values out; opens no file. A message names file and line.
 */
import { type CompressorSettings, readCompressor } from "./compressor.ts";
import { readDatabase, readEventsDatabase } from "./database.ts";
import { type ConfigText, readSections } from "./sections.ts";

/** What a configuration says. */
export interface HomeserverConfig extends CompressorSettings {
  /** A connection string for parseTarget(), with the password if the file has one; undefined where no database is named. */
  readonly database: string | undefined;
  /** With `prune`, the same of the database that holds the events (`main`), where `databases:` has them apart. */
  readonly eventsDatabase: string | undefined;
}

/**
 * Reads Synapse's configuration files.
 *
 * @param files their names and texts; a later file's top-level keys replace those of an earlier one
 * @throws {UsageError} they are not YAML, or ask for something that cannot be
 */
export function parseHomeserverConfig(files: readonly ConfigText[]): HomeserverConfig {
  const sections = readSections(files);
  const settings = readCompressor(sections.get("state_compressor"));
  return {
    ...settings,
    database: readDatabase(sections, "state"),
    eventsDatabase: settings.prune ? readEventsDatabase(sections) : undefined,
  };
}

/**
 * Reads which databases Synapse's configuration files name, whatever else is in them.
 *
 * @param files as for {@linkcode parseHomeserverConfig}
 * @returns connection strings for parseTarget(): the state's database, and the events', where `databases:` has them apart
 * @throws {UsageError} they are not YAML, or name none that can be used
 */
export function parseDatabases(
  files: readonly ConfigText[],
): Pick<HomeserverConfig, "database" | "eventsDatabase"> {
  const sections = readSections(files);
  return { database: readDatabase(sections, "state"), eventsDatabase: readEventsDatabase(sections) };
}
