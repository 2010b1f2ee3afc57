/** `rooms`: the table of the biggest rooms, on standard output. */

import { connect, findRooms, formatBasis, formatJson, formatRooms, parseTarget } from "../../mod.ts";
import type { CommandContext } from "../commands.ts";
import { PROGRAM } from "../parse.ts";
import type { RoomsCommand } from "../parse/rooms.ts";
import { Terminal } from "../terminal.ts";

/** Lists rooms. */
export async function runRooms(command: RoomsCommand, { environment, signal }: CommandContext): Promise<number> {
  const terminal = new Terminal({ quiet: false, stdoutIsTaken: command.json });
  const log = (line: string) => command.quiet || terminal.log(line);
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) log(`warning: ${warning}`);
  try {
    await using session = await connect(target, { signal, readOnly: true, applicationName: PROGRAM });
    if (command.list.exact) log("Counting the rows of all rooms...");
    const list = await findRooms(session, command.list, {
      signal,
      onRoom: ({ roomId }, i, count) => terminal.progress(`compressing some of room ${i + 1} of ${count}, ${roomId}`),
    });
    if (command.json) {
      terminal.json(
        formatJson({ ...list, rooms: list.rooms.map((room) => ({ ...room, saving: room.saving ?? null })) }),
      );
      return 0;
    }
    formatRooms(list).forEach((line) => terminal.result(line));
    formatBasis(list).forEach(log);
    return 0;
  } finally {
    terminal.close();
  }
}
