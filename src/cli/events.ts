/** What the commands on one room say meanwhile, and of a room that is not there. */

import { CompressorError, formatStatistics, type RoomEvent } from "../mod.ts";
import type { Terminal } from "./terminal.ts";

/** A room can have as many defects as groups: so many are named, the others are counted. */
const NAMED_DEFECTS = 20;

/** The peers' lines, in their order: figures are results, what is under way is not. */
export function printEvent(terminal: Terminal, event: RoomEvent): void {
  switch (event.kind) {
    case "fetching":
      return terminal.log(`Fetching state from DB for room '${event.roomId}'...`);
    case "loading":
      return terminal.progress(`${event.rows} rows read`);
    case "loaded":
      if (event.groups === 0) return;
      terminal.log(`Fetched state groups up to ${event.maxGroupId}`);
      for (const defect of event.defects.slice(0, NAMED_DEFECTS)) {
        terminal.log(`warning: ${defect.detail}: left as it is`);
      }
      if (event.defects.length > NAMED_DEFECTS) {
        terminal.log(`warning: and ${event.defects.length - NAMED_DEFECTS} more; the doctor command names them all`);
      }
      terminal.result(`Number of state groups: ${event.groups}`);
      return terminal.result(`Number of rows in current table: ${event.rows}`);
    case "compressing":
      return terminal.log("Compressing state...");
    case "compressed":
      return formatStatistics(event.report).forEach((line) => terminal.result(line));
    case "verifying":
      return terminal.log("Checking that state maps match...");
    case "verified":
      return terminal.result("New state map matches old one");
    case "writing":
      if (event.done === 0) terminal.log("Writing changes...");
      return terminal.progress(`${event.done} of ${event.total} state groups written`);
    case "drawing":
      return;
    case "vacuuming":
      return terminal.log("Vacuuming the tables...");
    case "skipped":
      return terminal.log(`state group ${event.group.groupId} is left as it is: ${event.group.reason}`);
  }
}

/** A room that is not there. */
export function noGroups(
  verb: string,
  options: { readonly roomId: string; readonly minGroup?: number | undefined; readonly maxGroup?: number | undefined },
  database: string,
): CompressorError {
  const range = options.minGroup !== undefined || options.maxGroup !== undefined ? " in this range of ids" : "";
  return new CompressorError(`Cannot ${verb} room "${options.roomId}": no state groups found${range} in ${database}`, {
    hint: range
      ? "Check the room's id, and --min-group and --max-group."
      : "Check the room's id (it begins with !, an alias with #), and that this is the database that holds Synapse's state.",
  });
}
