/**
 * Makes .github/REFERENCE.md out of what each command's `--help` prints. With `--check` it changes nothing, and fails when the
 * page is stale.
 */
import { PROGRAM_PERMISSIONS } from "./permissions.ts";

const PROGRAM = "synapse_compress_state";
const INTRODUCTION = `# Reference

Every command with every option, as its \`--help\` prints it. This page is made by \`deno task usage\`; do not edit it.
`;

/** The program itself (an empty name), and its subcommands. */
export const COMMANDS = ["", "auto", "run", "rooms", "doctor", "prune", "reclaim", "graph", "report"];

/** The page, from each command's help text. */
export function formatReference(helps: ReadonlyMap<string, string>): string {
  const sections = [...helps].map(([command, help]) => {
    const title = command === "" ? PROGRAM : `${PROGRAM} ${command}`;
    return `## ${title}\n\n\`\`\`text\n${help.trim()}\n\`\`\`\n`;
  });
  return [INTRODUCTION, ...sections].join("\n");
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
