/**
 * What can follow what was typed: commands, flags, values, and the ids of rooms where -p, PG* variables or a homeserver.yaml names a database.
 * Every failure is silence: nobody who presses Tab wants a message.
 */

import { findRoomsBeginning } from "../../db/read/named.ts";
import { connect, printable } from "../../mod.ts";
import type { Environment } from "../flags.ts";
import { isAutoProgram, PROGRAM } from "../parse.ts";
import { findSource } from "../source.ts";
import { COMMANDS, DEFAULT_COMMAND, spell, type Spelling, titleOf } from "./commands.ts";
import { splitLine, toBash } from "./line.ts";
import { SHELLS } from "./scripts.ts";
import { TOPICS } from "./topics.ts";

/** A person who pressed Tab waits no longer for a database. */
const PATIENCE_MS = 2000;

/** What could be meant. */
export interface Candidate {
  readonly value: string;
  /** What it is, in a few words. */
  readonly text?: string | undefined;
}

/** Where rooms come from: those whose ids begin so, the biggest where there are many. */
type FindRooms = (prefix: string, postgres: string | undefined) => Promise<Candidate[]>;

/**
 * What the hidden command `complete SHELL WORDS…` prints: a candidate a line, with a tab and what it is except for bash; the line
 * `:files` where the shell is to offer files.
 */
export async function complete(args: readonly string[], environment: Environment): Promise<string> {
  const [shell, ...words] = args;
  const rooms: FindRooms = (prefix, postgres) => findRooms(prefix, postgres, environment);
  if (shell === "bash") {
    const [typed = "", replaced = ""] = words;
    const line = splitLine(typed);
    const found = await findCandidates(line.words, line.current, rooms);
    if (found === "files") return ":files\n";
    const values = found.map(({ value }) => toBash(value, line, replaced)).filter((value) => value !== undefined);
    return values.map((value) => `${value}\n`).join("");
  }
  const last = words.at(-1) ?? "";
  // fish gives the word as it is typed, the others without its quotes; PowerShell cannot give an empty one.
  const current = last === ":empty" ? "" : shell === "fish" ? splitLine(last).current : last;
  const found = await findCandidates(words.slice(0, -1), current, rooms);
  if (found === "files") return ":files\n";
  return found.map(({ value, text = "" }) => `${value}\t${text}\n`).join("");
}

/** What can stand where `current` is being typed, after the program's name and `words`. */
export async function findCandidates(
  [program = PROGRAM, ...words]: readonly string[],
  current: string,
  rooms: FindRooms,
): Promise<Candidate[] | "files"> {
  const isAuto = isAutoProgram(program);
  const first = isAuto ? "auto" : words[0];
  const begins = ({ value }: Candidate) => value.startsWith(current);
  if (first === "help") return words.length > 1 ? [] : listHelp().filter(begins);
  if (first === "completions") return words.length > 1 ? [] : SHELLS.map((value) => ({ value })).filter(begins);
  if (first === undefined && !current.startsWith("-")) return listCommands().filter(begins);
  const flags = spell(COMMANDS.get(first) ?? DEFAULT_COMMAND);
  const find = (word: string | undefined) =>
    word === undefined ? undefined : flags.find(({ short, long }) => word === short || word === long);
  const before = find(words.at(-1));
  if (before?.value !== undefined) return await listValues(before, current, valueOf(words, flags), rooms);
  const attached = /^(--[\w-]+=|-\w=?)(.*)$/s.exec(current);
  const named = find(attached?.[1]?.replace(/=$/, ""));
  if (attached !== null && named?.value !== undefined && (attached[2] !== "" || attached[1]!.endsWith("="))) {
    const values = await listValues(named, attached[2]!, valueOf(words, flags), rooms);
    return values === "files" ? [] : values.map(({ value, text }) => ({ value: `${attached[1]}${value}`, text }));
  }
  const isGiven = (flag: Spelling) => flag.flag.repeats !== true && words.some((word) => find(word) === flag);
  return flags.filter((flag) => !isGiven(flag)).flatMap((
    { short, long, flag: { help } },
  ) => [{ value: long, text: help }, ...(current === "-" && short !== undefined ? [{ value: short, text: help }] : [])])
    .filter(begins);
}

/** What -p was given. */
function valueOf(words: readonly string[], flags: readonly Spelling[]): string | undefined {
  const database = flags.find(({ long }) => long === "--postgres");
  const at = words.findIndex((word) => word === database?.short || word === database?.long);
  return at === -1 ? undefined : words[at + 1];
}

async function listValues(
  { value, flag }: Spelling,
  current: string,
  postgres: string | undefined,
  rooms: FindRooms,
): Promise<Candidate[] | "files"> {
  if (flag.choices !== undefined) {
    return flag.choices.filter((name) => name.startsWith(current)).map((name) => ({ value: name }));
  }
  if (value === "ROOM") return await rooms(current, postgres);
  return value === "FILE" || value === "DIR" ? "files" : [];
}

function listCommands(): Candidate[] {
  return [
    ...[...COMMANDS.values()].map(({ name, summary }) => ({ value: name, text: summary })),
    { value: "help", text: "explains a command, or a topic" },
    { value: "completions", text: "prints a shell's completions" },
  ];
}

function listHelp(): Candidate[] {
  const { summary } = DEFAULT_COMMAND;
  return [
    ...[...COMMANDS.values()].map(({ name, summary }) => ({ value: name, text: summary })),
    { value: titleOf(DEFAULT_COMMAND), text: summary },
    ...[...TOPICS].map(([value, { summary }]) => ({ value, text: summary })),
  ];
}

/** Rooms of the database that is named, if that can be reached at once. */
async function findRooms(
  prefix: string,
  postgres: string | undefined,
  environment: Environment,
): Promise<Candidate[]> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const options = { applicationName: PROGRAM, readOnly: true, signal };
    await using session = await connect(findSource({ postgres }, environment).state.target, options);
    const found = await findRoomsBeginning(session, prefix);
    // A room's name is free text, and becomes a line that a terminal shows.
    return found.filter(({ roomId }) => printable(roomId) === roomId)
      .map(({ roomId, name }) => ({ value: roomId, text: name && printable(name).replaceAll(/\s+/g, " ") }));
  } catch {
    // Nobody is there to be told: the shell is in the middle of a line.
    return [];
  }
}
