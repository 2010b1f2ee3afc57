/** One checked connection, as the rest of the program sees it. */

import type { Target } from "../target/target.ts";
import type { OnRow } from "./copy.ts";
import type { Sql } from "./sql.ts";

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
  /** The schema that Synapse's tables are in; without them, that in which new tables are made. */
  readonly schema: string;
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
