/** What somebody sees who types the program's name and nothing else: what this is, what was found, and what to try. */

import { UsageError } from "../../mod.ts";
import type { Environment } from "../flags.ts";
import { PROGRAM } from "../parse.ts";
import { findSource, NAMING_VARIABLES } from "../source.ts";

/** The lines, for a terminal. */
export function welcome(environment: Environment): string {
  const found = findDatabase(environment);
  const where = found === undefined ? " -p postgresql://synapse@localhost/synapse" : "";
  return [
    `${PROGRAM} shrinks state_groups_state, the table that takes most of`,
    "the disk on most Synapse homeservers, while Synapse runs. It only reads until",
    "you tell it to write.",
    "",
    found === undefined
      ? "No PG* variables and no homeserver.yaml name a database here, so -p has to:\nsee help connecting."
      : `A database is named here: ${found}.`,
    "",
    "See what there is to save:",
    "",
    `  ${PROGRAM} report${where}`,
    "",
    `All commands: ${PROGRAM} --help`,
    "",
  ].join("\n");
}

/** The database that the surroundings name, and where, for people. */
function findDatabase(environment: Environment): string | undefined {
  try {
    return findSource({}, environment).note?.replace(/^Using /, "");
  } catch (error) {
    // What the variables get wrong is told. A configuration that this user may not read is no reason to greet with a failure.
    const isNamed = NAMING_VARIABLES.some((name) => environment[name]);
    if (error instanceof UsageError && !isNamed) return undefined;
    throw error;
  }
}
