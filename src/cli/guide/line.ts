/**
 * A command line as bash has it while it is being typed: split into words as a POSIX shell splits them, and the last one put
 * back together so that readline can insert it. Nothing in it is expanded.
 */

import { quoteShell } from "../../format/shell.ts";

/** What was typed up to the cursor. */
export interface TypedLine {
  /** The words that are complete, without their quotes. */
  readonly words: readonly string[];
  /** The word under the cursor without its quotes; empty after a space. */
  readonly current: string;
  /** The same as it was typed. */
  readonly typed: string;
  /** The quote that is open at the cursor. */
  readonly quote: "'" | '"' | "";
}

/** Splits a line. */
export function splitLine(line: string): TypedLine {
  const words: string[] = [];
  let current: string | undefined, start = 0;
  let quote: TypedLine["quote"] = "";
  for (let i = 0; i < line.length; i++) {
    const character = line[i]!;
    if (quote === "" && /\s/.test(character)) {
      if (current !== undefined) words.push(current);
      current = undefined;
      continue;
    }
    if (current === undefined) [current, start] = ["", i];
    if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    else if (character === "\\" && quote !== "'") current += line[++i] ?? "";
    else current += character;
  }
  return { words, current: current ?? "", typed: current === undefined ? "" : line.slice(start), quote };
}

/** What no shell takes for anything but itself. */
const PLAIN = /^[\w%+,./:=@-]*$/;

/**
 * What bash is to insert so that the word under the cursor becomes `value`, or undefined where it cannot be.
 *
 * @param replaced what readline replaces: the typed word, after an open quote and after its own word breaks (such as `:`)
 */
export function toBash(value: string, { current, typed, quote }: TypedLine, replaced: string): string | undefined {
  // Kept, and so must be what the value begins with.
  const kept = splitLine(typed.slice(0, Math.max(typed.length - replaced.length, 0))).current;
  if (!value.startsWith(current)) return undefined;
  const rest = value.slice(kept.length);
  if (quote === "'") return rest.includes("'") ? undefined : rest;
  // Within double quotes an interactive bash expands the ! of a room's id, and no escape prevents it.
  if (quote === '"') return PLAIN.test(rest) ? rest : undefined;
  if (PLAIN.test(rest)) return rest;
  if (kept === "") return quoteShell(rest);
  return rest.replaceAll(/[^\w%+,./:=@-]/g, "\\$&");
}
