/**
 * The expected failures, each a typed value: what went wrong in one sentence, a hint that names the way out, and the exit
 * code a command ends with. Wrong arguments to a function are TypeError, RangeError or SyntaxError instead, and are our
 * caller's bug. Knows nothing of databases or files; imports nothing.
 */

/** What every {@linkcode CompressorError} may carry besides its sentence. */
export interface ErrorDetails {
  /** The way out: names a command, a setting or a place to look. */
  readonly hint?: string | undefined;
  /** What was caught, whole. */
  readonly cause?: unknown;
  /** The server's SQLSTATE, or the system's name of the error. */
  readonly code?: string | undefined;
}

/** An expected failure. `exitCode` is 1 unless the class says otherwise. */
export class CompressorError extends Error {
  /** The class's name. */
  override readonly name: string = "CompressorError";
  /** The way out, a sentence of its own, or undefined where there is none to give. */
  readonly hint: string | undefined;
  /** The code that a command ends with. */
  readonly exitCode: number = 1;
  /** The server's SQLSTATE (`57014`) or the system's name of the error (`ECONNREFUSED`), where it has one. */
  readonly code: string | undefined;

  /** Makes an error of one sentence. */
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hint = details.hint;
    this.code = details.code;
  }
}

/** The command line or a settings file asks for something that cannot be. */
export class UsageError extends CompressorError {
  /** The class's name. */
  override readonly name = "UsageError";
  /** The code that a command ends with. */
  override readonly exitCode = 2;
}

/** The database is reached, but is not one that this program can work on. */
export class SchemaError extends CompressorError {
  /** The class's name. */
  override readonly name = "SchemaError";
}

/** The database cannot be reached, refuses us, or went away. */
export class ConnectionError extends CompressorError {
  /** The class's name. */
  override readonly name = "ConnectionError";
}

/** An output cannot be written: a missing folder, a full disk, no permission. */
export class OutputError extends CompressorError {
  /** The class's name. */
  override readonly name = "OutputError";
}

/** The room's tables hold broken data, and the caller asked to stop rather than to work around it. */
export class DefectError extends CompressorError {
  /** The class's name. */
  override readonly name = "DefectError";
}

/** More data than this program's columns can number. */
export class CapacityError extends CompressorError {
  /** The class's name. */
  override readonly name = "CapacityError";
}

/** Another process changed or locks what was to be written: that group is skipped and counted, the rest goes on. */
export class ConflictError extends CompressorError {
  /** The class's name. */
  override readonly name = "ConflictError";
}

/**
 * A signal stopped the work. What was done before is whole and stays; `report` says what that is, where the work has a
 * report. `exitCode` is 130 for SIGINT, 143 for SIGTERM.
 */
export class StoppedError<Report = unknown> extends CompressorError {
  /** The class's name. */
  override readonly name = "StoppedError";
  /** The code that a command ends with. */
  override readonly exitCode: number;
  /** What was done by then, or undefined where nothing was. */
  readonly report: Report | undefined;

  /** Makes an error of one sentence. */
  constructor(
    message: string,
    details: ErrorDetails & { readonly exitCode: number; readonly report?: Report | undefined },
  ) {
    super(message, details);
    this.exitCode = details.exitCode;
    this.report = details.report;
  }

  /** The error for work that an aborted signal stopped: the signal's reason, with a report where one is given. */
  static by<Report = unknown>({ reason }: AbortSignal, report?: Report): StoppedError<Report> {
    if (reason instanceof StoppedError && report === undefined) return reason;
    const { message, exitCode } = reason instanceof StoppedError ? reason : { message: "Stopped", exitCode: 130 };
    return new StoppedError(message, { exitCode, cause: reason, report });
  }
}

/** Verification found a group whose full state would change: our bug. Nothing was written. */
export class MismatchError extends CompressorError {
  /** The class's name. */
  override readonly name = "MismatchError";
  /** The code that a command ends with. */
  override readonly exitCode = 3;
  /** The group whose full state would change. */
  readonly groupId: number;
  /** The first differing key, as `type state_key`, or undefined where the group itself is wrong (no chain to follow). */
  readonly key: string | undefined;
  /** The event id before, or undefined where the key was absent. */
  readonly before: string | undefined;
  /** The event id after, or undefined where the key is absent. */
  readonly after: string | undefined;

  /** Makes an error of one sentence. */
  constructor(
    message: string,
    details: ErrorDetails & {
      groupId: number;
      key?: string | undefined;
      before?: string | undefined;
      after?: string | undefined;
    },
  ) {
    super(message, details);
    this.groupId = details.groupId;
    this.key = details.key;
    this.before = details.before;
    this.after = details.after;
  }
}

/** The error that came first, where something that was then closed or unlocked failed, too: it is why that was closed. */
export function firstError(error: unknown): unknown {
  return error instanceof Error && error.name === "SuppressedError" && "suppressed" in error
    ? firstError(error.suppressed)
    : error;
}
