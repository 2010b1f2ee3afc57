/**
 * What a job over the whole server does besides compressing, unattended: prunes each room that it has finished, and at its
 * end gives disk space back, where enough of it would come back and the time of day is right.
 */
import { readSizes, type TableSizes } from "../db/read/sizes.ts";
import { checkPrunable } from "../db/read/unused.ts";
import type { Session } from "../db/session/connect.ts";
import { checkWritable } from "../db/write/access.ts";
import { checkVacuum } from "../db/write/vacuum.ts";
import type { WorkEvent } from "./prepare.ts";
import { type PruneEvent, type PruneOptions, type PruneReport, pruneRoom } from "./prune.ts";
import { reclaim, type ReclaimEvent, type ReclaimReport } from "./reclaim.ts";

/** A time of day, in minutes since midnight, local time; where `to` is not after `from` it goes past midnight. */
export interface DailyWindow {
  /** The first minute; 0 to 1439. */
  readonly from: number;
  /** The minute after the last; 0 to 1439. */
  readonly to: number;
}

/** Options for what is done besides compressing. */
export interface TidyOptions extends Pick<PruneOptions, "minAgeMs"> {
  /** Prune each room once its last chunk is done. @default false */
  readonly prune?: boolean | undefined;
  /** Connects to where Synapse's events are, if that is another database than the state's. */
  readonly openEvents?: (() => Promise<Session>) | undefined;
  /** Reclaim disk space at the end, where at least a tenth of the files or 1 GiB would come back. @default false */
  readonly reclaim?: boolean | undefined;
  /** When reclaiming may go on. @default at any time */
  readonly reclaimWindow?: DailyWindow | undefined;
}

/** What happens besides compressing. */
export type TidyEvent =
  | { readonly kind: "pruned"; readonly report: PruneReport }
  | { readonly kind: "reclaiming"; readonly event: ReclaimEvent }
  /** Enough would come back, but not at this time of day. */
  | { readonly kind: "reclaim-later"; readonly bytes: number }
  | { readonly kind: "reclaimed"; readonly report: ReclaimReport };

const WORTH = { share: 0.1, bytes: 1024 ** 3 };
const DAY_MINUTES = 24 * 60;

/**
 * Checks before any work that what is asked for can be done.
 *
 * @throws {CompressorError} Synapse is too old, a table of events is missing, or a privilege is
 */
export async function checkTidy(session: Session, events: Session, { prune, reclaim }: TidyOptions): Promise<void> {
  if (prune === true) {
    await checkPrunable(session, events);
    await checkWritable(session, { marks: true });
  }
  if (reclaim === true) await checkVacuum(session);
}

/**
 * Prunes a room; the caller has its lock.
 *
 * @throws {CompressorError} as pruneRoom()
 */
export async function pruneFinished(
  session: Session,
  events: Session,
  roomId: string,
  options: PruneOptions,
  { signal, onWork }: {
    readonly signal: AbortSignal | undefined;
    readonly onWork: (event: WorkEvent) => void;
  },
): Promise<PruneReport> {
  const onEvent = (event: PruneEvent) => event.kind !== "room" && onWork(event);
  return await pruneRoom(session, events, roomId, { ...options, commit: true }, { signal, onEvent });
}

/**
 * Reclaims disk space where that is worth it and the time is right.
 *
 * @throws {CompressorError} as reclaim()
 */
export async function reclaimIfWorth(
  session: Session,
  { reclaimWindow }: TidyOptions,
  emit: (event: TidyEvent) => void,
  signal: AbortSignal | undefined,
): Promise<ReclaimReport | undefined> {
  const bytes = gainOf(await readSizes(session));
  if (bytes === undefined) return undefined;
  const maxTimeMs = msLeftIn(reclaimWindow, new Date());
  if (maxTimeMs === 0) {
    emit({ kind: "reclaim-later", bytes });
    return undefined;
  }
  const report = await reclaim(session, { maxTimeMs }, {
    signal,
    onEvent: (event) => emit({ kind: "reclaiming", event }),
  });
  emit({ kind: "reclaimed", report });
  return report;
}

/** The bytes that would come back, or undefined where they are too few. */
export function gainOf({ tableBytes, idealBytes, indexes }: TableSizes): number | undefined {
  const all = indexes.reduce((sum, { bytes }) => sum + bytes, tableBytes);
  const gain = indexes.reduce(
    (sum, { bytes, idealBytes }) => sum + Math.max(0, bytes - (idealBytes ?? bytes)),
    Math.max(0, tableBytes - idealBytes),
  );
  return gain > 0 && (gain >= all * WORTH.share || gain >= WORTH.bytes) ? gain : undefined;
}

/** How long a window goes on from now, in milliseconds: 0 outside it, undefined where there is none. */
export function msLeftIn(window: DailyWindow | undefined, now: Date): number | undefined {
  if (window === undefined) return undefined;
  const minute = now.getHours() * 60 + now.getMinutes() + (now.getSeconds() + now.getMilliseconds() / 1000) / 60;
  const length = (window.to - window.from + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
  const since = (minute - window.from + DAY_MINUTES) % DAY_MINUTES;
  return since < length ? Math.ceil((length - since) * 60_000) : 0;
}
