/** The system's errors in words, with a way out: why a file, a pipe or standard output cannot be written or read. */

import { OutputError } from "../mod.ts";

const CAUSES: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "its folder does not exist"],
  ["ENOTDIR", "its folder is not a folder"],
  ["EACCES", "no permission"],
  ["EPERM", "no permission"],
  ["EROFS", "the file system is read-only"],
  ["EISDIR", "it is a folder"],
  ["ELOOP", "its symbolic links form a circle"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file would be too big"],
  ["EPIPE", "its reader has gone"],
  ["EBADF", "it is closed"],
  ["EIO", "the device failed"],
  ["ENXIO", "there is no such device"],
  ["ENAMETOOLONG", "its name is too long"],
]);
/** Linux's and macOS's numbers, and Windows' for a full disk. */
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ["5", "EIO"],
  ["9", "EBADF"],
  ["27", "EFBIG"],
  ["28", "ENOSPC"],
  ["30", "EROFS"],
  ["69", "EDQUOT"],
  ["112", "ENOSPC"],
  ["122", "EDQUOT"],
]);
const HINTS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "Create the folder with mkdir -p, or name another one."],
  ["EISDIR", "Name a file in it."],
  ["ENOSPC", "Free some space, or name a place on another disk."],
]);
const HINT = "Name a file in a folder that you may write to.";
const STDOUT_HINT =
  "Redirect standard output to something that can be written, such as a file on a disk with free space.";
const DEVICE_HINT = "Write to standard output with -o - and let the shell pass it on: … -o - > /dev/…";

/** Deno names the codes of some failures, and of the others only has the system's number in the text. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error) return String(error.code);
  return NUMBERS.get(/\(os error (\d+)\)/.exec(error.message)?.[1] ?? "") ?? "";
}

/** Why an output cannot be written; `name` is a path, or "standard output". */
export function toOutputError(name: string, error: unknown): OutputError {
  if (error instanceof OutputError) return error;
  const code = errorCode(error);
  if (name === "standard output") {
    return new OutputError(`Cannot write standard output: ${reason(error, code)}`, {
      hint: STDOUT_HINT,
      cause: error,
      code: code || undefined,
    });
  }
  if (error instanceof Deno.errors.NotCapable) {
    const why = "it is among the system's own (/dev, /proc, /sys)";
    return new OutputError(`Cannot write ${JSON.stringify(name)}: ${why}`, { hint: DEVICE_HINT, cause: error });
  }
  return new OutputError(`Cannot write ${JSON.stringify(name)}: ${reason(error, code)}`, {
    hint: HINTS.get(code) ?? HINT,
    cause: error,
    code: code || undefined,
  });
}

function reason(error: unknown, code: string): string {
  return CAUSES.get(code) ?? (error instanceof Error ? error.message : String(error));
}

/** Why the system refused something, in words; undefined where an error is none of the system's. */
export function systemReason(error: unknown): string | undefined {
  const code = errorCode(error);
  if (!/^E[A-Z0-9]+$/.test(code)) return undefined;
  return CAUSES.get(code) ?? (error as Error).message;
}

/** Why a file cannot be read. */
export function readReason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.NotCapable) return "no permission";
  return reason(error, errorCode(error));
}
