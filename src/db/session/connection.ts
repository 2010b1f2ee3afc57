/**
 * The connection itself: npm:postgres on one socket, of which COPY's bytes are read before the driver sees them. Hides the
 * driver: there is exactly one connection, it is never silently replaced, and the loss of it rejects whatever waits and all
 * that comes after.
 */

import postgres from "postgres";
import { ConnectionError } from "../../errors.ts";
import { describeTarget, type SslMode, type Target } from "../target/target.ts";
import { type BackendKey, sendCancel } from "../wire/cancel.ts";
import { FrameReader, type OnRow } from "./copy.ts";
import { connectError, lostConnection, serverError, toCompressorError } from "./failures.ts";
import { type Backend, BACKEND_STATEMENT } from "./pooler.ts";
import { checkServer, SERVER_STATEMENT, type ServerFacts } from "./server.ts";
import type { Session } from "./session.ts";
import { type SessionLimits, settingsStatement } from "./settings.ts";
import type { ServerSocket } from "../wire/socket.ts";
import { logIn } from "./login.ts";
import { TappedSocket } from "./tapped.ts";
import { ClosedError } from "../wire/wait.ts";
import { type Sql, typeErrors } from "./sql.ts";
import { checkTables, checkTablesOfUses, type FoundTable, PENDING, PIN_STATEMENT, TABLES_STATEMENT } from "./tables.ts";
import { TYPES } from "./types.ts";

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

/** See {@linkcode Session}. It is checked by {@linkcode Connection.check} alone. */
export class Connection implements Session {
  readonly target: Target;
  serverVersion = 0;
  schema = "public";
  hasPendingDeletion = false;
  /** Whether the server's process outlives this session. */
  isPooled = false;
  readonly #mode: SslMode;
  #key: BackendKey | undefined;
  readonly #reader: FrameReader;
  readonly #socket: TappedSocket;
  readonly #server: ServerSocket;
  #sql: Sql | undefined;
  #pool: postgres.Sql | undefined;
  #driver: DriverConnection | undefined;
  #isChecked = false;
  #ended: Promise<void> | undefined;

  constructor(target: Target, mode: SslMode, socket: ServerSocket) {
    this.target = target;
    this.#mode = mode;
    this.#server = socket;
    const tapped = this.#socket = new TappedSocket(target, socket.socket, (cause) => this.#lostError(cause));
    this.#reader = new FrameReader({
      forward: (frames) => tapped.deliver(frames),
      fault: (cause) => tapped.fail(this.#faultError(cause)),
      serverError: (fields) => this.#typed(serverError(fields)),
    });
  }

  /**
   * Logs in, and gives the session to the driver.
   *
   * @param onBegin called at the server's first word
   * @throws {PasswordNeeded} the server asks for a password, and the target has none
   */
  async begin(applicationName: string | undefined, onBegin: () => void): Promise<void> {
    const [target, tapped, reader] = [this.target, this.#socket, this.#reader];
    const greeting = await logIn(tapped, { target, applicationName, secure: this.#server.secure, onBegin });
    if (tapped.lost) throw tapped.lost;
    tapped.greet(greeting);
    tapped.onChunk = (chunk) => reader.push(chunk);
    tapped.onLost = (error) => {
      reader.cancel(error);
      // Without this the driver writes a ROLLBACK to a socket that it has set to null, which no one can catch.
      this.#driver?.terminate();
      // And without this, what comes after a lost sql.begin() waits for ever.
      this.#ended = this.#pool?.end({ timeout: 0 }).catch(() => {});
    };
    let isFirst = true;
    const pool = this.#pool = postgres({
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
      // Not needed any more; a function, so that PGPASSWORD does not stand in for it.
      password: () => "",
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
    } as unknown as postgres.Options<Record<string, never>>) as unknown as postgres.Sql;
    this.#sql = typeErrors(pool, (error) => this.#typed(error));
  }

  get sql(): Sql {
    return this.#sql!;
  }

  get lost(): Error | undefined {
    return this.#socket.lost;
  }

  /** Asks which server process answers; the first time, this is also the start-up. */
  async backend(): Promise<Backend> {
    const rows = await this.sql.unsafe(
      BACKEND_STATEMENT,
      [],
      // Not in the driver's types: called with its connection once the query is sent.
      { onexecute: (driver: DriverConnection) => (this.#driver = driver, true) } as never,
    );
    // Not in the driver's types: what it keeps of the start-up.
    this.#key = (rows as unknown as { state: BackendKey }).state;
    return rows[0] as unknown as Backend;
  }

  /** Whether what is sent is encrypted. */
  get isSecure(): boolean {
    return this.#server.secure !== undefined;
  }

  /** Whether this is the very process that we logged in to, and nothing is in between. */
  isDirect({ pid, port }: Backend): boolean {
    return this.isNamed(pid) && port === this.#server.localPort;
  }

  /** Whether a process is the one that was named at the login. Poolers make up a number. */
  isNamed(pid: number): boolean {
    return pid === this.#key?.pid;
  }

  /** Sets the session, and checks what is there. */
  async check(limits: SessionLimits, checksSchema: boolean): Promise<void> {
    // As one message, and so one round trip; in one transaction, so all or nothing is set.
    const statements = [settingsStatement(limits), SERVER_STATEMENT, TABLES_STATEMENT];
    if (checksSchema) statements.push(PIN_STATEMENT);
    const results = await this.sql.unsafe(statements.join(";\n")).simple() as unknown as Record<string, unknown>[][];
    const facts = results[1]![0] as unknown as ServerFacts;
    const tables = results[2] as unknown as FoundTable[];
    const place = describeTarget(this.target);
    this.serverVersion = facts.version;
    this.schema = facts.schema ?? "public";
    this.hasPendingDeletion = tables.some(({ name, place }) => name === PENDING && place !== null);
    checkServer(facts, place, checksSchema);
    checkTablesOfUses(tables, place);
    if (checksSchema) Object.assign(this, checkTables(tables, place, limits.readOnly ?? false));
    this.#isChecked = true;
  }

  async copyOut(query: string, onRow: OnRow): Promise<number> {
    if (this.lost) throw this.lost;
    const rows = this.#reader.read(onRow);
    // Whoever awaits it sees its error; until then it is not unhandled.
    rows.catch(() => {});
    try {
      const asked = this.sql.unsafe(query) as unknown as postgres.PendingQuery<postgres.Row[]>;
      const stream = await asked.readable() as unknown as Partial<Stream>;
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
    const why = fatal ? serverError(fatal) : cause ?? new ClosedError();
    return this.#isChecked ? lostConnection(why, this.target) : connectError(why, this.target);
  }

  /** What the driver hears when {@linkcode FrameReader} gives up; `copyOut` itself rejects with the cause. */
  #faultError(cause: unknown): Error {
    return new ConnectionError(`Closed the connection to ${describeTarget(this.target)}: reading its rows failed`, {
      cause,
    });
  }

  fail(error: Error): void {
    this.#socket.fail(error);
  }

  async close(): Promise<void> {
    // A pooler should do so itself (server_reset_query), or the next client, Synapse say, has our settings.
    if (this.isPooled && this.lost === undefined) await this.sql.unsafe("DISCARD ALL").catch(() => {});
    // After a loss the driver would wait for the answer to what it had under way.
    await (this.#ended ?? this.#pool?.end());
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
