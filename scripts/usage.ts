/**
 * Makes .github/REFERENCE.md out of what the program prints as help: its own, each command's, each topic's. With `--check` it
 * changes nothing, and fails when the page is stale.
 */
import { COMMANDS as TABLE } from "../src/cli/guide/commands.ts";
import { formatHelp } from "../src/cli/guide/pages.ts";
import { TOPICS } from "../src/cli/guide/topics.ts";
import { type Parameter, PARAMETERS } from "../src/db/target/parameters.ts";
import { readText } from "./files.ts";

const PROGRAM = "synapse_compress_state";
const INTRODUCTION = `# Reference

Every command with every option, and every topic, as \`help\` prints it, and what becomes of libpq's
[connection parameters](#naming-the-database). This page is made by \`deno task usage\`; do not edit it.
\`${PROGRAM} man\` prints the help as a manual page.
`;
const PARAMETERS_INTRODUCTION = `## Naming the database

\`-p\` takes what \`psql -d\` takes: a \`postgresql://\` URL or \`key=value\` pairs. What it leaves open comes from the service
that it names, then from the variables, then from libpq's defaults; passwords also from the password file. This is what
becomes of each parameter of libpq 18; any other is refused.
`;

/** The program itself (an empty name), and its subcommands. */
export const COMMANDS: readonly string[] = ["", ...[...TABLE.keys()].map(String)];

/** The page, from each command's and topic's help text. */
export function formatReference(helps: ReadonlyMap<string, string>): string {
  const sections = [...helps].map(([title, help]) => `## ${title}\n\n\`\`\`text\n${help.trim()}\n\`\`\`\n`);
  const table = `${PARAMETERS_INTRODUCTION}\n${formatParameters(PARAMETERS)}\n`;
  return [INTRODUCTION, ...sections, table].join("\n");
}

/** What becomes of each connection parameter, as a table. */
export function formatParameters(parameters: readonly Parameter[]): string {
  const rows = parameters.map(({ name, variable, as, note }) => [
    `\`${name}\``,
    variable === undefined ? "" : `\`${variable}\``,
    { libpq: "as libpq", "in part": "as libpq, but", "without effect": "without effect", refused: "refused" }[as],
    note ?? "",
  ]);
  const header = ["parameter", "variable", "here", "what to know"];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** Every help text there is, by its title. */
export function collectHelps(): Map<string, string> {
  return new Map([
    [PROGRAM, formatHelp([])],
    [`${PROGRAM} -r ROOM`, formatHelp(["room"])],
    ...COMMANDS.filter(Boolean).map((word) => [`${PROGRAM} ${word}`, formatHelp([word])] as const),
    ...[...TOPICS.keys()].map((topic) => [`help ${topic}`, formatHelp([topic])] as const),
  ]);
}

if (import.meta.main) {
  const page = new URL("../.github/REFERENCE.md", import.meta.url);
  const before = await readText(page);
  const after = formatReference(collectHelps());
  if (before === after) {
    console.error(".github/REFERENCE.md is up to date");
  } else if (Deno.args.includes("--check")) {
    console.error(".github/REFERENCE.md is stale: run `deno task usage`");
    Deno.exit(1);
  } else {
    await Deno.writeTextFile(page, after);
    console.error("Wrote .github/REFERENCE.md");
  }
}
