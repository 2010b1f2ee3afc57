/**
 * The database that holds a data store of Synapse's, out of `database:` or `databases:` in its configuration, as a connection
 * string. A message never shows a value of these sections: one of them is the password.
 */
import { UsageError } from "../errors.ts";
import type { Section } from "./sections.ts";

const WHAT = { state: "state", main: "events" };

function storeHint(store: "state" | "main"): string {
  return `One of databases: must have \`${store}\` in its data_stores, or no data_stores at all, which means all.`;
}

/**
 * The database with the events, where it is another one than that with the state.
 *
 * @throws {UsageError} as readDatabase()
 */
export function readEventsDatabase(sections: ReadonlyMap<string, Section>): string | undefined {
  if (!isTruthy(sections.get("databases"))) return undefined;
  const events = readDatabase(sections, "main");
  return events === readDatabase(sections, "state") ? undefined : events;
}

/**
 * The connection string of the database that holds a data store of Synapse's; undefined where no database is named.
 *
 * @throws {UsageError} there is no one such database, or it is not PostgreSQL
 */
export function readDatabase(sections: ReadonlyMap<string, Section>, store: "state" | "main"): string | undefined {
  const one = sections.get("database");
  const many = sections.get("databases");
  if (sections.get("database_path")?.value && !isTruthy(one) && !isTruthy(many)) throw sqlite("database_path");
  if (isTruthy(one) && isTruthy(many)) {
    throw new UsageError(`Cannot tell which database to use: there are both database and databases`, {
      hint: "Synapse itself refuses that too: keep one of them.",
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
