/** The manual page, in the language of man(7), made of the same tables as the help. */

import { VERSION } from "../build.ts";
import { AUTO_PROGRAM, formatExamples, PROGRAM } from "../parse.ts";
import { GROUPS, spell, titleOf } from "./commands.ts";
import { TOPICS } from "./topics.ts";

/** The variables besides libpq's. */
const VARIABLES: readonly (readonly [string, string])[] = [
  [
    "PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE, ...",
    "As psql reads them, where -p leaves something open.",
  ],
  ["SCS_DEBUG", "If set, an error also says where it came from."],
];

/** The page, for `man -l` or a package. */
export function formatManual(): string {
  const commands = GROUPS.flatMap(({ commands }) => commands);
  return [
    `.TH ${PROGRAM.toUpperCase()} 1 "" "${PROGRAM} ${VERSION}" "User Commands"`,
    ".SH NAME",
    escape(`${PROGRAM}, ${AUTO_PROGRAM} - shrink the state tables of a Synapse homeserver`),
    ".SH SYNOPSIS",
    ...commands.flatMap(({ name, usage }) => [
      `.B ${escape([PROGRAM, name].filter(Boolean).join(" "))}`,
      escape(usage),
      ".br",
    ]),
    `.B ${escape(PROGRAM)}`,
    escape("help [COMMAND | TOPIC]"),
    ".br",
    `.B ${escape(PROGRAM)}`,
    escape("completions SHELL"),
    ".SH DESCRIPTION",
    escape(
      `Rewrites the state groups of Synapse's rooms to need fewer rows in state_groups_state, while Synapse runs; the state of ` +
        `every room stays what it was. Called as ${AUTO_PROGRAM} it does what ${PROGRAM} auto does.`,
    ),
    ".SH COMMANDS",
    ...commands.flatMap((command) => [
      `.SS ${escape(titleOf(command) === command.name ? command.name : "One room (no command)")}`,
      escape(command.description),
      ...spell(command).flatMap(({ short, long, value, flag: { help, choices, default: shown } }) => [
        ".TP",
        `${[short, long].filter((name) => name !== undefined).map((name) => `\\fB${escape(name)}\\fR`).join(", ")}${
          value === undefined ? "" : ` \\fI${value}\\fR`
        }`,
        escape(help + formatChoices(choices, shown)),
      ]),
      ".PP",
      ...verbatim([command.notes ?? "", "Examples:", formatExamples(command.examples)].join("\n").trim()),
    ]),
    ".SH ENVIRONMENT",
    ...VARIABLES.flatMap(([name, text]) => [".TP", `.B ${escape(name)}`, escape(text)]),
    ...[...TOPICS].flatMap(([name, { text }]) => [
      name === "exit-codes" ? ".SH EXIT STATUS" : `.SH ${name.toUpperCase()}`,
      ...verbatim(text.trim()),
    ]),
    "",
  ].join("\n");
}

function formatChoices(choices: readonly string[] | undefined, shown: string | undefined): string {
  if (choices === undefined) return "";
  return `: ${choices.join(", ")}${shown === undefined ? "" : ` (default: ${shown})`}`;
}

/** Lines as they are. */
function verbatim(text: string): string[] {
  return [".nf", ...text.split("\n").map(escape), ".fi"];
}

/** A line that troff prints as it is. */
function escape(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha").replaceAll("~", "\\(ti").replaceAll("±", "\\(+-").replace(/^[.]/, "\\&.");
}
