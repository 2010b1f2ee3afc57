/**
 * The question before anything is written: what is going to happen, in three lines, and a yes or no. Only where somebody is
 * there: a cron job goes on at once, as one of the Rust tool does.
 */
import { CompressorError, UsageError } from "../mod.ts";
import type { Context } from "./command.ts";
import { toggle } from "./flags.ts";
import { needs } from "./options.ts";

/** Answers the question beforehand. */
export const YES = toggle("--yes", "do not ask before writing");

/** Refuses the answer where nothing is asked. */
export function checkYes({ yes, commit }: { yes: boolean | undefined; commit: boolean | undefined }): void {
  needs(yes, "--yes", commit, "-c", "Without -c nothing is written or asked: leave --yes out.");
}

/** How to ask. */
export interface Question {
  /** What is going to happen: what, how much, how long, and what it means for reads. */
  readonly plan: readonly string[];
  readonly question: string;
  /** The answer, where the command line gives it. */
  readonly yes: boolean | undefined;
  /** Whether it is too much to do without an answer: then it is refused where nobody can be asked. @default false */
  readonly needsAnswer?: boolean | undefined;
}

/**
 * Asks, and returns if it is to be done.
 *
 * @throws {CompressorError} the answer was no
 * @throws {UsageError} nobody can be asked, and it needs an answer
 * @throws {StoppedError} a signal came instead
 */
export async function ask({ plan, question, yes, needsAnswer = false }: Question, context: Context): Promise<void> {
  const { terminal, signal } = context;
  if (yes === true) return;
  if (!terminal.canAsk) {
    if (!needsAnswer) return;
    throw new UsageError(`Cannot go on without an answer: ${question}`, {
      hint: "Nobody is there to be asked: give --yes if you are sure.",
    });
  }
  if (await terminal.confirm(plan, question, signal)) return;
  throw new CompressorError("Nothing was written: the answer was not yes", {
    hint: "The answer y goes on; --yes gives it beforehand.",
  });
}
