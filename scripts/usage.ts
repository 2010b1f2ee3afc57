/**
 * Keeps README.md's copy of the help text true: writes what `--help` prints between the two `<!-- usage -->` markers. With `--check` it
 * changes nothing, and fails when the copy is stale.
 */
import { PROGRAM_PERMISSIONS } from "./permissions.ts";

const MARKER = "<!-- usage -->";

/** The program itself, and its subcommands. */
const COMMANDS = [[], ["auto"], ["run"], ["rooms"], ["doctor"], ["prune"], ["reclaim"], ["graph"], ["report"]];

/** `text` with `help` as a code block between its first two markers. */
export function insertUsage(text: string, help: string): string {
  const parts = text.split(MARKER);
  if (parts.length !== 3) throw new Error(`Cannot write the help text: README.md has no two ${MARKER} markers`);
  return [parts[0], `\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n\n`, parts[2]].join(MARKER);
}

async function helpText(root: URL): Promise<string> {
  const texts = await Promise.all(COMMANDS.map((command) => helpOf(root, command)));
  return texts.map((text) => text.trim()).join(`\n\n${"-".repeat(100)}\n\n`);
}

async function helpOf(root: URL, command: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...PROGRAM_PERMISSIONS, "main.ts", ...command, "--help"],
    cwd: root,
    env: { NO_COLOR: "1", COLUMNS: "100" },
  }).output();
  if (!success) throw new Error(`Cannot run the program: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url);
  const readme = new URL("README.md", root);
  const before = await Deno.readTextFile(readme);
  const after = insertUsage(before, await helpText(root));
  if (before === after) {
    console.error("README.md has the present help text");
  } else if (Deno.args.includes("--check")) {
    console.error("README.md has an old help text: run `deno task usage`");
    Deno.exit(1);
  } else {
    await Deno.writeTextFile(readme, after);
    console.error("Wrote the help text into README.md");
  }
}
