/**
 * The manual page and the shells' completions. Where the program can print them itself (`synapse_compress_state man`,
 * `completions bash`), they are what it prints; else the page is its help texts, and there are no completions.
 */
import { PROGRAM_PERMISSIONS } from "../permissions.ts";
import { COMMANDS } from "../usage.ts";
import { AUTO_PROGRAM, PROGRAM, ROOT, type Source } from "./source.ts";

/** Where Debian has each shell's completions. */
const COMPLETIONS: Readonly<Record<string, string>> = {
  bash: `usr/share/bash-completion/completions/${PROGRAM}`,
  zsh: `usr/share/zsh/vendor-completions/_${PROGRAM}`,
  fish: `usr/share/fish/vendor_completions.d/${PROGRAM}.fish`,
};

/** A text file by its place below /. */
export type Texts = Readonly<Record<string, string>>;

/** The manual pages (both names'), and the completions if the program has any. */
export async function makeManual(source: Source): Promise<Texts> {
  const page = await ask("man");
  const files: Record<string, string> = {
    [`usr/share/man/man1/${PROGRAM}.1`]: page ?? await pageOfHelp(source),
    [`usr/share/man/man1/${AUTO_PROGRAM}.1`]: `.so man1/${PROGRAM}.1\n`,
  };
  for (const [shell, place] of Object.entries(COMPLETIONS)) {
    const text = await ask("completions", shell);
    if (text !== undefined) files[place] = text;
  }
  return files;
}

async function pageOfHelp(source: Source): Promise<string> {
  const helps: [string, string][] = [];
  for (const command of COMMANDS) {
    const help = await ask(...command.split(" ").filter(Boolean), "--help");
    if (help === undefined) throw new Error(`Cannot make the manual page: ${command} --help fails`);
    helps.push([command, help]);
  }
  return formatPage(source, helps);
}

/** The help texts as a page for man(1): each command's as it is printed. */
export function formatPage(source: Source, helps: readonly (readonly [string, string])[]): string {
  const date = new Date(source.epoch * 1000).toISOString().slice(0, 10);
  const sections = helps.map(([command, help]) =>
    `.SH ${command === "" ? "ONE ROOM" : command.toUpperCase()}\n.nf\n${escape(help.trimEnd())}\n.fi\n`
  );
  return [
    `.TH ${PROGRAM.toUpperCase()} 1 "${date}" "${PROGRAM} ${source.version}"\n`,
    `.SH NAME\n${PROGRAM}, ${AUTO_PROGRAM} \\- shrink the state tables of a Synapse homeserver\n`,
    `.SH DESCRIPTION\nCalled as \\fB${AUTO_PROGRAM}\\fR it does what \\fB${PROGRAM} auto\\fR does.\n`,
    ...sections,
  ].join("");
}

/** So that troff prints it as it is. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha").replaceAll("~", "\\(ti").replaceAll(/^\./gm, "\\&.");
}

/** What the program prints, or nothing where it does not know the command. */
async function ask(...words: string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...PROGRAM_PERMISSIONS, "main.ts", ...words],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stderr: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}
