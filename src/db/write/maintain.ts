/**
 * The server's own ways to tidy state_groups_state: VACUUM, REINDEX, ANALYZE, VACUUM FULL, and what a REINDEX that did not end
 * left behind. Statements that take as long as they take: no time-out is in force.
 */
import { CompressorError, ConflictError } from "../../errors.ts";
import { findBlockers } from "../read/blockers.ts";
import type { Session } from "../session/connect.ts";

/** REINDEX CONCURRENTLY and the options of VACUUM are of PostgreSQL 12. */
const WITH_OPTIONS = 120_000;
/** What REINDEX CONCURRENTLY calls the index that it builds, and the one that it replaced. */
const LEFT_BEHIND = /_cc(?:new|old)\d*"?$/;

/** Runs one statement without a time limit of its own; `lockTimeoutMs` bounds each of its waits for somebody else. */
async function run({ sql }: Session, statement: string, lockTimeoutMs = 0): Promise<void> {
  await sql.unsafe(`SET statement_timeout = 0; SET lock_timeout = ${Number(lockTimeoutMs)}`).simple();
  try {
    await sql.unsafe(statement).simple();
  } finally {
    await sql.unsafe("RESET statement_timeout; RESET lock_timeout").simple().catch(() => {});
  }
}

/**
 * Removes dead rows and cuts free pages off the file's end; every index entry of a dead row goes, however few there are.
 * Takes no lock that Synapse waits for; the cut needs an exclusive one for an instant, and gives up when somebody waits.
 */
export async function vacuumTable(session: Session): Promise<void> {
  await run(session, `VACUUM ${session.serverVersion >= WITH_OPTIONS ? "(INDEX_CLEANUP ON) " : ""}state_groups_state`);
}

/** Writes table and indexes anew. Nobody reads or writes the table meanwhile. */
export async function vacuumFull(session: Session): Promise<void> {
  await run(session, "VACUUM (FULL) state_groups_state");
}

/** Makes the planner's statistics fit what stands. */
export async function analyzeTable(session: Session): Promise<void> {
  await run(session, "ANALYZE state_groups_state");
}

/** Whether {@linkcode reindex} can work on this server. */
export function canReindex({ serverVersion }: Session): boolean {
  return serverVersion >= WITH_OPTIONS;
}

/**
 * Builds an index anew beside Synapse; needs disk for the second one until it is done. It waits for every transaction that
 * was under way, for each up to `lockTimeoutMs`.
 *
 * @throws {ConflictError} one of them did not end in time; the half-built index is dropped again where it can be
 */
export async function reindex(session: Session, index: string, lockTimeoutMs: number): Promise<void> {
  try {
    await run(session, `REINDEX INDEX CONCURRENTLY ${index}`, lockTimeoutMs);
  } catch (error) {
    if (error instanceof ConflictError) {
      const { invalidIndexes } = await findBlockers(session);
      for (const left of invalidIndexes) await dropLeftBehind(session, left, lockTimeoutMs);
    }
    throw error;
  }
}

/**
 * Drops an index that a REINDEX CONCURRENTLY left behind.
 *
 * @returns false where it still stands: it is somebody else's, which is not ours to drop, or a transaction that has to end
 * first did not within `lockTimeoutMs`
 */
export async function dropLeftBehind(session: Session, index: string, lockTimeoutMs: number): Promise<boolean> {
  if (!LEFT_BEHIND.test(index)) return false;
  try {
    await run(session, `DROP INDEX CONCURRENTLY IF EXISTS ${index}`, lockTimeoutMs);
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    throw error;
  }
}

/**
 * Takes the table for this session alone among the programs that move its rows, until disposed of or the connection ends.
 *
 * @throws {CompressorError} another one has it
 */
export async function lockTable(session: Session): Promise<AsyncDisposable> {
  const { sql } = session;
  const key = "('x' || left(md5('synapse_compress_state reclaim'), 16))::bit(64)::bigint";
  const [row] = await sql.unsafe(`SELECT pg_try_advisory_lock(${key}) AS locked`);
  if (!row!["locked"]) {
    throw new CompressorError(
      "Cannot reclaim space: another synapse_compress_state reclaim is working on this database",
      {
        hint:
          "Wait for it to finish. To see who it is: SELECT pid, application_name, query FROM pg_stat_activity JOIN pg_locks " +
          "USING (pid) WHERE locktype = 'advisory';",
      },
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      if (session.lost === undefined) await sql.unsafe(`SELECT pg_advisory_unlock(${key})`);
    },
  };
}
