/** `rooms`: the table of the biggest rooms, on standard output. */

import { findRooms, formatBasis, formatRooms } from "../../mod.ts";
import type { Command } from "../command.ts";
import { choice, count, levels, parseCount, toggle, value } from "../flags.ts";
import { checkBound, DATABASE, needs } from "../options.ts";
import { PROGRAM } from "../parse.ts";

const FLAGS = {
  postgres: DATABASE,
  limit: count("--limit <COUNT>", "how many rooms (default: 20)", 1),
  order: choice(
    "--order <NAME>",
    "by all rows, or by those that no auto compressor has seen",
    ["rows", "uncompressed"],
    "rows",
  ),
  exact: toggle("--exact", "count every row, rather than those of a sample: reads the whole table"),
  savings: toggle("--no-savings", "do not look for what would be saved"),
  savingsMs: value(
    "--savings-time <SECONDS>",
    "how long to look for that (default: 10)",
    (text) => parseCount(text, 1) * 1000,
  ),
  levels: levels("-l, --levels <SIZES>", "what would be saved with levels of these sizes, such as 100,50,25"),
  strategy: choice(
    "--strategy <NAME>",
    "what would be saved along each branch, or by the peers' exact rule",
    ["branches", "levels"],
    "branches",
  ),
  maxHops: count("--max-hops <COUNT>", "what would be saved with at most so many edges to a full state", 1),
  json: toggle("--json", "print one JSON object on standard output, and no other line there"),
  quiet: toggle("--quiet", "print nothing but the table"),
};

/** `rooms`. */
export const rooms: Command<typeof FLAGS> = {
  name: "rooms",
  description: "Lists the rooms with the most state, and what compression would save in each; writes nothing.",
  usage: "-p DATABASE [options]",
  flags: FLAGS,
  notes: `
A big table is not read whole: some thousands of its pages are drawn at random, which takes seconds. A figure's ±
is then a 95% confidence interval. What would be saved is found by compressing some of a room's groups in memory.

Examples:
  ${PROGRAM} rooms -p postgresql://synapse@localhost/synapse
  ${PROGRAM} rooms -p postgresql://synapse@localhost/synapse --limit 5 --exact --json
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
    await using session = await context.database(options.postgres).connect({ readOnly: true });
    if (options.exact) terminal.log("Counting the rows of all rooms...");
    const list = await findRooms(session, options, {
      signal,
      onRoom: ({ roomId }, i, count) => terminal.progress(`compressing some of room ${i + 1} of ${count}, ${roomId}`),
    });
    if (!options.json) {
      formatRooms(list).forEach((line) => terminal.result(line));
      formatBasis(list).forEach((line) => terminal.log(line));
    }
    return { report: { ...list, rooms: list.rooms.map((room) => ({ ...room, saving: room.saving ?? null })) } };
  },
};
