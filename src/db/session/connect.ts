/**
 * Connects to Synapse's database, and checks that the session is what it claims: ours alone, set for the work, on a server
 * and on tables that are as they seem. Knows the order of these steps; each has a file of its own beside this one.
 */

import { SchemaError, StoppedError } from "../../errors.ts";
import { describeTarget, type Environment, parseTarget, type SslMode, type Target } from "../target/target.ts";
import { Connection } from "./connection.ts";
import { codeOf, connectError } from "./failures.ts";
import { findSharing } from "./pooler.ts";
import type { Session } from "./session.ts";
import type { SessionLimits } from "./settings.ts";
import { cannotConnect, openSocket, silenceError } from "./socket.ts";

export { toCompressorError } from "./failures.ts";
export type { Session } from "./session.ts";

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
/** A server that looks names up at each login may take some seconds. */
const DEFAULT_ANSWER_TIMEOUT_MS = 10_000;

/** How to connect. */
export interface ConnectOptions extends SessionLimits {
  /** Time for everything up to the checked session; 0 for no limit. @default the target's connect_timeout, or 30,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Time for the server's first word, once it is reached; 0 for no limit. @default 10,000, or none where a time is given for the whole */
  readonly answerTimeoutMs?: number | undefined;
  /** What pg_stat_activity shows, where the target names nothing. @default "synapse_compress_state" */
  readonly applicationName?: string | undefined;
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
  const timeoutMs = options.connectTimeoutMs ?? to.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  const ender = new AbortController();
  const end = (error: Error) => ender.abort(error);
  const stop = () => end(StoppedError.by(options.signal!));
  if (options.signal?.aborted) throw StoppedError.by(options.signal);
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
    return await open(to, options, ender.signal, answerTimeoutMs);
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
): Promise<Connection> {
  let connection: Connection | undefined;
  const end = () => connection?.fail(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  const attempt = async (mode: SslMode) => {
    const client = async () =>
      new Connection(target, options.applicationName, mode, await openSocket(target, mode, signal, answerTimeoutMs));
    const opened = connection = await client();
    if (signal.aborted) throw signal.reason;
    const timer = answerTimeoutMs > 0 && setTimeout(() => {
      if (!opened.hasBegun) opened.fail(silenceError(target, answerTimeoutMs));
    }, answerTimeoutMs);
    await demandOwnSession(connection, client).finally(() => clearTimeout(timer || undefined));
    try {
      await connection.check(options, options.checkSchema ?? true);
    } catch (error) {
      if (connection.isPooled) await connection.close();
      throw error;
    }
    return connection;
  };
  try {
    const second = SECOND_SSL_MODE[target.sslMode];
    try {
      return await attempt(target.sslMode);
    } catch (error) {
      // 28000: no line of pg_hba.conf fits.
      if (codeOf(error) !== "28000" || second === undefined || target.host.startsWith("/")) throw error;
      connection?.destroy();
      return await attempt(second).catch((later) => {
        // What was found once it was in is more to the point than why it was not let in at first.
        throw later instanceof SchemaError ? later : error;
      });
    }
  } catch (error) {
    signal.removeEventListener("abort", end);
    connection?.destroy();
    // Whatever it was that broke first, once ended.
    throw signal.aborted ? signal.reason : connectError(error, target);
  }
}

/** @throws {SchemaError} a pooler shares the session, or it cannot be told */
async function demandOwnSession(connection: Connection, client: () => Promise<Connection>): Promise<void> {
  const backend = await connection.backend();
  if (connection.isDirect(backend)) return;
  const sharing = await findSharing(backend, () => connection.backend(), client);
  if (sharing === "alone") {
    connection.isPooled = !connection.isNamed(backend.pid);
    return;
  }
  const cannotUse = `Cannot use ${describeTarget(connection.target)}: the pooler in front of it`;
  if (sharing === "shared") {
    throw new SchemaError(`${cannotUse} shares its sessions between clients, so no lock or setting would hold`, {
      hint: "Connect to PostgreSQL's own port, or, in PgBouncer's pgbouncer.ini, to a database with pool_mode=session.",
    });
  }
  // A second client may be one too many for the role, not for the pooler.
  if (connection.isNamed(backend.pid)) return;
  throw new SchemaError(`${cannotUse} may share its sessions: there was no second connection to find out by`, {
    hint: "Connect to PostgreSQL's own port, or let this user have two connections to the pooler.",
    cause: sharing.unknown,
  });
}
