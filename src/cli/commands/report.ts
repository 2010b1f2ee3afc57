/** `report`: from its options to a page, and what it says meanwhile. */

import { connect, describeRoom, describeTarget, formatJson, parseTarget, type Target } from "../../mod.ts";
import { type CommandContext, noGroups, Outputs, printEvent } from "../commands.ts";
import { PROGRAM } from "../parse.ts";
import type { ReportCommand } from "../parse/report.ts";
import { Terminal } from "../terminal.ts";

/** Explains a room. */
export async function runReport(command: ReportCommand, { environment, signal }: CommandContext): Promise<number> {
  const terminal = new Terminal({ quiet: command.quiet, stdoutIsTaken: command.json || command.output === "-" });
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) terminal.log(`warning: ${warning}`);
  await using outputs = new Outputs();
  const path = command.output ?? pageName(command.roomId);
  const page = await outputs.open(path);
  try {
    await using session = await connect(target, { signal, readOnly: true, applicationName: PROGRAM });
    const options = {
      ...command,
      commandArguments: commandArguments(command, target),
      madeAt: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    };
    const report = await describeRoom(session, options, page, {
      signal,
      onEvent: (event) => printEvent(terminal, event),
    });
    if (report.outcome === "no-groups") throw noGroups("describe", command, describeTarget(target));
    if (path !== "-") terminal.log(`Wrote ${path}: open it in a browser.`);
    if (command.json) terminal.json(formatJson({ ...report, page: path }));
    return 0;
  } finally {
    terminal.close();
  }
}

/** A file name for a room's page, safe on every system whatever the room is called. */
export function pageName(roomId: string): string {
  const plain = roomId.replace(/^!/, "").replace(":", "_");
  const safe = plain.replaceAll(/[^A-Za-z0-9._-]+/g, "_").slice(0, 100);
  // What had to be changed may be the same for two rooms.
  return safe === plain ? `room-${safe}.html` : `room-${safe}-${shortHash(roomId)}.html`;
}

/** FNV-1a over UTF-16 units: to tell names apart, not to keep secrets. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** How to say the same again: the database without its password, the room, the range and the rule. */
function commandArguments(command: ReportCommand, target: Target): string[] {
  const { minGroup, groups, maxGroup, levels, maxHops, strategy } = command;
  const given = [["-b", minGroup], ["-n", groups], ["-s", maxGroup], ["-l", levels?.join()], ["--max-hops", maxHops]];
  return [
    ...(command.postgres === "" ? [] : ["-p", connectionString(target)]),
    "-r",
    command.roomId,
    ...given.filter(([, value]) => value !== undefined).flatMap(([flag, value]) => [String(flag), String(value)]),
    ...(strategy === "levels" ? ["--strategy", "levels"] : []),
  ];
}

function connectionString({ host, port, user, database, sslMode }: Target): string {
  const [name, db] = [encodeURIComponent(user), encodeURIComponent(database)];
  const more = sslMode === "prefer" ? [] : [`sslmode=${sslMode}`];
  if (host.startsWith("/")) more.unshift(`host=${encodeURIComponent(host)}`);
  const place = host.startsWith("/") ? "" : host.includes(":") ? `[${host}]` : encodeURIComponent(host);
  const query = more.length === 0 ? "" : `?${more.join("&")}`;
  return `postgresql://${name}@${place}${port === 5432 ? "" : `:${port}`}/${db}${query}`;
}
