/** What the commands on one room say meanwhile, and of a room that is not there. */

import { findRoomsCalled, type NamedRoom } from "../db/read/named.ts";
import { findRoomsNear } from "../db/read/near.ts";
import { CompressorError, formatCount, formatStatistics, type RoomEvent, type Session } from "../mod.ts";
import { PROGRAM } from "./parse.ts";
import { toPhase } from "./progress/phase.ts";
import type { Terminal } from "./terminal.ts";

/** A room can have as many defects as groups: up to 20 are named, the others are counted. */
const NAMED_DEFECTS = 20;

/** The Rust tool's lines, in its order: figures are results, progress is not. */
export function printEvent(terminal: Terminal, event: RoomEvent): void {
  terminal.phase(toPhase(event));
  switch (event.kind) {
    case "fetching":
      return terminal.log(`Fetching state from DB for room '${event.roomId}'...`);
    case "loading":
    case "computing":
      return;
    case "loaded":
      if (event.groups === 0) return;
      terminal.log(`Fetched state groups up to ${event.maxGroupId}`);
      for (const defect of event.defects.slice(0, NAMED_DEFECTS)) {
        terminal.log(`warning: ${defect.detail}: left as it is`);
      }
      if (event.defects.length > NAMED_DEFECTS) {
        terminal.log(
          `warning: and ${formatCount(event.defects.length - NAMED_DEFECTS)} more; the doctor command names them all`,
        );
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
      return;
    case "drawing":
    case "written":
      return;
    case "vacuuming":
      return terminal.log("Vacuuming the tables...");
    case "skipped":
      return terminal.log(`state group ${event.group.groupId} is left as it is: ${event.group.reason}`);
  }
}

/** The error for a room without state groups, with the rooms that were probably meant. */
export async function noGroups(
  session: Session,
  verb: string,
  options: {
    readonly roomId: string;
    readonly minGroup?: number | undefined;
    readonly maxGroup?: number | undefined;
  },
  database: string,
): Promise<CompressorError> {
  const { roomId, minGroup, maxGroup } = options;
  const near = await findRoomsNear(session, roomId);
  const range = minGroup !== undefined || maxGroup !== undefined ? " in this range of ids" : "";
  const message = `Cannot ${verb} room "${roomId}": no state groups found${range} in ${database}`;
  if (near.includes(roomId)) {
    return new CompressorError(message, { hint: "The room has state groups outside it: check -b and -s." });
  }
  const called = near.length > 0 ? [] : await findRoomsCalled(session, roomId);
  return new CompressorError(message, { hint: `${describeNear(roomId, near, called)} ${ROOMS_HINT}` });
}

/** How to find a room's id. */
const ROOMS_HINT = `\`${PROGRAM} rooms\` lists the biggest rooms of a database with their ids.`;

function describeNear(roomId: string, near: readonly string[], called: readonly NamedRoom[]): string {
  if (called.length > 0) {
    return `Did you mean ${called.map(({ roomId, name }) => `-r '${roomId}' (${name})`).join(" or ")}?`;
  }
  if (roomId.trim().startsWith("#")) {
    return "That is an alias; a room's id begins with !, and is in the room's settings under Advanced.";
  }
  if (near.length === 0) return "Check the room's id, and that this is the database that holds Synapse's state.";
  return `Did you mean ${near.map((room) => `-r '${room}'`).join(" or ")}?`;
}
