/**
 * What a job is at, as one line shows it: its events in words that need no knowledge of how compression works. Opens nothing.
 */
import type { PruneEvent, ReclaimEvent, RoomEvent, WorkEvent } from "../../mod.ts";

/** A phase of the work, and how far it is. */
export interface Phase {
  /** What is being done, such as "reading rows"; events with the same name belong to one phase. */
  readonly name: string;
  /** What is done of it, 0 to 1; undefined where that cannot be told. */
  readonly share?: number | undefined;
  /** What is counted, in the singular, and how many of them are done: a rate is shown for it. */
  readonly unit?: string | undefined;
  readonly done?: number | undefined;
  /** Of how many, where that is known. */
  readonly total?: number | undefined;
  /** More about it, the most important first. */
  readonly details?: readonly string[] | undefined;
}

/** The steps of computing. */
const STEPS = {
  comparing: "comparing state groups",
  arranging: "arranging chains",
  collecting: "collecting changes",
  verifying: "verifying full states",
} as const;

/** The phase that an event of a job is about, or undefined where it is about none. */
export function toPhase(event: WorkEvent | RoomEvent | PruneEvent | ReclaimEvent): Phase | undefined {
  switch (event.kind) {
    case "loading":
      return { name: "reading rows", share: event.share, unit: "row", done: event.rows };
    case "computing":
      return { name: STEPS[event.step], share: event.share };
    case "writing":
      return counted("writing changes", "state group", event);
    case "marking":
      return counted("marking unused state groups", "state group", event);
    case "vacuuming":
      return { name: "vacuuming the table" };
    case "reindexing":
      return { name: `building index ${event.index}` };
    case "waiting":
      return { name: "waiting for old rows to be let go of" };
    case "building-index":
      return { name: "waiting for an index to be built" };
    case "moving":
      return { name: "moving rows", share: event.share, unit: "row", done: event.rows };
    case "analyzing":
      return { name: "analyzing the table" };
    default:
      return undefined;
  }
}

function counted(
  name: string,
  unit: string,
  { done, total }: { readonly done: number; readonly total: number },
): Phase {
  return { name, share: total === 0 ? 1 : done / total, unit, done, total };
}
