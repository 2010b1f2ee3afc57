/** `report`: explains a room on one page of HTML. */

import { describeRoom, type Target } from "../../mod.ts";
import type { Command, Context, Result } from "../command.ts";
import { noGroups, printEvent } from "../events.ts";
import { text, toggle, type Values } from "../flags.ts";
import { apart, checkBound, checkRange, drawingFlags } from "../options.ts";

const FLAGS = {
  ...drawingFlags(),
  output: text(
    "-o, --output <FILE>",
    "the page's file (default: named after the room)",
  ),
  verify: toggle("-N, --no-verify", "skip the check of every full state"),
};
type Options = Values<typeof FLAGS>;

/** `report`. */
export const report: Command<typeof FLAGS> = {
  name: "report",
  description: "Explains a room's state on a single HTML page: what it costs and why. Read-only.",
  summary: "explains a room on one HTML page",
  examples: [
    "report -p postgresql:///synapse -r '!id:server' -o report.html",
  ],
  usage: "-p DATABASE -r ROOM [options]",
  flags: FLAGS,
  notes: `The page is self-contained: open it in any browser.
`,
  check(options) {
    checkBound(options);
    checkRange(options);
    const both = "Both are standard output: name a file with -o FILE.";
    apart(options.json, options.output === "-", "--json and -o -", both);
  },
  run,
};

async function run(options: Options, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  const database = context.database(options.postgres);
  const path = options.output ?? pageName(options.roomId);
  const page = await context.open(path);
  await using session = await database.connect({ readOnly: true });
  const told = {
    ...options,
    commandArguments: commandArguments(options, database.target),
    madeAt: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
  };
  const report = await describeRoom(session, told, page, {
    signal,
    onEvent: (event) => printEvent(terminal, event),
  });
  if (report.outcome === "no-groups") throw await noGroups(session, "describe", options, database.name);
  if (path !== "-") terminal.log(`Wrote ${path}: open it in a browser.`);
  return { report: { ...report, page: path } };
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
function commandArguments(options: Options, target: Target): string[] {
  const { minGroup, groups, maxGroup, levels, maxHops, strategy } = options;
  const given = [["-b", minGroup], ["-n", groups], ["-s", maxGroup], ["-l", levels?.join()], ["--max-hops", maxHops]];
  return [
    ...(options.postgres === undefined ? [] : ["-p", connectionString(target)]),
    "-r",
    options.roomId,
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
