/** The pages of help: the program's, which is one screen, and `help COMMAND` and `help TOPIC`. */

import { UsageError } from "../../mod.ts";
import { formatExamples, parse, PROGRAM, suggest } from "../parse.ts";
import { COMMANDS, DEFAULT_COMMAND, GROUPS, titleOf } from "./commands.ts";
import { SHELLS } from "./scripts.ts";
import { TOPICS } from "./topics.ts";

/** What to begin with, and what for. */
const FIRST = [
  "report -p DATABASE            what there is to save",
  "-p DATABASE -r ROOM           what one room would save",
  "auto -p DATABASE              save it, in all rooms",
];

/** The program's own help, in 24 lines of 79 columns. */
export function formatProgram(): string {
  const groups = GROUPS.flatMap(({ title, commands }) => [
    `${title}:`,
    ...commands.map((command) => `  ${(command.name || "-r ROOM").padEnd(9)}${command.summary}`),
  ]);
  return [
    `Usage: ${PROGRAM} [COMMAND] -p DATABASE [options]`,
    "",
    "Shrinks state_groups_state, Synapse's biggest table, while Synapse runs:",
    formatExamples(FIRST),
    "DATABASE is a URL such as postgresql://synapse@localhost/synapse, ROOM an id.",
    "",
    ...groups,
    "",
    "COMMAND --help explains a command; help room explains -r ROOM's options.",
    `help TOPIC: ${[...TOPICS.keys()].join(", ")}.`,
    `completions SHELL: ${SHELLS.join(", ")}. -V, --version; -h, --help.`,
    "",
  ].join("\n");
}

/**
 * What `help WORD` prints: a command's help, or a topic.
 *
 * @throws {UsageError} there is no such command or topic
 */
export function formatHelp(words: readonly string[]): string {
  const [word = "", ...more] = words;
  if (words.length === 0) return formatProgram();
  const topic = TOPICS.get(word);
  const command = word === titleOf(DEFAULT_COMMAND) ? DEFAULT_COMMAND : COMMANDS.get(word);
  if (more.length > 0 || topic === undefined && command === undefined) {
    const known = [...COMMANDS.keys(), titleOf(DEFAULT_COMMAND), ...TOPICS.keys()] as string[];
    const near = suggest(word, known);
    throw new UsageError(`Cannot explain ${JSON.stringify(words.join(" "))}: there is no such command or topic`, {
      hint: near === undefined
        ? `There are commands (${PROGRAM} --help lists them) and topics: ${[...TOPICS.keys()].join(", ")}.`
        : `Did you mean ${PROGRAM} help ${near}?`,
    });
  }
  if (topic !== undefined) return topic.text;
  return parse(command!, ["--help"], {}) as string;
}
