/**
 * The files in which libpq looks for what a connection string leaves open: the service file, the password file, the
 * user's certificates, and the directories of Unix sockets. Knows where each is and how it is written, on each system.
 * Source: https://www.postgresql.org/docs/current/libpq-pgservice.html and …/libpq-pgpass.html
 */

import { readFileSync, statSync } from "node:fs";
import { homedir, platform } from "node:os";
import { UsageError } from "../../errors.ts";
import { type Conninfo, known } from "./conninfo.ts";

/** The environment's variables, as the caller read them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where packages of PostgreSQL have the system's service file: Debian's, Red Hat's. */
const SYSTEM_FOLDERS = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/**
 * The settings of a service, from the user's file or the system's.
 *
 * @throws {UsageError} no file has it
 */
export function readService(name: string, environment: Environment): Conninfo {
  const named = environment["PGSERVICEFILE"];
  if (named && !ifExists(named)) {
    throw new UsageError(`Cannot read the service file ${named}: there is none`, {
      hint: "PGSERVICEFILE names it: without that variable it is ~/.pg_service.conf.",
    });
  }
  const system = environment["PGSYSCONFDIR"] ? [environment["PGSYSCONFDIR"]] : SYSTEM_FOLDERS;
  const paths = [
    named || join(homeOf(environment), ".pg_service.conf"),
    ...system.map((folder) => join(folder, "pg_service.conf")),
  ];
  for (const path of paths) {
    const lines = ifExists(path) ? readLines(path, "service file").map((line) => line.trim()) : [];
    const start = lines.findIndex((line) => line === `[${name}]`);
    if (start < 0) continue;
    const refuse = (why: string) => new UsageError(`Cannot read ${path}: service "${name}" has ${why}`);
    const settings: Conninfo = new Map();
    for (const line of lines.slice(start + 1)) {
      if (line.startsWith("[")) break;
      if (line === "" || line.startsWith("#")) continue;
      if (/^ldaps?:/.test(line)) throw refuse("a line that looks it up by LDAP, which is not supported");
      const equals = line.indexOf("=");
      if (equals < 1) throw refuse("a line that is not key=value");
      const parameter = known(line.slice(0, equals));
      if (parameter === "service") throw refuse("a line that names another service, which libpq refuses too");
      settings.set(parameter, line.slice(equals + 1));
    }
    return settings;
  }
  throw new UsageError(`Cannot find the connection service "${name}"`, {
    hint: "PGSERVICEFILE names the file to look in; the default is ~/.pg_service.conf.",
  });
}

/** Whose password is wanted. */
export interface Login {
  /** The host as it was named, or its address; undefined for the default socket. */
  readonly host: string | undefined;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** The password file, read once for all hosts: the first of its lines that fits has the password. `*` fits all. */
export function readPasswords(
  given: string | undefined,
  environment: Environment,
  warnings: string[],
): (wanted: Login) => string | undefined {
  const path = given ??
    (platform() === "win32" ? configFile(environment, "pgpass.conf") : join(homeOf(environment), ".pgpass"));
  const none = () => undefined;
  if (!ifExists(path)) return none;
  let lines: string[];
  try {
    lines = readLines(path, "password file");
  } catch (error) {
    // As libpq, which goes on without: the server may ask for no password.
    warnings.push(`${(error as UsageError).message}. It is not used.`);
    return none;
  }
  if (isOpenToOthers(path)) {
    warnings.push(`The password file ${path} is not used: others may read it. Make it 0600 (chmod 600 ${path}).`);
    return none;
  }
  return ({ host, port, database, user }) => {
    // A socket in the default directory goes by the name of localhost.
    const place = host === undefined || SOCKET_DIRECTORIES.includes(host) ? "localhost" : host;
    const wanted = [place, String(port), database, user];
    for (const line of lines) {
      if (line.startsWith("#")) continue;
      // Four fields, each up to a colon; what follows is the password, further colons and all.
      const [, ...fields] =
        /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/.exec(line) ?? [];
      const password = fields.pop();
      if (password === undefined || password === "") continue;
      if (fields.every((field, i) => field === "*" || unescape(field) === wanted[i])) return unescape(password);
    }
    return undefined;
  };
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, "$1");
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
function isOpenToOthers(path: string): boolean {
  return platform() !== "win32" && (statSync(path).mode & 0o077) !== 0;
}

/** Whether libpq takes a file for a private key: only its owner may read it, or, if root owns it, a group of root's choice. */
export function isPrivateKey(path: string): boolean {
  if (platform() === "win32") return true;
  const { mode, uid } = statSync(path);
  return (mode & (uid === 0 ? 0o037 : 0o077)) === 0;
}
