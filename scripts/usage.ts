/**
 * Makes .github/REFERENCE.md out of what each command's `--help` prints. With `--check` it changes nothing, and fails when the
 * page is stale.
 */
import { type Parameter, PARAMETERS } from "../src/db/target/parameters.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";

const PROGRAM = "synapse_compress_state";
const INTRODUCTION = `# Reference

Every command with every option, as its \`--help\` prints it, and what becomes of libpq's
[connection parameters](#naming-the-database). This page is made by \`deno task usage\`; do not edit it.
`;
const PARAMETERS_INTRODUCTION = `## Naming the database

\`-p\` takes what \`psql -d\` takes: a \`postgresql://\` URL or \`key=value\` pairs. What it leaves open comes from the service
that it names, then from the variables, then from libpq's defaults; passwords also from the password file. This is what
becomes of each parameter of libpq 18; any other is refused.
`;

/** The program itself (an empty name), and its subcommands. */
export const COMMANDS = ["", "auto", "run", "rooms", "doctor", "prune", "reclaim", "graph", "report"];

/** The page, from each command's help text. */
export function formatReference(helps: ReadonlyMap<string, string>): string {
  const sections = [...helps].map(([command, help]) => {
    const title = command === "" ? PROGRAM : `${PROGRAM} ${command}`;
    return `## ${title}\n\n\`\`\`text\n${help.trim()}\n\`\`\`\n`;
  });
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

/** What the program prints for `COMMAND --help`. */
async function helpOf(root: URL, command: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...PROGRAM_PERMISSIONS, "main.ts", ...command.split(" ").filter(Boolean), "--help"],
    cwd: root,
    env: { NO_COLOR: "1", COLUMNS: "100" },
  }).output();
  if (!success) throw new Error(`Cannot run the program: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url);
  const page = new URL(".github/REFERENCE.md", root);
  const helps = await Promise.all(COMMANDS.map(async (command) => [command, await helpOf(root, command)] as const));
  const before = await Deno.readTextFile(page).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  const after = formatReference(new Map(helps));
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
