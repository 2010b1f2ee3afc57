/**
 * Which server to take, of those that a target names: each place's addresses in turn, as libpq tries them, and whether a server is
 * of the kind that was asked for. Knows name service; opens no connection to a server.
 * Source: https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { atPlace, type Place, type SessionAttributes, type Target } from "../target/target.ts";
import { unlessStopped } from "./stop.ts";

/** The addresses of one place, each as a target of its own; or why there are none. */
export interface Candidates {
  /** The place as it was named. */
  readonly target: Target;
  readonly addresses: readonly Target[];
  readonly failure: unknown;
}

/** Looks the places up, one when the one before is done with; the signal ends it. */
export async function* findCandidates(target: Target, signal?: AbortSignal): AsyncGenerator<Candidates> {
  for (const place of inOrder(target, target.places)) {
    const named = atPlace(target, place);
    try {
      // A name service that does not answer cannot be told to stop.
      const addresses = inOrder(target, await unlessStopped(findAddresses(place), signal));
      yield {
        target: named,
        addresses: addresses.map((hostAddress) => withAddress(named, place, hostAddress)),
        failure: undefined,
      };
    } catch (failure) {
      if (signal?.aborted) throw signal.reason;
      yield { target: named, addresses: [], failure };
    }
  }
}

function withAddress(target: Target, place: Place, hostAddress: string | undefined): Target {
  const { host, port, password } = place;
  return atPlace(target, { host, port, password, hostAddress });
}

async function findAddresses({ host, hostAddress }: Place): Promise<(string | undefined)[]> {
  if (hostAddress !== undefined || host.startsWith("/") || isIP(host)) return [hostAddress];
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/** As they are named, or, to spread the load, shuffled. */
function inOrder<T>({ balancesHosts }: Target, items: readonly T[]): readonly T[] {
  if (!balancesHosts) return items;
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}

/** Asks a server for {@linkcode ServerKind}, as one row. */
export const KIND_STATEMENT =
  "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS readonly";

/** What a server is. */
export interface ServerKind {
  readonly standby: boolean;
  /** Whether a transaction is read-only unless it says otherwise. */
  readonly readonly: boolean;
}

/** Why a server is not of the kind that was asked for, or undefined where it is. */
export function findMismatch(wanted: SessionAttributes, { standby, readonly }: ServerKind): string | undefined {
  switch (wanted) {
    case "any":
      return undefined;
    case "read-write":
      return readonly ? "its sessions are read-only" : undefined;
    case "read-only":
      return readonly ? undefined : "its sessions are not read-only";
    case "primary":
      return standby ? "it is a standby" : undefined;
    case "standby":
    case "prefer-standby":
      return standby ? undefined : "it is not a standby";
  }
}
