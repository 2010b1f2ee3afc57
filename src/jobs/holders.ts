/** Waiting for whoever is in the way: transactions, slots and standbys that need dead rows, and builders of indexes. */
import { type Blockers, findBlockers, findHolders, type SnapshotHolder } from "../db/read/blockers.ts";
import type { Session } from "../db/session/connect.ts";
import { pause } from "../db/session/stop.ts";

const POLL_MS = 1000;

/**
 * Waits for whoever still needs what was dead before transaction `xid`, or now: VACUUM could not remove it, and REINDEX
 * would wait for them.
 *
 * @param onWaiting called where there is somebody to wait for
 * @returns those who were still there when `patienceMs` were over
 * @throws {StoppedError} the signal was aborted
 */
export async function waitForHolders(
  session: Session,
  xid: string | undefined,
  { patienceMs, signal, onWaiting }: {
    readonly patienceMs: number;
    readonly signal: AbortSignal | undefined;
    readonly onWaiting: (holders: readonly SnapshotHolder[]) => void;
  },
): Promise<readonly SnapshotHolder[]> {
  const until = performance.now() + patienceMs;
  let holders = await findHolders(session, xid);
  const names = new Set(holders.map(nameOf));
  if (holders.length > 0) onWaiting(holders);
  while (holders.length > 0 && performance.now() < until) {
    await pause(Math.min(POLL_MS, patienceMs), signal);
    // Those that came later are no older than what is waited for.
    holders = (await findHolders(session, xid)).filter((holder) => names.has(nameOf(holder)));
  }
  return holders;
}

/**
 * Waits while sessions build an index of the table.
 *
 * @returns the indexes that are not valid once they are done
 * @throws {StoppedError} the signal was aborted
 */
export async function waitForBuilders(
  session: Session,
  { building, invalidIndexes }: Pick<Blockers, "building" | "invalidIndexes">,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  while (building.length > 0) {
    await pause(POLL_MS, signal);
    ({ building, invalidIndexes } = await findBlockers(session));
  }
  return invalidIndexes;
}

/** Those of the holders that are still in the same transaction: a pool's session in its next one is another holder. */
export async function findStillThere(
  session: Session,
  holders: readonly SnapshotHolder[],
): Promise<SnapshotHolder[]> {
  const known = new Set(holders.map((holder) => `${nameOf(holder)} ${holder.since}`));
  return (await findHolders(session)).filter((holder) => known.has(`${nameOf(holder)} ${holder.since}`));
}

/** What tells one holder from another. */
function nameOf({ kind, name }: SnapshotHolder): string {
  return `${kind} ${name}`;
}
