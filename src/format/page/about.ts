/** What a room's page is told of the room that its state does not say: its names, what a row takes, what to call things. */
import type { Pseudonyms } from "../pseudonyms.ts";
import type { Defect } from "../../core/forest/defects.ts";

/** What is known of a room besides its state. */
export interface RoomAbout {
  /** Its name. */
  readonly name?: string | undefined;
  /** Its canonical alias. */
  readonly alias?: string | undefined;
  /** Users of this server who are in it. */
  readonly localUsers?: number | undefined;
  /** About what a row takes in the table and its indexes, in bytes. */
  readonly rowBytes?: number | undefined;
}

/** What the page needs to know besides the room itself. */
export interface PageOptions {
  /** The program's arguments that name the database, the room and the range; never a password. @default the room's alone */
  readonly commandArguments?: readonly string[] | undefined;
  /** When it was made, as it is to be printed. */
  readonly madeAt?: string | undefined;
  /** What is known of the room. @default nothing */
  readonly about?: RoomAbout | undefined;
  /** Write these for the room, its keys and its types. @default everything is written as it is */
  readonly pseudonyms?: Pseudonyms | undefined;
}

/** A report without the room's id, and without the keys that defects name. */
export function anonymizeReport<Report extends { readonly roomId: string; readonly defects: readonly Defect[] }>(
  report: Report,
  pseudonyms: Pseudonyms,
): Report {
  return {
    ...report,
    roomId: pseudonyms.room(report.roomId),
    defects: report.defects.map((defect) => ({ ...defect, detail: defect.detail.replace(/ \(.*\)$/s, "") })),
  };
}
