/** `doctor`: what is wrong with the state tables, on standard output; the exit code tells whether anything is. */

import {
  checkWritable,
  diagnose,
  explainDiagnosis,
  formatDiagnosis,
  formatUnits,
  isSound,
  type LeftOverReport,
  removeLeftOvers,
} from "../../mod.ts";
import { type Command, DEFECTS } from "../command.ts";
import { noGroups } from "../events.ts";
import { count, text, toggle } from "../flags.ts";
import type { DoctorOutput } from "../outputs.ts";
import { apart, DATABASE, OUTPUT } from "../options.ts";

const FLAGS = {
  ...DATABASE,
  roomId: text("-r, --room <ROOM>", "check only this room, such as !id:server"),
  fix: toggle("--fix", "delete left-overs of groups that do not exist"),
  limit: count("--limit <COUNT>", "groups to list for each finding (default: 10)", 0),
  ...OUTPUT,
  quiet: toggle("--quiet", "print nothing; only set the exit code"),
};

/** `doctor`. */
export const doctor: Command<typeof FLAGS> = {
  name: "doctor",
  description: "Looks for broken data in the state tables, of a room or of all; changes nothing without --fix.",
  summary: "finds broken data in the state tables",
  examples: [
    "doctor -p postgresql:///synapse",
    "doctor -p postgresql:///synapse --fix",
    "doctor -p postgresql:///synapse -r '!id:server'",
  ],
  usage: "-p DATABASE [-r ROOM] [--fix] [options]",
  flags: FLAGS,
  check({ fix, roomId }) {
    apart(fix, roomId, "--fix and -r", "Left-overs belong to no room: leave -r out.");
  },
  notes: `Without -r every row of the state tables is read, beside a running Synapse: on
a large server that takes minutes. The exit code is 4 where it finds defects.
`,
  async run(options, context) {
    const { terminal, signal } = context;
    const database = context.database(options);
    await using session = await database.connect({ readOnly: !options.fix });
    if (options.fix) await checkWritable(session, { leftOvers: true });
    if (options.roomId === undefined) {
      terminal.log("Checking every row of the state tables; this takes minutes if they are large...");
    }
    const fixed = options.fix
      ? await removeLeftOvers(session, {
        signal,
        onProgress: ({ rows, edges }) =>
          terminal.phase({
            name: "deleting left-overs",
            details: [formatUnits(rows, "row"), formatUnits(edges, "edge")],
          }),
      })
      : undefined;
    const diagnosis = await diagnose(session, {
      ...options,
      signal,
      onProgress: (what, done) => terminal.phase({ name: `checking ${what}`, share: done }),
    });
    const { roomId } = options;
    if (roomId !== undefined && diagnosis.groups === 0) {
      throw await noGroups(session, "check", { roomId }, database.name);
    }
    if (fixed !== undefined) terminal.result(formatFixed(fixed));
    if (!options.json) formatDiagnosis(diagnosis).forEach((line) => terminal.result(line));
    const output: DoctorOutput = { ...explainDiagnosis(diagnosis), fixed };
    return { report: output, exitCode: isSound(diagnosis) ? 0 : DEFECTS };
  },
};

/** What --fix did. */
function formatFixed({ rows, edges, marks, busy }: LeftOverReport): string {
  const again = busy === 0 ? "" : "; other transactions held some of them: run it again";
  return `Deleted left-overs of state groups that do not exist: ${formatUnits(rows, "row")}, ` +
    `${formatUnits(edges, "edge")}, ${formatUnits(marks, "deletion mark")}${again}`;
}
