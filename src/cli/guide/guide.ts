/** The words that ask for guidance rather than for work: help, completions, the manual page, and no words at all. */

import { UsageError } from "../../mod.ts";
import type { Environment } from "../flags.ts";
import { PROGRAM, suggest } from "../parse.ts";
import { COMMANDS } from "./commands.ts";
import { complete } from "./complete.ts";
import { formatManual } from "./man.ts";
import { formatHelp, formatProgram } from "./pages.ts";
import { formatScript } from "./scripts.ts";
import { welcome } from "./welcome.ts";

/**
 * What to print, or undefined where the words are a command's.
 *
 * @throws {UsageError} help is asked for what there is not, or the first word is nearly a command
 */
export async function guide(words: readonly string[], environment: Environment): Promise<string | undefined> {
  const [first, ...rest] = words;
  const asksHelp = rest.length === 1 && ["-h", "--help"].includes(rest[0]!);
  switch (first) {
    case undefined:
      return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() ? welcome(environment) : undefined;
    case "-h":
    case "--help":
      return rest.length === 0 ? formatProgram() : undefined;
    case "help":
      return asksHelp ? formatProgram() : formatHelp(rest);
    case "completions":
      return asksHelp ? formatProgram() : formatScript(rest);
    case "complete":
      return await complete(rest, environment);
    case "man":
      if (rest.length === 0) return formatManual();
  }
  if (COMMANDS.has(first) || first.startsWith("-")) return undefined;
  const near = suggest(first, [...COMMANDS.keys(), "help", "completions"] as string[]);
  // Any other word is not repeated: it may be a connection string that lost its -p.
  if (near === undefined) return undefined;
  throw new UsageError(`Cannot read the command line: there is no command ${JSON.stringify(first)}`, {
    hint: `Did you mean ${PROGRAM} ${near}? ${PROGRAM} --help lists the commands.`,
  });
}
