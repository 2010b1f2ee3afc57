/**
 * Connects to Synapse's database, and checks that the session is what it claims: ours alone, set for the work, on a server
 * and on tables that are as they seem. Knows the order of these steps; each has a file of its own beside this one.
 */

import { type CompressorError, ConnectionError, SchemaError, StoppedError } from "../../errors.ts";
import {
  describePlace,
  describeTarget,
  type Environment,
  givePassword,
  parseTarget,
  type SessionAttributes,
  type SslMode,
  type Target,
} from "../target/target.ts";
import { Connection } from "./connection.ts";
import { codeOf, connectError } from "./failures.ts";
import { findCandidates, findMismatch, KIND_STATEMENT, type ServerKind } from "./hosts.ts";
import { PasswordNeeded } from "./login.ts";
import { findSharing } from "./pooler.ts";
import { cannotConnect, silenceError } from "../wire/refusal.ts";
import type { Session } from "./session.ts";
import type { SessionLimits } from "./settings.ts";
import { openSocket } from "../wire/socket.ts";
import { checkVersion, limitsVersion, TLS_STATEMENT } from "../wire/version.ts";

export type { Session } from "./session.ts";

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
/** A server that looks names up at each login may take some seconds. */
const DEFAULT_ANSWER_TIMEOUT_MS = 10_000;

/** How to connect. */
export interface ConnectOptions extends SessionLimits {
  /** Time for each address, up to the checked session; 0 for no limit. @default the target's connect_timeout, or 30,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Time for the server's first word, once it is reached; 0 for no limit. @default 10,000, or none where a time is given for the whole */
  readonly answerTimeoutMs?: number | undefined;
  /** What pg_stat_activity shows, where the target names nothing. @default "synapse_compress_state" */
  readonly applicationName?: string | undefined;
  /**
   * Called where a server asks for a password and the target has none: resolves to it, or to undefined where nobody can be
   * asked. @default nobody
   */
  readonly askPassword?: ((target: Target) => Promise<string | undefined>) | undefined;
  /** Ends the attempt to connect. The work on the session takes a signal of its own: see stoppable(). */
  readonly signal?: AbortSignal | undefined;
  /** Whether to demand Synapse's tables and encoding, and to put their schema first in the search path. @default true */
  readonly checkSchema?: boolean | undefined;
  /** Where a target given as a string looks for PG* variables. @default none */
  readonly environment?: Environment | undefined;
}

/**
 * Connects, and checks what is there.
 *
 * @throws {UsageError} if the target is a string that cannot be read.
 * @throws {ConnectionError} if there is no connection to be had, and why.
 * @throws {SchemaError} if it is not Synapse's state database, or one that cannot be worked on safely: not UTF-8, older than
 * PostgreSQL 11, with rows that are hidden or rewritten, or behind a pooler that shares sessions.
 * @throws {StoppedError} if the signal is aborted before the session is there.
 */
export async function connect(target: Target | string, options: ConnectOptions = {}): Promise<Session> {
  const to = typeof target === "string" ? parseTarget(target, options.environment) : target;
  if (options.signal?.aborted) throw StoppedError.by(options.signal);
  try {
    return await connectAny(to, options);
  } catch (error) {
    if (options.signal?.aborted) throw StoppedError.by(options.signal);
    if (!(error instanceof NeedsPassword)) throw error;
    // As psql: the connection is given up, and no time runs while somebody types.
    const password = await options.askPassword?.(error.target);
    if (options.signal?.aborted) throw StoppedError.by(options.signal);
    if (!password) throw error.refusal;
    return await connectAny(givePassword(to, password), options);
  }
}

/** A server that asks for a password that is not there. */
class NeedsPassword extends Error {
  readonly target: Target;
  readonly refusal: ConnectionError;

  constructor(target: Target) {
    const refusal = cannotConnect(target, "the server asks for a password, and none was given", {
      hint: "Put it into PGPASSWORD, ~/.pgpass or the URL; on a terminal it is asked for.",
      code: "28P01",
    });
    super(refusal.message);
    this.target = target;
    this.refusal = refusal;
  }
}

/** Tries the servers that the target names, until one is what it asks for. */
async function connectAny(target: Target, options: ConnectOptions): Promise<Session> {
  const { sessionAttributes } = target;
  if (sessionAttributes !== "prefer-standby") return await connectFirst(target, options, sessionAttributes);
  try {
    return await connectFirst(target, options, "standby");
  } catch (error) {
    if (!(error instanceof AllFailed)) throw error;
    return await connectFirst(target, options, "any");
  }
}

/** None of the servers will do. */
class AllFailed extends ConnectionError {}

async function connectFirst(target: Target, options: ConnectOptions, wanted: SessionAttributes): Promise<Session> {
  const failures: { readonly target: Target; readonly error: Error }[] = [];
  for await (const candidates of findCandidates(target, options.signal)) {
    if (candidates.failure !== undefined) {
      failures.push({ target: candidates.target, error: connectError(candidates.failure, candidates.target) });
    }
    for (const address of candidates.addresses) {
      try {
        return await connectTo(address, options, wanted);
      } catch (error) {
        if (options.signal?.aborted || !(error instanceof TryNext)) throw error;
        failures.push({ target: candidates.target, error: error.why });
        if (error.isWholePlace) break;
      }
    }
  }
  throw summarize(target, failures);
}

/** One error of all of them: of a single place the first, of several each with its reason. */
function summarize(
  target: Target,
  failures: readonly { readonly target: Target; readonly error: Error }[],
): AllFailed {
  const [first] = failures;
  const { hint, code } = first!.error as CompressorError;
  const details = { hint, cause: first!.error.cause ?? first!.error, code };
  if (target.places.length === 1) return new AllFailed(first!.error.message, details);
  const whys = failures.map(({ target: at, error }) =>
    `${describePlace(at)}: ${error.message.replace(`Cannot connect to ${describeTarget(at)}: `, "")}`
  );
  return new AllFailed(`Cannot connect to ${describeTarget(target)}: ${[...new Set(whys)].join("; ")}`, details);
}

/** Not this server: the next one may do. */
class TryNext extends Error {
  readonly why: Error;
  /** Whether the place's other addresses are passed over. */
  readonly isWholePlace: boolean;

  constructor(why: Error, isWholePlace = false) {
    super(why.message);
    this.why = why;
    this.isWholePlace = isWholePlace;
  }
}

/** Nothing is there, or it is starting up: any other failure is final, as with libpq. */
const NEXT_CODES =
  "ECONNREFUSED ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN EADDRNOTAVAIL ENOENT EACCES 57P03"
    .split(" ");

async function connectTo(to: Target, options: ConnectOptions, wanted: SessionAttributes): Promise<Session> {
  const timeoutMs = options.connectTimeoutMs ?? to.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  const ender = new AbortController();
  const end = (error: Error) => ender.abort(error);
  const stop = () => end(StoppedError.by(options.signal!));
  options.signal?.addEventListener("abort", stop, { once: true });
  const timer = timeoutMs === 0
    ? undefined
    : setTimeout(() =>
      end(cannotConnect(to, `no answer within ${timeoutMs / 1000} seconds`, {
        hint: "Check host, port and firewall, or allow more time with connect_timeout.",
      })), timeoutMs);
  try {
    const isGiven = (options.connectTimeoutMs ?? to.connectTimeoutMs) !== undefined;
    const answerTimeoutMs = options.answerTimeoutMs ?? (isGiven ? 0 : DEFAULT_ANSWER_TIMEOUT_MS);
    return await open(to, options, ender.signal, answerTimeoutMs, wanted);
  } catch (error) {
    if (error instanceof TryNext) throw error;
    const isLate = ender.signal.aborted && error === ender.signal.reason;
    if (isLate || NEXT_CODES.includes(codeOf(error))) throw new TryNext(error as Error);
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}

/** The mode to come again with where pg_hba.conf refuses a connection for having TLS, or for having none. */
const SECOND_SSL_MODE: Partial<Record<SslMode, SslMode>> = { allow: "prefer", prefer: "disable" };

async function open(
  target: Target,
  options: ConnectOptions,
  signal: AbortSignal,
  answerTimeoutMs: number,
  wanted: SessionAttributes,
): Promise<Connection> {
  let connection: Connection | undefined;
  const end = () => connection?.fail(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  const attempt = async (mode: SslMode) => {
    const client = async () => {
      const made = new Connection(target, mode, await openSocket(target, mode, signal, answerTimeoutMs));
      connection ??= made;
      if (signal.aborted) throw signal.reason;
      const timer = answerTimeoutMs > 0
        ? setTimeout(() => made.fail(silenceError(target, answerTimeoutMs)), answerTimeoutMs)
        : undefined;
      await made.begin(options.applicationName, () => clearTimeout(timer)).finally(() => clearTimeout(timer));
      return made;
    };
    const opened = await client();
    if (wanted !== "any") {
      const [kind] = await opened.sql.unsafe(KIND_STATEMENT) as unknown as [ServerKind];
      const why = findMismatch(wanted, kind);
      if (why !== undefined) {
        await opened.close();
        throw new TryNext(cannotConnect(target, `${why}, and target_session_attrs=${target.sessionAttributes}`), true);
      }
    }
    const isDirect = await demandOwnSession(opened, client);
    if (limitsVersion(target) && opened.isSecure) {
      // A pooler's own connection to the server may well be another.
      const [row] = isDirect ? await opened.sql.unsafe(TLS_STATEMENT) : [];
      checkVersion(target, row?.["version"]);
    }
    try {
      await opened.check(options, options.checkSchema ?? true);
    } catch (error) {
      if (opened.isPooled) await opened.close();
      throw error;
    }
    return opened;
  };
  try {
    const second = SECOND_SSL_MODE[target.sslMode];
    try {
      return await attempt(target.sslMode);
    } catch (error) {
      // 28000: no line of pg_hba.conf fits.
      if (codeOf(error) !== "28000" || second === undefined || target.host.startsWith("/")) throw error;
      connection?.destroy();
      connection = undefined;
      return await attempt(second).catch((later) => {
        // What was found once it was in is more to the point than why it was not let in at first.
        throw later instanceof SchemaError ? later : error;
      });
    }
  } catch (error) {
    signal.removeEventListener("abort", end);
    connection?.destroy();
    // Whatever it was that broke first, once ended.
    if (signal.aborted) throw signal.reason;
    if (error instanceof TryNext) throw error;
    throw error instanceof PasswordNeeded ? new NeedsPassword(target) : connectError(error, target);
  }
}

/**
 * Resolves to whether nothing is between us and the server.
 *
 * @throws {SchemaError} a pooler shares the session, or it cannot be told
 */
async function demandOwnSession(connection: Connection, client: () => Promise<Connection>): Promise<boolean> {
  const backend = await connection.backend();
  if (connection.isDirect(backend)) return true;
  const sharing = await findSharing(backend, () => connection.backend(), client);
  if (sharing === "alone") {
    connection.isPooled = !connection.isNamed(backend.pid);
    return connection.isNamed(backend.pid);
  }
  const cannotUse = `Cannot use ${describeTarget(connection.target)}: the pooler in front of it`;
  if (sharing === "shared") {
    throw new SchemaError(`${cannotUse} shares its sessions between clients, so no lock or setting would hold`, {
      hint: "Connect to PostgreSQL's own port, or, in PgBouncer's pgbouncer.ini, to a database with pool_mode=session.",
    });
  }
  // A second client may be one too many for the role, not for the pooler.
  if (connection.isNamed(backend.pid)) return true;
  throw new SchemaError(`${cannotUse} may share its sessions: there was no second connection to find out by`, {
    hint: "Connect to PostgreSQL's own port, or let this user have two connections to the pooler.",
    cause: sharing.unknown,
  });
}
