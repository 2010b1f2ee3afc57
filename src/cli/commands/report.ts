/** `report`: explains a room, or the whole server, on one page of HTML. */

import {
  anonymizeReport,
  anonymizeSurvey,
  describeRoom,
  fill,
  formatServerPage,
  formatSurvey,
  lookUpRoom,
  nextSteps,
  Pseudonyms,
  readServerSecret,
  surveyServer,
} from "../../mod.ts";
import type { Command, Context, Database, Result } from "../command.ts";
import { noGroups, printEvent } from "../events.ts";
import { seconds, text, toggle, type Values } from "../flags.ts";
import type { RoomPageOutput, ServerPageOutput } from "../outputs.ts";
import { apart, checkBound, checkRange, drawingFlags, EVENTS_DATABASE, needs } from "../options.ts";
import { readVolume } from "../volume.ts";

const FLAGS = {
  ...drawingFlags(),
  roomId: text("-r, --room <ROOM>", "only this room (default: the whole server)"),
  output: text(
    "-o, --output <FILE>",
    "the page's file (default: named after the subject)",
  ),
  verify: toggle("-N, --no-verify", "skip the check of every full state (with -r)"),
  eventsPostgres: EVENTS_DATABASE,
  anonymous: toggle(
    "--anonymous",
    "pseudonyms for rooms, users and hosts",
  ),
  savingsMs: seconds(
    "--savings-time <SECONDS>",
    "time for trying rooms without -r (default: 4)",
  ),
};
type Options = Values<typeof FLAGS>;

/** `report`. */
export const report: Command<typeof FLAGS> = {
  name: "report",
  description: "Explains a server's state, or a room's, on one HTML page: what it costs and why. Read-only.",
  summary: "the server, or a room (-r ROOM), explained on a page",
  examples: ["report -p postgresql:///synapse", "report -p postgresql:///synapse -r '!id:server' -o report.html"],
  usage: "-p DATABASE [-r ROOM] [options]",
  flags: FLAGS,
  notes: `Without -r it prints a summary, too: sizes, what compressing, pruning and
reclaiming would give, the biggest rooms, what to run next. Tables are sampled,
and some rooms compressed in memory: that takes seconds, however big they are; ±
is a 95% confidence interval. The page is self-contained: open it in a browser.
`,
  check(options) {
    checkBound(options);
    checkRange(options);
    const { roomId, minGroup, groups, maxGroup, verify, savingsMs } = options;
    const ofRoom = { "-b": minGroup !== undefined, "-n": groups, "-s": maxGroup, "-N": verify === false };
    for (const [flag, given] of Object.entries(ofRoom)) needs(given, flag, roomId, "-r", "Add -r '!id:server'.");
    apart(roomId, savingsMs, "-r and --savings-time", "A room is compressed whole: leave --savings-time out.");
    const both = "Both are standard output: name a file with -o FILE.";
    apart(options.json, options.output === "-", "--json and -o -", both);
  },
  run: (options, context) => {
    const { roomId } = options;
    return roomId === undefined ? reportServer(options, context) : reportRoom({ ...options, roomId }, context);
  },
};

/** When the page is made, as it is to be printed. */
function madeAt(): string {
  return `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

async function reportServer(options: Options, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  const database = context.database(options);
  const path = options.output ?? pageName(database.target.database, "server");
  const page = await context.open(path);
  await using session = await database.connect({ readOnly: true });
  const found = await surveyServer(session, {
    ...options,
    openEvents: context.events(options),
  }, {
    signal,
    onStep: (step) => terminal.phase({ name: step }),
    readVolume: (facts) => readVolume(database.target, facts),
  });
  const isOpen = options.anonymous !== true;
  const survey = isOpen ? found : anonymizeSurvey(found, new Pseudonyms(await readServerSecret(session)));
  const told = {
    madeAt: madeAt(),
    databaseArguments: isOpen ? database.arguments : ["-p", "DATABASE"],
    eventsArguments: isOpen ? database.eventsArguments : ["--events-postgres", "DATABASE"],
  };
  await fill(page, formatServerPage(survey, told), signal);
  for (const line of formatSurvey(survey, told)) terminal.result(line);
  if (path !== "-") terminal.log(`Wrote ${path}: open it in a browser.`);
  return { report: { ...survey, next: nextSteps(survey, told), page: path } satisfies ServerPageOutput };
}

async function reportRoom(options: Options & { readonly roomId: string }, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  const { roomId, anonymous = false } = options;
  const database = context.database(options);
  const path = options.output ?? pageName(anonymous ? "anonymous" : roomId);
  const page = await context.open(path);
  await using session = await database.connect({ readOnly: true });
  await using own = await context.events(options)?.();
  const about = await lookUpRoom(session, own ?? session, roomId, signal);
  const pseudonyms = anonymous ? new Pseudonyms(await readServerSecret(session)) : undefined;
  const told = {
    ...options,
    about,
    pseudonyms,
    commandArguments: pseudonyms === undefined
      ? commandArguments(options, database)
      : ["-p", "DATABASE", "-r", pseudonyms.room(roomId)],
    madeAt: madeAt(),
  };
  const report = await describeRoom(session, told, page, {
    signal,
    onEvent: (event) => printEvent(terminal, event),
  });
  if (report.outcome === "no-groups") throw await noGroups(session, "describe", options, database.name);
  if (path !== "-") terminal.log(`Wrote ${path}: open it in a browser.`);
  if (pseudonyms === undefined) return { report: { ...report, ...about, page: path } satisfies RoomPageOutput };
  const { name: _name, alias: _alias, ...unnamed } = about;
  return {
    report: { ...anonymizeReport(report, pseudonyms), ...unnamed, page: path } satisfies RoomPageOutput,
  };
}

/** A file name for a page, safe on every system whatever the room or the database is called. */
export function pageName(name: string, kind: "room" | "server" = "room"): string {
  const plain = name.replace(/^!/, "").replace(":", "_");
  const safe = plain.replaceAll(/[^A-Za-z0-9._-]+/g, "_").slice(0, 100);
  // What had to be changed may be the same for two names.
  return safe === plain ? `${kind}-${safe}.html` : `${kind}-${safe}-${shortHash(name)}.html`;
}

/** FNV-1a over UTF-16 units: to tell names apart, not to keep secrets. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** How to say the same again: the database without its password, the room, the range and the rule. */
function commandArguments(options: Options & { readonly roomId: string }, database: Database): string[] {
  const { minGroup, groups, maxGroup, levels, maxHops, strategy } = options;
  const given = [["-b", minGroup], ["-n", groups], ["-s", maxGroup], ["-l", levels?.join()], ["--max-hops", maxHops]];
  return [
    ...database.arguments,
    "-r",
    options.roomId,
    ...given.filter(([, value]) => value !== undefined).flatMap(([flag, value]) => [String(flag), String(value)]),
    ...(strategy === "levels" ? ["--strategy", "levels"] : []),
  ];
}
