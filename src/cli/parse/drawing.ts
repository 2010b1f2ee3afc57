/** What `graph` and `report` have in common: a room, a range of it, and how it would be compressed. */

import { Command } from "@commander-js/extra-typings";
import {
  checkBound,
  checkDatabase,
  checkRange,
  DATABASE,
  type Environment,
  GROUPS,
  JSON_LINE,
  LEVELS,
  MAX_GROUP,
  MAX_HOPS,
  MIN_GROUP,
  nonEmpty,
  PROGRAM,
  type RoomSelection,
  STRATEGY,
  withoutUndefined,
} from "./options.ts";
import { UsageError } from "../../mod.ts";

/** A subcommand with the options of all that draw a room. */
export function makeDrawingCommand(name: string, description: string) {
  return new Command(`${PROGRAM} ${name}`)
    .description(description)
    .usage("-p DATABASE -r ROOM [options]")
    .addOption(DATABASE)
    .option("-r, --room <ROOM>", "the room, as in the rooms table: !id:server", nonEmpty)
    .addOption(MIN_GROUP)
    .addOption(GROUPS)
    .addOption(MAX_GROUP)
    .addOption(LEVELS)
    .addOption(STRATEGY)
    .addOption(MAX_HOPS)
    .addOption(JSON_LINE)
    .option("--quiet", "print errors only")
    .helpOption("-h, --help", "print this help")
    .allowExcessArguments(false)
    .exitOverride();
}

type DrawingFlags = ReturnType<ReturnType<typeof makeDrawingCommand>["opts"]>;

/** Checks what the subcommands have in common. */
export function checkDrawing(flags: DrawingFlags, environment: Environment): RoomSelection {
  checkDatabase(flags.postgres, environment);
  if (flags.room === undefined) {
    throw new UsageError("Cannot tell which room to draw: -r is missing", {
      hint: "Give -r '!id:server', in single quotes; the id is in the room's settings under Advanced.",
    });
  }
  checkBound(flags);
  checkRange(flags);
  const { minGroup, groups, maxGroup, maxHops } = flags;
  return {
    postgres: flags.postgres ?? "",
    roomId: flags.room,
    ...withoutUndefined({ minGroup, groups, maxGroup, levels: flags.levels, maxHops }),
    strategy: flags.strategy,
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
  };
}
