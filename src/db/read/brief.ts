/** Queries that are worth their answer only while they take no time: they are given up where one takes too long. */
import { CompressorError } from "../../errors.ts";
import type { Session } from "../session/connect.ts";

/** SQLSTATE of a statement that took too long. */
const CANCELLED = "57014";

/** How briefly. */
interface BriefOptions {
  /** Time for each statement. */
  readonly timeoutMs: number;
  /** What else is set for them, as SQL. */
  readonly settings: string;
  /** Further SQLSTATEs that mean too long. @default none */
  readonly late?: readonly string[];
}

/**
 * Does some work in a transaction that only reads.
 *
 * @returns undefined where a statement took too long
 * @throws {CompressorError} the server or the connection failed
 */
export async function briefly<T>(
  session: Session,
  { timeoutMs, settings, late = [] }: BriefOptions,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await session.transaction("READ ONLY", async () => {
      await session.sql.unsafe(`SET LOCAL statement_timeout = ${timeoutMs}; ${settings}`).simple();
      return await work();
    });
  } catch (error) {
    if (error instanceof CompressorError && [CANCELLED, ...late].includes(error.code ?? "")) return undefined;
    throw error;
  }
}
