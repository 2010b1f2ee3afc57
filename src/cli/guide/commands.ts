/** Every command, in the groups in which people look for them. Help, completions and the manual are made from this table. */

import type { Command } from "../command.ts";
import { auto } from "../commands/auto.ts";
import { doctor } from "../commands/doctor.ts";
import { graph } from "../commands/graph.ts";
import { prune } from "../commands/prune.ts";
import { reclaim } from "../commands/reclaim.ts";
import { report } from "../commands/report.ts";
import { room } from "../commands/room.ts";
import { rooms } from "../commands/rooms.ts";
import { run } from "../commands/run.ts";
import type { Flag } from "../flags.ts";

/** Commands that are told of together. */
export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** All commands, by what one wants to do. */
export const GROUPS: readonly CommandGroup[] = [
  { title: "Look (read-only)", commands: [report, rooms, graph, doctor] },
  { title: "Compress", commands: [room, auto, run] },
  { title: "Clean up (-c to do it)", commands: [prune, reclaim] },
];

/** The commands by the word that begins their command line. The default command, `room`, has none. */
export const COMMANDS: ReadonlyMap<string | undefined, Command> = new Map<string, Command>(
  GROUPS.flatMap(({ commands }) => commands).filter(({ name }) => name !== "").map((
    command,
  ) => [command.name, command]),
);

/** The command without a name. */
export const DEFAULT_COMMAND: Command = room;

/** What to call a command where it needs a name: the default one is `room`. */
export function titleOf({ name }: Command): string {
  return name === "" ? "room" : name;
}

/** A flag as it is written, in parts. */
export interface Spelling {
  /** `-p`. */
  readonly short: string | undefined;
  /** `--postgres`. */
  readonly long: string;
  /** `DATABASE`, where it takes a value. */
  readonly value: string | undefined;
  readonly flag: Flag<unknown>;
}

/** The flags of a command, with those that every command has. */
export function spell(command: Command): Spelling[] {
  const usages = [
    ...Object.values(command.flags),
    ...command.hasVersion === true ? [{ usage: "-V, --version", help: "print the version" }] : [],
    { usage: "-h, --help", help: "print this help" },
  ];
  return usages.map((flag) => {
    const parts = /^(?:(-\w), )?(--[\w-]+)(?: <(\w+)>)?$/.exec(flag.usage);
    if (parts === null) throw new SyntaxError(`Cannot read the flag ${flag.usage}`);
    return { short: parts[1], long: parts[2]!, value: parts[3], flag };
  });
}
