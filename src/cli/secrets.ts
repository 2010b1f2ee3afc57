/** Keeps passwords out of what is printed: the last net under errors that nobody foresaw. Knows text only. */

import { quoteShell } from "../format/shell.ts";

/** The passwords that a command line and an environment hold, as written and as decoded, longest first. */
export function findSecrets(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const found = new Set<string>();
  const add = (secret: string | undefined) => {
    if (!secret) return;
    found.add(secret);
    try {
      found.add(decodeURIComponent(secret));
    } catch { /* not percent-encoded */ }
  };
  add(environment["PGPASSWORD"]);
  for (const text of argv) {
    add(/\/\/[^/?#]*?:(.*)@/s.exec(text)?.[1]);
    add(/[?&]password=([^&#]*)/.exec(text)?.[1]);
    const pair = /\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)+))/s.exec(text);
    add(pair?.[1] ?? pair?.[2]);
    add((pair?.[1] ?? pair?.[2])?.replaceAll(/\\(.)/gs, "$1"));
  }
  return [...found].filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
}

/** `text` with every secret in it replaced. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, "***"), text);
}

/** A command line with its passwords left out, quoted for a POSIX shell. */
export function quoteCommand(words: readonly string[]): string {
  return words.map((word) => {
    const shown = word.replace(/(\/\/[^/?#]*?:).*(@)/s, "$1***$2")
      .replaceAll(/([?&]password=)[^&#]*/g, "$1***")
      .replace(/(\bpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|(?:[^\s'&\\]|\\.)+)/s, "$1***");
    return quoteShell(shown);
  }).join(" ");
}
