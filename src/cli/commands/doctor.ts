/** `doctor`: what is wrong with the state tables, on standard output; the exit code tells whether anything is. */

import {
  CompressorError,
  connect,
  describeTarget,
  diagnose,
  explainDiagnosis,
  formatDiagnosis,
  formatJson,
  isSound,
  parseTarget,
} from "../../mod.ts";
import type { CommandContext } from "../commands.ts";
import { PROGRAM } from "../parse.ts";
import type { DoctorCommand } from "../parse/doctor.ts";
import { Terminal } from "../terminal.ts";

/** The exit code for "there are defects". */
const DEFECTS_FOUND = 4;

/** Looks for defects. */
export async function runDoctor(command: DoctorCommand, { environment, signal }: CommandContext): Promise<number> {
  const terminal = new Terminal({ quiet: command.quiet, stdoutIsTaken: command.json });
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) terminal.log(`warning: ${warning}`);
  try {
    await using session = await connect(target, { signal, readOnly: true, applicationName: PROGRAM });
    if (command.roomId === undefined) {
      terminal.log("Looking at every row of the state tables: minutes where they are big...");
    }
    const diagnosis = await diagnose(session, {
      ...command,
      signal,
      onProgress: (what, done) => terminal.progress(`looking at ${what}: ${Math.floor(done * 100)}%`),
    });
    if (command.roomId !== undefined && diagnosis.groups === 0) {
      throw new CompressorError(
        `Cannot check room "${command.roomId}": no state groups found in ${describeTarget(target)}`,
        {
          hint:
            "Check the room's id (it begins with !, an alias with #), and that this is the database with Synapse's state.",
        },
      );
    }
    if (command.json) terminal.json(formatJson(explainDiagnosis(diagnosis)));
    else formatDiagnosis(diagnosis).forEach((line) => terminal.result(line));
    return isSound(diagnosis) ? 0 : DEFECTS_FOUND;
  } finally {
    terminal.close();
  }
}
