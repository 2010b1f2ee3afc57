/** `rooms`: the table of the biggest rooms, on standard output. */

import { findRooms, formatBasis, formatRooms, formatRoomSteps } from "../../mod.ts";
import type { Command } from "../command.ts";
import { choice, count, seconds, toggle } from "../flags.ts";
import type { RoomsOutput } from "../outputs.ts";
import {
  checkBound,
  DATABASE,
  EVENTS_DATABASE,
  LEVELS,
  MAX_HOPS,
  needs,
  OUTPUT,
  PREFER,
  STRATEGY,
} from "../options.ts";

const FLAGS = {
  ...DATABASE,
  limit: count("--limit <COUNT>", "number of rooms to list (default: 20)", 1),
  order: choice(
    "--order <NAME>",
    "all rows, or those that auto has not seen yet",
    ["rows", "uncompressed"],
    "rows",
  ),
  exact: toggle("--exact", "count every row; reads the whole table"),
  savings: toggle("--no-savings", "do not estimate savings"),
  savingsMs: seconds(
    "--savings-time <SECONDS>",
    "time for estimating savings (default: 10)",
  ),
  levels: LEVELS,
  prefer: PREFER,
  strategy: STRATEGY,
  maxHops: MAX_HOPS,
  eventsPostgres: EVENTS_DATABASE,
  ...OUTPUT,
  quiet: toggle("--quiet", "print only the table"),
};

/** `rooms`. */
export const rooms: Command<typeof FLAGS> = {
  name: "rooms",
  description: "Lists the rooms with the most state and what compression would save in each. Read-only.",
  summary: "the biggest rooms, and what compression would save",
  examples: [
    "rooms -p postgresql:///synapse",
    "rooms -p postgresql:///synapse --limit 5 --json",
  ],
  usage: "-p DATABASE [options]",
  flags: FLAGS,
  notes: `Large tables are sampled, which takes seconds; ± is a 95% confidence interval.
Savings are estimated by compressing some of a room's state groups in memory.
`,
  check(options) {
    checkBound(options);
    const { levels, maxHops, savingsMs, savings } = options;
    for (const [name, given] of Object.entries({ "-l": levels, "--max-hops": maxHops, "--savings-time": savingsMs })) {
      needs(given, name, savings !== false, "savings", `Leave --no-savings or ${name} out.`);
    }
  },
  quietKeepsResults: true,
  async run(options, context) {
    const { terminal, signal } = context;
    const database = context.database(options);
    const openEvents = context.events(options);
    await using session = await database.connect({ readOnly: true });
    if (options.exact) terminal.log("Counting the rows of all rooms...");
    terminal.phase({ name: "looking for the biggest rooms" });
    const list = await findRooms(session, { ...options, openEvents }, {
      signal,
      onRoom: ({ roomId }, i, count) =>
        terminal.phase({ name: `trying ${roomId}`, share: i / count, unit: "room", done: i, total: count }),
    });
    terminal.endProgress();
    if (!options.json) {
      formatRooms(list).forEach((line) => terminal.result(line));
      formatBasis(list).forEach((line) => terminal.log(line));
      formatRoomSteps(list, database.arguments).forEach((line) => terminal.log(line));
    }
    const rooms = list.rooms.map((room) => ({ ...room, saving: room.saving ?? null }));
    return { report: { ...list, rooms } satisfies RoomsOutput };
  },
};
