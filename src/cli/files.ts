/**
 * Output files, made whole or not at all: written beside their place under a temporary name, synced, and renamed at
 * commit(). Standard output and special files (pipes, devices) are written directly. Every failure is an OutputError.
 * Buffers some 256 KiB.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { basename, dirname, join, resolve } from "node:path";
import { createGzip } from "node:zlib";
import { OutputError, type TextSink } from "../mod.ts";

const BUFFER = 262_144;
const encoder = new TextEncoder();

/** Temporary files that exist now. */
const unfinished = new Set<string>();

/** Removes what unfinished outputs left, at once: for an exit that waits for nothing. */
export function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      Deno.removeSync(path);
    } catch { /* it is gone, or cannot be removed: nobody is left to tell */ }
  }
}

/**
 * Opens an output; `-` and /dev/stdout are standard output. That its place can be written is found here, before any work.
 *
 * @throws {OutputError} it cannot be made
 */
export async function openSink(path: string, options: SinkOptions = {}): Promise<TextSink> {
  const { gzip = false } = options;
  if (path === "-" || path === "/dev/stdout") return new FileSink("standard output", Deno.stdout, undefined, gzip);
  try {
    const standing = await stat(path);
    if (standing?.isDirectory) {
      throw new OutputError(`Cannot write "${path}": it is a folder`, { hint: HINTS["EISDIR"]! });
    }
    if (standing && !standing.isFile) {
      return new FileSink(path, await Deno.open(path, { write: true }), undefined, gzip);
    }
    // A symbolic link stays one: the file that it names is replaced.
    const place = standing ? await Deno.realPath(path) : resolve(path);
    // A rename needs no right to the old file, but a file that is read-only was meant to stay.
    if (standing) (await Deno.open(place, { write: true })).close();
    const temporary = join(dirname(place), `.${basename(place)}.${crypto.randomUUID().slice(0, 8)}.partial`);
    const mode = standing?.mode === undefined || standing.mode === null ? {} : { mode: standing.mode & 0o777 };
    const file = await Deno.open(temporary, { write: true, createNew: true, ...mode });
    unfinished.add(temporary);
    return new FileSink(path, file, { temporary, place }, gzip);
  } catch (error) {
    throw toOutputError(path, error);
  }
}

/** How a file is written. */
export interface SinkOptions {
  /** Compress what is written. @default false */
  readonly gzip?: boolean | undefined;
}

/** What is written to: a file, or standard output, which is neither synced nor closed. */
type Writable = Pick<Deno.FsFile, "write"> & Partial<Pick<Deno.FsFile, "sync" | "close">>;

/** A file under its temporary name, and the place it is meant for. */
interface Rename {
  readonly temporary: string;
  readonly place: string;
}

class FileSink implements TextSink {
  readonly #name: string;
  readonly #file: Writable;
  readonly #rename: Rename | undefined;
  readonly #gzip: Gzip | undefined;
  #text = "";
  #isOpen = true;

  constructor(name: string, file: Writable, rename: Rename | undefined, gzip: boolean) {
    this.#name = name;
    this.#file = file;
    this.#rename = rename;
    this.#gzip = gzip ? new Gzip() : undefined;
  }

  write(text: string): void | Promise<void> {
    this.#text += text;
    if (this.#text.length >= BUFFER) return this.#attempt(() => this.#flush());
  }

  commit(): Promise<void> {
    return this.#attempt(async () => {
      if (!this.#isOpen) return;
      await this.#flush();
      if (this.#gzip !== undefined) await this.#writeBytes(await this.#gzip.end());
      if (this.#rename === undefined) {
        this.#isOpen = false;
        if (this.#file !== Deno.stdout) this.#file.close?.();
        return;
      }
      await this.#file.sync?.();
      this.#isOpen = false;
      this.#file.close?.();
      await Deno.rename(this.#rename.temporary, this.#rename.place);
      unfinished.delete(this.#rename.temporary);
      await syncFolder(dirname(this.#rename.place));
    });
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#text = "";
    if (this.#file !== Deno.stdout) this.#file.close?.();
    if (this.#rename === undefined) return;
    unfinished.delete(this.#rename.temporary);
    try {
      await Deno.remove(this.#rename.temporary);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw toOutputError(this.#name, error);
    }
  }

  async #flush(): Promise<void> {
    const bytes = encoder.encode(this.#text);
    this.#text = "";
    await this.#writeBytes(this.#gzip === undefined ? bytes : await this.#gzip.push(bytes));
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.abort().catch(() => {});
      if (this.#rename !== undefined) await Deno.remove(this.#rename.temporary).catch(() => {});
      throw toOutputError(this.#name, error);
    }
  }
}

/** Compresses bytes as they come. */
class Gzip {
  readonly #stream = createGzip();
  #parts: Uint8Array[] = [];

  constructor() {
    this.#stream.on("data", (part: Uint8Array) => this.#parts.push(part));
  }

  /** Takes bytes; answers what is ready to be written. */
  async push(bytes: Uint8Array): Promise<Uint8Array> {
    if (!this.#stream.write(bytes)) await once(this.#stream, "drain");
    return this.#take();
  }

  async end(): Promise<Uint8Array> {
    const ended = once(this.#stream, "end");
    this.#stream.end();
    await ended;
    return this.#take();
  }

  #take(): Uint8Array {
    const parts = this.#parts;
    this.#parts = [];
    return Buffer.concat(parts);
  }
}

async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Makes a rename last through a power cut, where the system lets a folder be opened. */
async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch { /* Windows does not; the file itself is synced */ }
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is not a folder",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too big",
  EPIPE: "its reader has gone",
  ENAMETOOLONG: "its name is too long",
};
/** Linux's and macOS's numbers, and Windows' for a full disk. */
const NUMBERS: Readonly<Record<string, string>> = {
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  69: "EDQUOT",
  112: "ENOSPC",
  122: "EDQUOT",
};
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "Make the folder with mkdir -p, or name another place.",
  EISDIR: "Name a file in it.",
  ENOSPC: "Free some space, or name a place on another disk.",
};
const HINT = "Name a file in a folder that you may write to.";

/** Deno names the codes of some failures, and of the others only has the system's number in the text. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error) return String(error.code);
  return NUMBERS[/\(os error (\d+)\)/.exec(error.message)?.[1] ?? ""] ?? "";
}

function toOutputError(name: string, error: unknown): OutputError {
  if (error instanceof OutputError) return error;
  const code = errorCode(error);
  const subject = name === "standard output" ? name : JSON.stringify(name);
  if (error instanceof Deno.errors.NotCapable) {
    return new OutputError(`Cannot write ${subject}: it is among the system's own (/dev, /proc, /sys)`, {
      hint: HINT,
      cause: error,
    });
  }
  const reason = CAUSES[code] ?? (error instanceof Error ? error.message : String(error));
  return new OutputError(`Cannot write ${subject}: ${reason}`, { hint: HINTS[code] ?? HINT, cause: error });
}
