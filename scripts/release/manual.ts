/** The manual page and the shells' completions, as the program prints them, by where Debian has them below /. */
import { PROGRAM_PERMISSIONS } from "../permissions.ts";
import { read } from "./run.ts";
import { AUTO_PROGRAM, PROGRAM } from "./source.ts";

const COMPLETIONS: Readonly<Record<string, string>> = {
  bash: `usr/share/bash-completion/completions/${PROGRAM}`,
  zsh: `usr/share/zsh/vendor-completions/_${PROGRAM}`,
  fish: `usr/share/fish/vendor_completions.d/${PROGRAM}.fish`,
};

/** A text by its place. */
export async function makeManual(): Promise<Readonly<Record<string, string>>> {
  const print = (...words: string[]) =>
    read(Deno.execPath(), ["run", "--quiet", ...PROGRAM_PERMISSIONS, "main.ts", ...words], { env: { NO_COLOR: "1" } });
  const files: Record<string, string> = {
    [`usr/share/man/man1/${PROGRAM}.1`]: await print("man"),
    [`usr/share/man/man1/${AUTO_PROGRAM}.1`]: `.so man1/${PROGRAM}.1\n`,
  };
  for (const [shell, place] of Object.entries(COMPLETIONS)) files[place] = await print("completions", shell);
  // bash-completion looks for a file by the program's name.
  files[`usr/share/bash-completion/completions/${AUTO_PROGRAM}`] = files[COMPLETIONS["bash"]!]!;
  return files;
}
