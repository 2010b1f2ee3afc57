/** A failure for the user: a sentence and a hint on standard error, the same as JSON, and an exit code. */
import { firstError } from "../errors.ts";
import { CompressorError, printable } from "../mod.ts";
import { systemReason } from "./causes.ts";
import type { Environment } from "./flags.ts";
import { redact } from "./secrets.ts";

/** A failure as --json prints it. */
export interface Failure {
  /** The name of the error's class in kebab case without "Error": `usage`, `connection`, `mismatch`; `internal` for a bug. */
  readonly kind: string;
  readonly message: string;
  readonly hint: string | null;
  readonly exitCode: number;
}

/** A failure without secrets, on one line each. */
export function describeFailure(thrown: unknown, secrets: readonly string[]): Failure {
  const error = firstError(thrown);
  if (!(error instanceof CompressorError)) {
    const reason = systemReason(error);
    return {
      kind: reason === undefined ? "internal" : "failed",
      message: clean(reason === undefined ? `internal error: ${messageOf(error)}` : `Cannot go on: ${reason}`, secrets),
      hint: reason === undefined
        ? "This is a bug in the program. Please report it, with what it prints when SCS_DEBUG=1 is set."
        : "Set SCS_DEBUG=1 to see where this happened.",
      exitCode: 1,
    };
  }
  // These are written without passwords. Of a password such as "a" they would be unreadable, so only long ones go.
  const long = secrets.filter((secret) => secret.length >= 8);
  return {
    kind: kindOf(error),
    message: clean(error.message, long),
    hint: error.hint === undefined ? null : clean(error.hint, long),
    exitCode: error.exitCode,
  };
}

/** A failure as text; with SCS_DEBUG=1 also where it came from. */
export function formatFailure(
  error: unknown,
  failure: Failure,
  environment: Environment,
  secrets: readonly string[],
): string {
  const lines = [failure.message, ...(failure.hint === null ? [] : [`hint: ${failure.hint}`])];
  if (environment["SCS_DEBUG"]) lines.push(...redact(describeCauses(error), secrets).split("\n").map(printable));
  return `${lines.join("\n")}\n`;
}

function kindOf({ name }: CompressorError): string {
  if (name === "CompressorError") return "failed";
  return name.replace(/Error$/, "").replaceAll(/(?!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

function clean(text: string, secrets: readonly string[]): string {
  return printable(redact(text.replaceAll(/\s*[\r\n]\s*/g, " "), secrets));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeCauses(error: unknown): string {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return error instanceof Error && error.cause !== undefined
    ? `${stack}\ncaused by: ${describeCauses(error.cause)}`
    : stack;
}
