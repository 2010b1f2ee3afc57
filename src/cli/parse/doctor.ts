/** The command line of `doctor`. */

import { Command } from "@commander-js/extra-typings";
import {
  checkDatabase,
  count,
  DATABASE,
  type Environment,
  nonEmpty,
  parseFlags,
  PROGRAM,
  withoutUndefined,
} from "./options.ts";

/** `doctor`: looks for broken data. */
export interface DoctorCommand {
  readonly kind: "doctor";
  /** A connection string; empty: PG* variables name the database. */
  readonly postgres: string;
  readonly roomId?: string;
  readonly limit?: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

function makeProgram() {
  return new Command(`${PROGRAM} doctor`)
    .description("Looks for broken data in the state tables, of a room or of all; changes nothing.")
    .usage("-p DATABASE [-r ROOM] [options]")
    .addOption(DATABASE)
    .option("-r, --room <ROOM>", "only this room, as in the rooms table: !id:server", nonEmpty)
    .option("--limit <COUNT>", "how many state groups to name of each kind of finding (default: 10)", count(0))
    .option("--json", "print one JSON object on standard output, and no other line there")
    .option("--quiet", "print nothing: the exit code tells")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride();
}

const EXAMPLES = `
Without -r every row of the state tables is read: minutes on a big server, beside Synapse and without locks.

Examples:
  ${PROGRAM} doctor -p postgresql://synapse@localhost/synapse
  ${PROGRAM} doctor -p postgresql://synapse@localhost/synapse -r '!id:server' --limit 100

Exit codes: 0 no defects; 4 defects found; 1 failed; 2 a wrong command line; 130, 143 stopped.
`;

/**
 * Reads what follows `doctor`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseDoctor(argv: readonly string[], environment: Environment): DoctorCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  checkDatabase(flags.postgres, environment);
  return {
    kind: "doctor",
    postgres: flags.postgres ?? "",
    ...withoutUndefined({ roomId: flags.room, limit: flags.limit }),
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
  };
}
