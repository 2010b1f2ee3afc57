/**
 * From the driver's and the system's errors to the typed ones: one sentence, a hint that fits the SQLSTATE or the system's code,
 * and the cause whole. Knows codes only.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import postgres from "postgres";
import { CompressorError, ConflictError, ConnectionError } from "../../errors.ts";
import type { ErrorFields } from "./copy.ts";
import { cannotConnect } from "../wire/refusal.ts";
import { ClosedError } from "../wire/wait.ts";
import { describeTarget, type Target } from "../target/target.ts";

/**
 * Makes the typed error of whatever a query threw: a {@linkcode ConnectionError} where the connection is gone, a
 * {@linkcode ConflictError} where another transaction was in the way (40001, 40P01, 55P03), and else a
 * {@linkcode CompressorError} with the server's words and SQLSTATE. What does not come from the driver is returned as it is.
 */
export function toCompressorError(error: unknown, target: Target): Error {
  if (error instanceof CompressorError) return error;
  if (!(error instanceof Error)) return new CompressorError(String(error), { cause: error });
  const code = codeOf(error);
  if (isConnectionCode(code)) return lostConnection(error, target);
  if (!(error instanceof postgres.PostgresError)) return error;
  const message = `Cannot work on ${describeTarget(target)}: ${error.message} (SQLSTATE ${code})`;
  if (["40001", "40P01", "55P03"].includes(code)) {
    const hint = "Another transaction was in the way: run it again.";
    return new ConflictError(message, { hint, cause: error, code });
  }
  return new CompressorError(message, { hint: statementHint(error, target) ?? error.hint, cause: error, code });
}

function statementHint(error: postgres.PostgresError, target: Target): string | undefined {
  const role = `"${target.user}"`;
  switch (error.code) {
    case "42501": {
      const table = /permission denied for (?:table|relation) (\S+)/.exec(error.message)?.[1];
      return table
        ? `Connect as Synapse's own user, or, as the owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${role};`
        : `Connect as Synapse's own user: ${role} may not do this.`;
    }
    case "25006":
      return "Connect to the primary server, not to a standby, and as a user without default_transaction_read_only.";
    case "57014":
      if (/statement timeout/.test(error.message)) {
        return `The statement took longer than statement_timeout allows. As a superuser: ALTER ROLE ${role} SET statement_timeout = 0;`;
      }
      return /user request/.test(error.message)
        ? "Somebody cancelled the statement, with pg_cancel_backend() or the like: run it again."
        : "The statement took longer than statement_timeout allows, or somebody cancelled it.";
    case "42P01":
      return "Is it Synapse's database, and is its schema in this user's search_path?";
    case "53400":
      return /temp_file_limit/.test(error.message)
        ? `The server sorts more than temp_file_limit allows. As a superuser: ALTER ROLE ${role} SET temp_file_limit = -1;`
        : error.hint;
    case "53100":
      return "The server's disk is full: make room before anything else.";
    default:
      return undefined;
  }
}

/** The hint for each way in which a connection is refused, by SQLSTATE or the system's code. */
function connectHint(code: string, error: Error, target: Target): string | undefined {
  switch (code) {
    case "28P01":
      return target.password === undefined
        ? "No password was given: put it into the URL, PGPASSWORD or ~/.pgpass."
        : "Check the user and the password; special characters in a URL's password are written as %XX.";
    case "28000":
      return /role .* does not exist/.test(error.message)
        ? "Name Synapse's user, as homeserver.yaml has it under database: args: user."
        : "The server's pg_hba.conf does not let this user in from here, or not in this way (with or without TLS).";
    case "3D000":
      return "List the databases with psql -l; homeserver.yaml names Synapse's under database: args: database.";
    case "53300":
      return connectionsHint(error, target);
    case "57P03":
    case "57P01":
    case "57P02":
      return "The server is starting or stopping: try again in a moment.";
    case "08P01":
      return poolerHint(error, target);
    case "ECONNREFUSED":
      return target.host.startsWith("/")
        ? "The socket is left over: start PostgreSQL, or name a host for TCP (host=localhost)."
        : "Is PostgreSQL running there, and do listen_addresses and port in its postgresql.conf agree?";
    case "ENOENT":
      return "No server has its socket there: name a host for TCP (host=localhost), or the right socket directory.";
    case "EACCES":
      return "Run this as a user that may open it (Synapse's, say), or name a host for TCP (host=localhost).";
    case "ECONNRESET":
      return NOT_A_SERVER;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "Check the host name, and this machine's name service.";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "Check host, port and firewall.";
    default:
      return undefined;
  }
}

const NOT_A_SERVER = "Check host and port: what listens there may not be PostgreSQL. If it is, its log says why.";

/** Which limit on connections it is. The server's routine tells it in every language. */
function connectionsHint(error: Error, target: Target): string {
  const routine = (error as { routine?: unknown }).routine;
  if (routine === "InitializeSessionUserId" || / for role "/.test(error.message)) {
    return `This user's CONNECTION LIMIT is reached. End its other sessions, or: ALTER ROLE "${target.user}" CONNECTION LIMIT -1;`;
  }
  if (routine === "CheckMyDatabase" || / for database "/.test(error.message)) {
    return `The database's CONNECTION LIMIT is reached. End other sessions, or: ALTER DATABASE "${target.database}" CONNECTION LIMIT -1;`;
  }
  return "All the server's connections are taken: try again later, or raise its max_connections.";
}

/** What PgBouncer says of its own has this one code. */
function poolerHint(error: Error, target: Target): string | undefined {
  if (/unsupported startup parameter/.test(error.message)) {
    return "That is PgBouncer: it takes no options. Leave them out of the connection string and of PGOPTIONS " +
      `(ALTER ROLE "${target.user}" SET … does the same), or connect to PostgreSQL's own port.`;
  }
  if (/no such (user|database)|auth|password/i.test(error.message)) {
    return "That is PgBouncer: its pgbouncer.ini or auth_file does not have this user or database. Or connect to PostgreSQL's own port.";
  }
  if (/no more connections/.test(error.message)) {
    return "That is PgBouncer: its max_client_conn is reached. Try again later, or connect to PostgreSQL's own port.";
  }
  return "If that is PgBouncer, its log says more. Or connect to PostgreSQL's own port.";
}

/** The error of a connection that could not be made. */
export function connectError(error: unknown, target: Target): Error {
  if (error instanceof CompressorError) return error;
  if (!(error instanceof Error)) return cannotConnect(target, String(error), { cause: error });
  // A name with several addresses fails with the errors of all of them.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  const code = codeOf(error) || codeOf(first);
  const hint = error instanceof ClosedError ? NOT_A_SERVER : connectHint(code, first, target);
  const why = {
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "there is no host of that name",
    EAI_AGAIN: "the host name cannot be looked up now",
    ENOENT: "there is no such socket",
    EACCES: "this user may not open the socket",
    ECONNRESET: "the server closed the connection",
  }[code] ?? first.message;
  return cannotConnect(target, why, { hint, cause: error, code: code || undefined });
}

/** The error of a connection that was there and is gone. */
export function lostConnection(cause: unknown, target: Target): ConnectionError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(`Lost the connection to ${describeTarget(target)}: ${why}`, {
    hint: "What was committed is kept, the rest is undone: run it again once the server is up.",
    cause,
    code: codeOf(cause) || undefined,
  });
}

/** The driver's own error class, of an ErrorResponse that it does not tell of. */
export function serverError(fields: ErrorFields): Error {
  const { S, V, C, M, D, H, W, R, t } = fields;
  // Not in the driver's types: it takes the fields.
  const PostgresError = postgres.PostgresError as unknown as new (fields: Record<string, unknown>) => Error;
  return new PostgresError({
    severity_local: S,
    severity: V ?? S,
    code: C,
    message: M,
    detail: D,
    hint: H,
    where: W,
    routine: R,
    table_name: t,
  });
}

/** The SQLSTATE or the system's code of an error, or nothing. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** Class 08, a server that goes away (57P01 to 57P03), the driver's own codes, and the system's for a socket. */
function isConnectionCode(code: string): boolean {
  return /^(08...|57P0[1-3]|CONNECT(ION)?_\w+|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN)$/.test(code);
}
