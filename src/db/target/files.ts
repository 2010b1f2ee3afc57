/**
 * The files in which libpq looks for what a connection string leaves open: the service file, the password file, the
 * user's certificates, and the directories of Unix sockets. Knows where each is and how it is written, on each system.
 * Source: https://www.postgresql.org/docs/current/libpq-pgservice.html and …/libpq-pgpass.html
 */

import { readFileSync, statSync } from "node:fs";
import { homedir, platform } from "node:os";
import { UsageError } from "../../errors.ts";
import { known, type Settings } from "./conninfo.ts";

/** The environment's variables, as the caller read them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings of a service, from the user's file or the system's.
 *
 * @throws {UsageError} no file has it
 */
export function readService(name: string, environment: Environment): Settings {
  const home = environment["PGSERVICEFILE"] ?? join(homeOf(environment), ".pg_service.conf");
  const system = environment["PGSYSCONFDIR"] && join(environment["PGSYSCONFDIR"], "pg_service.conf");
  for (const path of [home, system]) {
    const lines = path && ifExists(path) ? readLines(path, "service file") : [];
    const start = lines.findIndex((line) => line.trim() === `[${name}]`);
    if (start < 0) continue;
    const settings: Settings = new Map();
    for (const line of lines.slice(start + 1).map((line) => line.trim())) {
      if (line.startsWith("[")) break;
      if (line === "" || line.startsWith("#")) continue;
      const equals = line.indexOf("=");
      if (equals < 1) throw new UsageError(`Cannot read ${path}: service "${name}" has a line that is not key=value`);
      settings.set(known(line.slice(0, equals)), line.slice(equals + 1));
    }
    return settings;
  }
  throw new UsageError(`Cannot find the connection service "${name}"`, {
    hint: "PGSERVICEFILE names the file to look in; the default is ~/.pg_service.conf.",
  });
}

/** The first line of the password file that fits: `host:port:database:user:password`, `*` fits all. */
export function findPassword(
  given: string | undefined,
  wanted: { host: string | undefined; port: number; database: string; user: string },
  environment: Environment,
  warnings: string[],
): string | undefined {
  const path = given ??
    (platform() === "win32" ? configFile(environment, "pgpass.conf") : join(homeOf(environment), ".pgpass"));
  if (!ifExists(path)) return undefined;
  if (isOpenToOthers(path)) {
    warnings.push(`The password file ${path} is not used: others may read it. Make it 0600 (chmod 600 ${path}).`);
    return undefined;
  }
  let lines: string[];
  try {
    lines = readLines(path, "password file");
  } catch (error) {
    // As libpq, which goes on without: the server may ask for no password.
    warnings.push(`${(error as UsageError).message}. It is not used.`);
    return undefined;
  }
  // A socket in the default directory goes by the name of localhost.
  const local = wanted.host === undefined || SOCKET_DIRECTORIES.includes(wanted.host);
  const fields = [local ? "localhost" : wanted.host!, String(wanted.port), wanted.database, wanted.user];
  for (const line of lines) {
    if (line === "" || line.startsWith("#")) continue;
    const parts = [...line.matchAll(/((?:[^:\\]|\\.)*)(?::|$)/g)].map((part) => part[1]!.replace(/\\(.)/g, "$1"));
    const raw = line.split(/(?<!\\):/);
    if (fields.every((field, i) => raw[i] === "*" || parts[i] === field) && parts[4] !== undefined) return parts[4];
  }
  return undefined;
}

const SOCKET_DIRECTORIES = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/** Debian's directory where it is there, then PostgreSQL's own; which one libpq takes was settled when it was built. */
export function defaultHost(): string {
  if (platform() === "win32") return "localhost";
  const inUse = SOCKET_DIRECTORIES.find((directory) => ifExists(`${directory}/.s.PGSQL.5432`));
  return inUse ?? SOCKET_DIRECTORIES.find((directory) => ifExists(directory)) ?? "localhost";
}

function homeOf(environment: Environment): string {
  const home = environment["HOME"] ?? environment["USERPROFILE"];
  if (home) return home;
  try {
    return homedir();
  } catch {
    return "/nonexistent";
  }
}

/** Where libpq looks for a file of the user's own. */
export function configFile(environment: Environment, name: string): string {
  return platform() === "win32"
    ? join(environment["APPDATA"] ?? homeOf(environment), `postgresql\\${name}`)
    : join(homeOf(environment), name === "pgpass.conf" ? ".pgpass" : `.postgresql/${name}`);
}

function join(directory: string, name: string): string {
  return directory + (platform() === "win32" ? "\\" : "/") + name;
}

/** The path, if there is something and we may see it. */
export function ifExists(path: string): string | undefined {
  try {
    statSync(path);
    return path;
  } catch {
    // Not there, or not ours to see: either way as if it were not there, which is what libpq does.
    return undefined;
  }
}

/** The lines of a file that is there. */
function readLines(path: string, what: string): string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isDenied = code === "EACCES" || code === "EPERM";
    const reason = isDenied ? "no permission" : code === "EISDIR" ? "it is a folder" : message;
    throw new UsageError(`Cannot read the ${what} ${path}: ${reason}`, {
      hint: isDenied ? `It must belong to the user who runs this program: chown "$(id -un)" ${path}` : "Move it away.",
      cause: error,
    });
  }
}

/** Whether anybody but a file's owner may read it. Windows keeps no such bits. */
export function isOpenToOthers(path: string): boolean {
  return platform() !== "win32" && (statSync(path).mode & 0o077) !== 0;
}
