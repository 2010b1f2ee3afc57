/**
 * One connection to Synapse's database, checked to be one: its server, its encoding, its tables. Hides npm:postgres's
 * handling of connections: there is exactly one, it is never silently replaced, and the loss of it rejects whatever waits
 * and all that comes after. Its driver's errors become the typed ones of errors.ts.
 */

import postgres from "postgres";
import { ConnectionError, StoppedError } from "../../errors.ts";
import { type BackendKey, sendCancel } from "./cancel.ts";
import { FrameReader, type OnRow } from "./copy.ts";
import { codeOf, connectError, lostConnection, serverError, toCompressorError } from "./failures.ts";
import { checkServer, SERVER_QUERY, type ServerFacts } from "./server.ts";
import { cannotConnect, openSocket, TappedSocket } from "./socket.ts";
import { describeTarget, type Environment, parseTarget, type SslMode, type Target } from "../target/target.ts";
import { type Sql, typeErrors } from "./sql.ts";
import { TYPES } from "./types.ts";

export { toCompressorError } from "./failures.ts";

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

/** How to connect. */
export interface ConnectOptions {
  /** Time for everything up to the checked session; 0 for no limit. @default the target's connect_timeout, or 30,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** What pg_stat_activity shows, where the target names nothing. @default "synapse_compress_state" */
  readonly applicationName?: string | undefined;
  /** Ends the attempt to connect. The work on the session takes a signal of its own: see stoppable(). */
  readonly signal?: AbortSignal | undefined;
  /** Makes every transaction read-only. @default false */
  readonly readOnly?: boolean | undefined;
  /** How long a statement waits for a lock before it fails with SQLSTATE 55P03. @default the server's setting */
  readonly lockTimeoutMs?: number | undefined;
  /** How long a statement may take before it fails with SQLSTATE 57014. @default the server's setting */
  readonly statementTimeoutMs?: number | undefined;
  /** Whether to demand Synapse's tables and encoding. @default true */
  readonly checkSchema?: boolean | undefined;
  /** Where a target given as a string looks for PG* variables. @default none */
  readonly environment?: Environment | undefined;
}

/** A connection, until it is closed or lost. */
export interface Session extends AsyncDisposable {
  /**
   * Queries on this one connection, run in the order in which they are made; each rejects with a CompressorError whose
   * `code` is the SQLSTATE. A `bigint` is a number here, and arrays of numbers or strings go as they are where the query
   * says `::bigint[]` or `::text[]`.
   */
  readonly sql: Sql;
  /** Where it is connected to. */
  readonly target: Target;
  /** As `server_version_num`: 150004 is 15.4. */
  readonly serverVersion: number;
  /** Whether state_groups_pending_deletion exists (Synapse's schema 89 and later). */
  readonly hasPendingDeletion: boolean;
  /** The error that ended the connection, or undefined while it is up. */
  readonly lost: Error | undefined;
  /**
   * Runs a `COPY … TO STDOUT (FORMAT binary)` and calls `onRow` for each row while its bytes are still in the socket's
   * chunk. Resolves to the number of rows. If `onRow` throws, that is what this rejects with, and the connection ends.
   * Inside {@linkcode transaction} it is part of that transaction.
   */
  copyOut(query: string, onRow: OnRow): Promise<number>;
  /**
   * Runs `work` between `BEGIN <mode>` and `COMMIT`, or `ROLLBACK` if it throws; it uses this session's `sql` and
   * `copyOut`. Transactions of one session must not overlap.
   */
  transaction<T>(mode: string, work: () => Promise<T>): Promise<T>;
  /** Waits for the queries under way, then ends the connection. */
  close(): Promise<void>;
  /**
   * Asks the server to cancel the statement under way; resolves once it was told.
   *
   * @throws whatever kept the request from being sent, or the signal's reason
   */
  cancel(signal: AbortSignal): Promise<void>;
  /** Ends the connection at once; what waits on it rejects with `error`. @default an error that says that it was lost */
  destroy(error?: Error): void;
}

/**
 * Connects, and checks what is there.
 *
 * @throws {UsageError} if the target is a string that cannot be read.
 * @throws {ConnectionError} if there is no connection to be had, and why.
 * @throws {SchemaError} if it is not Synapse's state database, not UTF-8, or a server older than PostgreSQL 11.
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
    return await open(to, options, ender.signal);
  } finally {
    options.signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  }
}

/** The mode to come again with where pg_hba.conf refuses a connection for having TLS, or for having none. */
const SECOND_SSL_MODE: Partial<Record<SslMode, SslMode>> = { allow: "prefer", prefer: "disable" };

async function open(target: Target, options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  let connection: Connection | undefined;
  const end = () => connection?.fail(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  const attempt = async (mode: SslMode) => {
    connection = new Connection(target, options, mode, await openSocket(target, mode, signal));
    if (signal.aborted) throw signal.reason;
    await connection.check(options.checkSchema ?? true);
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
      return await attempt(second).catch(() => {
        throw error;
      });
    }
  } catch (error) {
    signal.removeEventListener("abort", end);
    connection?.destroy();
    // Whatever it was that broke first, once ended.
    throw signal.aborted ? signal.reason : connectError(error, target);
  }
}

/** What the driver resolves a COPY to: a Readable out of the server, or a Writable into it; anything else is no COPY. */
interface Stream {
  on(event: "error", listener: () => void): void;
  resume(): void;
  destroy(error: Error): void;
}

/** The raw connection inside npm:postgres, as far as we need it. */
interface DriverConnection {
  terminate(): void;
}

class Connection implements Session {
  readonly sql: Sql;
  readonly target: Target;
  serverVersion = 0;
  hasPendingDeletion = false;
  readonly #mode: SslMode;
  #key: BackendKey | undefined;
  readonly #reader: FrameReader;
  readonly #socket: TappedSocket;
  readonly #pool: postgres.Sql;
  #driver: DriverConnection | undefined;
  #isChecked = false;
  #ended: Promise<void> | undefined;

  constructor(
    target: Target,
    options: ConnectOptions,
    mode: SslMode,
    socket: Awaited<ReturnType<typeof openSocket>>,
  ) {
    this.target = target;
    this.#mode = mode;
    const tapped = this.#socket = new TappedSocket(target, socket, (cause) => this.#lostError(cause));
    const reader = this.#reader = new FrameReader({
      forward: (frames) => tapped.deliver(frames),
      fault: (cause) => tapped.fail(this.#faultError(cause)),
      serverError: (fields) => this.#typed(serverError(fields)),
    });
    tapped.onChunk = (chunk) => reader.push(chunk);
    tapped.onLost = (error) => {
      reader.cancel(error);
      // Without this the driver writes a ROLLBACK to a socket that it has set to null, which no one can catch.
      this.#driver?.terminate();
      // And without this, what comes after a lost sql.begin() waits for ever.
      this.#ended = this.#pool.end({ timeout: 0 }).catch(() => {});
    };
    let isFirst = true;
    this.#pool = postgres({
      // A second socket would be a new session in the middle of our work: it fails with the loss of the first.
      socket: () => {
        const next = isFirst
          ? tapped
          : new TappedSocket(target, undefined, () => this.#lostError(undefined), this.lost);
        isFirst = false;
        return next;
      },
      host: target.host,
      port: target.port,
      user: target.user,
      database: target.database,
      // A function, so that neither a print of the driver's options shows it nor PGPASSWORD stands in for it.
      password: () => target.password ?? "",
      ssl: false,
      sslnegotiation: null,
      target_session_attrs: undefined,
      max: 1,
      // The driver's own limits would end and replace the connection.
      idle_timeout: null,
      max_lifetime: null,
      connect_timeout: 0,
      keep_alive: null,
      backoff: 0,
      fetch_types: false,
      prepare: true,
      max_pipeline: 100,
      debug: false,
      publications: "",
      no_subscribe: true,
      onnotice: () => {},
      types: TYPES,
      connection: {
        application_name: options.applicationName ?? "synapse_compress_state",
        ...target.parameters,
        ...(options.readOnly ? { default_transaction_read_only: "on" } : {}),
        ...(options.lockTimeoutMs === undefined ? {} : { lock_timeout: String(options.lockTimeoutMs) }),
        ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: String(options.statementTimeoutMs) }),
      },
    } as unknown as postgres.Options<Record<string, never>>) as unknown as postgres.Sql;
    this.sql = typeErrors(this.#pool, (error) => this.#typed(error));
  }

  get lost(): Error | undefined {
    return this.#socket.lost;
  }

  /** The first query, and with it the start-up. */
  async check(checksSchema: boolean): Promise<void> {
    const rows = await this.sql.unsafe(
      SERVER_QUERY,
      [],
      // Not in the driver's types: called with its connection once the query is sent.
      { onexecute: (driver: DriverConnection) => (this.#driver = driver, true) } as never,
    );
    this.#isChecked = true;
    // Not in the driver's types: what it keeps of the start-up.
    this.#key = (rows as unknown as { state: BackendKey }).state;
    const facts = rows[0] as unknown as ServerFacts;
    this.serverVersion = facts.version;
    this.hasPendingDeletion = facts.pending;
    checkServer(facts, describeTarget(this.target), checksSchema);
  }

  async copyOut(query: string, onRow: OnRow): Promise<number> {
    if (this.lost) throw this.lost;
    const rows = this.#reader.read(onRow);
    // Whoever awaits it sees its error; until then it is not unhandled.
    rows.catch(() => {});
    try {
      const stream = await this.sql.unsafe(query).readable() as unknown as Partial<Stream>;
      // The rows never reach the driver: its stream is only there to be ended.
      stream.on?.("error", () => {});
      if (stream.resume) {
        stream.resume();
      } else {
        const wrong = new TypeError("copyOut() takes one COPY … TO STDOUT (FORMAT binary) statement");
        stream.destroy?.(wrong);
        throw wrong;
      }
    } catch (error) {
      this.#reader.cancel(error);
    }
    return await rows;
  }

  async transaction<T>(mode: string, work: () => Promise<T>): Promise<T> {
    await this.sql.unsafe(`begin ${mode}`);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      // Whatever becomes of it, the first error is the one to know.
      await this.sql.unsafe("rollback").catch(() => {});
      throw error;
    }
    await this.sql.unsafe("commit");
    return result;
  }

  /** The one way from the driver's errors to ours. */
  #typed(error: unknown): Error {
    // What is asked of an ended connection fails for the reason for which that ended.
    if (this.lost !== undefined) return this.lost;
    return this.#isChecked ? toCompressorError(error, this.target) : connectError(error, this.target);
  }

  /** Why the connection ended: the server's last words where it had any. */
  #lostError(cause: unknown): Error {
    const { fatal } = this.#reader;
    const why = fatal ? serverError(fatal) : cause ?? new Error("the server closed the connection");
    return this.#isChecked ? lostConnection(why, this.target) : connectError(why, this.target);
  }

  /** What the driver hears when {@linkcode FrameReader} gives up; `copyOut` itself rejects with the cause. */
  #faultError(cause: unknown): Error {
    if (cause instanceof ConnectionError && !this.#isChecked) {
      return cannotConnect(this.target, cause.message, { ...(cause.hint ? { hint: cause.hint } : {}), cause });
    }
    return new ConnectionError(`Closed the connection to ${describeTarget(this.target)}: reading its rows failed`, {
      cause,
    });
  }

  fail(error: Error): void {
    this.#socket.fail(error);
  }

  async close(): Promise<void> {
    // After a loss the driver would wait for the answer to what it had under way.
    await (this.#ended ?? this.#pool.end());
    this.destroy();
  }

  async cancel(signal: AbortSignal): Promise<void> {
    if (this.lost === undefined) await sendCancel(this.target, this.#mode, this.#key!, signal);
  }

  destroy(error?: Error): void {
    if (error !== undefined) this.fail(error);
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
