/** The command line of `rooms`. */

import { Command, Option } from "@commander-js/extra-typings";
import type { RoomListOptions } from "../../mod.ts";
import {
  checkBound,
  checkDatabase,
  count,
  DATABASE,
  type Environment,
  levels,
  needs,
  parseFlags,
  PROGRAM,
  withoutUndefined,
} from "./options.ts";

/** `rooms`: the rooms with the most state. */
export interface RoomsCommand {
  readonly kind: "rooms";
  /** A connection string; empty: PG* variables name the database. */
  readonly postgres: string;
  readonly list: RoomListOptions;
  readonly json: boolean;
  readonly quiet: boolean;
}

function makeProgram() {
  return new Command(`${PROGRAM} rooms`)
    .description("Lists the rooms with the most state, and what compression would save in each; writes nothing.")
    .usage("-p DATABASE [options]")
    .addOption(DATABASE)
    .option("--limit <COUNT>", "how many rooms (default: 20)", count(1))
    .addOption(
      new Option("--order <NAME>", "by all rows, or by those that no auto compressor has seen")
        .choices(["rows", "uncompressed"] as const).default("rows" as const),
    )
    .option("--exact", "count every row, rather than those of a sample: reads the whole table")
    .option("--no-savings", "do not look for what would be saved")
    .option("--savings-time <SECONDS>", "how long to look for that (default: 10)", count(1))
    .option("-l, --levels <SIZES>", "what would be saved with levels of these sizes, such as 100,50,25", levels)
    .addOption(
      new Option("--strategy <NAME>", "what would be saved along each branch, or by the peers' exact rule")
        .choices(["branches", "levels"] as const).default("branches" as const),
    )
    .option("--max-hops <COUNT>", "what would be saved with at most so many edges to a full state", count(1))
    .option("--json", "print one JSON object on standard output, and no other line there")
    .option("--quiet", "print nothing but the table")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

const EXAMPLES = `
A big table is not read whole: some thousands of its pages are drawn at random, which takes seconds. A figure's ±
is then a 95% confidence interval. What would be saved is found by compressing some of a room's groups in memory.

Examples:
  ${PROGRAM} rooms -p postgresql://synapse@localhost/synapse
  ${PROGRAM} rooms -p postgresql://synapse@localhost/synapse --limit 5 --exact --json
`;

/**
 * Reads what follows `rooms`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseRooms(argv: readonly string[], environment: Environment): RoomsCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  checkDatabase(flags.postgres, environment);
  checkBound(flags);
  const savings = [["-l", flags.levels], ["--max-hops", flags.maxHops], ["--savings-time", flags.savingsTime]] as const;
  for (const [name, value] of savings) {
    needs(value !== undefined, name, flags.savings, "savings", `Leave --no-savings or ${name} out.`);
  }
  const { limit, order, exact, savingsTime, maxHops, strategy } = flags;
  const savingsMs = savingsTime === undefined ? undefined : savingsTime * 1000;
  return {
    kind: "rooms",
    postgres: flags.postgres ?? "",
    list: {
      ...withoutUndefined({ limit, exact, savingsMs, levels: flags.levels, maxHops }),
      order,
      strategy,
      savings: flags.savings,
    },
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
  };
}
