/**
 * Where a command's database is named: by -p, by Synapse's own configuration, by PG* variables, or, where nothing is said, by a
 * homeserver.yaml in one of the places in which Synapse's packages keep it. Knows the order of these, and how to say it again.
 */

import { homedir } from "node:os";
import { describeTarget, type Environment, parseDatabases, parseTarget, type Target, UsageError } from "../mod.ts";
import { databaseArguments } from "./address.ts";
import { readReason } from "./causes.ts";
import { apart } from "./options.ts";
import { findSecrets } from "./secrets.ts";

/** What a command line says of the database. */
export interface SourceOptions {
  readonly postgres?: string | undefined;
  readonly homeserverConfig?: readonly string[] | undefined;
  readonly eventsPostgres?: string | undefined;
}

/** A database, and who named it. */
export interface Named {
  readonly target: Target;
  /** The arguments that name it again, without a password; none where the surroundings do. */
  readonly arguments: readonly string[];
}

/** The databases of a command. */
export interface Source {
  readonly state: Named;
  /** Where Synapse's events are, if that is another database. */
  readonly events: Named | undefined;
  /** What to say of it: nothing where -p did. */
  readonly note: string | undefined;
  /** Passwords that a configuration holds. */
  readonly secrets: readonly string[];
}

/** Where Synapse's packages keep its configuration, each with the folder of what comes after it. */
const USUAL_PLACES: readonly (readonly string[])[] = [
  // Debian's and matrix.org's packages, Docker's image, Arch's and Fedora's, FreeBSD's, matrix-docker-ansible-deploy's.
  ["/etc/matrix-synapse/homeserver.yaml", "/etc/matrix-synapse/conf.d"],
  ["/data/homeserver.yaml"],
  ["/etc/synapse/homeserver.yaml", "/etc/synapse/conf.d"],
  ["/usr/local/etc/matrix-synapse/homeserver.yaml"],
  ["/matrix/synapse/config/homeserver.yaml"],
];

/** The variables of libpq that name a database where -p does not. */
export const NAMING_VARIABLES: readonly string[] = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"];

/**
 * Finds out which database a command is to work on.
 *
 * @throws {UsageError} nothing names one, or it cannot be read
 */
export function findSource(options: SourceOptions, environment: Environment): Source {
  const { postgres, homeserverConfig, eventsPostgres } = options;
  apart(
    postgres?.trim(),
    homeserverConfig,
    "-p and --homeserver-config",
    "Both name the database: leave one of them out.",
  );
  const events = eventsPostgres === undefined ? undefined : name("--events-postgres", eventsPostgres, environment);
  // As libpq has it, an empty string leaves everything to the variables.
  if (postgres?.trim()) return { state: name("-p", postgres, environment), events, note: undefined, secrets: [] };
  const variables = NAMING_VARIABLES.filter((variable) => environment[variable]);
  if (homeserverConfig === undefined && variables.length > 0) {
    const target = parseTarget("", environment);
    const note = `Using ${describeTarget(target)}, as ${variables.join(" and ")} ${
      variables.length > 1 ? "have" : "has"
    } it`;
    return { state: { target, arguments: [] }, events, note, secrets: [] };
  }
  const paths = homeserverConfig ?? findConfig(environment);
  if (paths === undefined) {
    throw new UsageError(
      "Cannot tell which database to use: -p is missing or empty, and no homeserver.yaml was found",
      {
        hint: "Give -p postgresql://user@host/database or --homeserver-config FILE, or set PGHOST and PGDATABASE.",
      },
    );
  }
  const { database, eventsDatabase } = parseDatabases(readConfig(paths));
  if (database === undefined) {
    throw new UsageError(`Cannot tell which database to use: ${paths[0]} has neither database nor databases`, {
      hint: "Give Synapse's own homeserver.yaml, a further --homeserver-config with its database: section, or -p.",
    });
  }
  const again = homeserverConfig === undefined ? [] : homeserverConfig.flatMap((path) => ["--homeserver-config", path]);
  const target = parseTarget(database, environment);
  return {
    state: { target, arguments: again },
    events: events ??
      (eventsDatabase === undefined ? undefined : { target: parseTarget(eventsDatabase, environment), arguments: [] }),
    note: `Using ${describeTarget(target)}, as ${paths[0]} has it`,
    secrets: findSecrets([database, eventsDatabase ?? ""], {}),
  };
}

function name(flag: string, given: string, environment: Environment): Named {
  const target = parseTarget(given, environment);
  return { target, arguments: databaseArguments(flag, given, target) };
}

/** The configuration in the first of the usual places that has one. */
export function findConfig(environment: Environment): readonly string[] | undefined {
  // Synapse's documentation has people install it there.
  const own = `${environment["HOME"] ?? homedir()}/synapse/homeserver.yaml`;
  for (const [file, ...folders] of [...USUAL_PLACES, [own]]) {
    if (exists(file!)) return [file!, ...folders.filter(exists)];
  }
  return undefined;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    // In a folder that we may not look into there may be one: reading it says so.
    return error instanceof Deno.errors.PermissionDenied;
  }
}

/**
 * The files that are named, and those of a folder that end in .yaml, by name: as Synapse finds them.
 *
 * @throws {UsageError} one cannot be read
 */
export function readConfig(paths: readonly string[]): { name: string; text: string }[] {
  return paths.flatMap((path) => {
    try {
      if (!Deno.statSync(path).isDirectory) return [{ name: path, text: Deno.readTextFileSync(path) }];
      const names = [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) => name.endsWith(".yaml")).sort();
      const files = names.map((name) => `${path.replace(/\/$/, "")}/${name}`);
      return files.map((name) => ({ name, text: Deno.readTextFileSync(name) }));
    } catch (error) {
      throw new UsageError(`Cannot read ${path}: ${readReason(error)}`, {
        hint: "Name Synapse's homeserver.yaml, and run as a user who may read it, such as Synapse's own; or use -p.",
        cause: error,
      });
    }
  });
}
