/** The command line of `report`. */

import { checkDrawing, makeDrawingCommand } from "./drawing.ts";
import {
  apart,
  type Environment,
  nonEmpty,
  parseFlags,
  PROGRAM,
  type RoomSelection,
  withoutUndefined,
} from "./options.ts";

/** `report`: explains a room on one page. */
export interface ReportCommand extends RoomSelection {
  readonly kind: "report";
  /** A path, or `-` for standard output; without one the room gives the file its name. */
  readonly output?: string;
  readonly verify: boolean;
}

function makeProgram() {
  return makeDrawingCommand(
    "report",
    "Explains a room on one page of HTML: what its state costs, and why; writes no database.",
  )
    .option(
      "-o, --output <FILE>",
      "the file to write; - is standard output (default: a file named after the room)",
      nonEmpty,
    )
    .option("-N, --no-verify", "do not check that every state would be unchanged")
    .addHelpText("after", EXAMPLES);
}

const EXAMPLES = `
The page needs no network and no server: open it in a browser.

Example:
  ${PROGRAM} report -p postgresql://synapse@localhost/synapse -r '!id:server' -o report.html
`;

/**
 * Reads what follows `report`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseReport(argv: readonly string[], environment: Environment): ReportCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  const drawing = checkDrawing(flags, environment);
  apart(flags.json, flags.output === "-", "--json and -o -", "Both are standard output: name a file with -o FILE.");
  return { kind: "report", ...drawing, ...withoutUndefined({ output: flags.output }), verify: flags.verify };
}
