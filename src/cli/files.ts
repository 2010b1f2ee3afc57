/**
 * Output files, made whole or not at all: written beside their place under a temporary name, synced, and renamed at
 * commit(). Standard output and special files (pipes, devices) are written directly. Every failure is an OutputError.
 * Buffers some 256 KiB.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { createGzip } from "node:zlib";
import { pause } from "../db/session/stop.ts";
import { StoppedError, type TextSink } from "../mod.ts";
import { unlessNotFound } from "./absent.ts";
import { toOutputError } from "./causes.ts";

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

/** Standard output, by every name that reaches the program; Deno opens no file of /dev or /proc for it. */
const STDOUT = new Set(["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);
/** As many symbolic links as Linux follows. */
const MOST_LINKS = 40;
const PIPE_POLL_MS = 50;

/**
 * Opens an output; `-` and /dev/stdout are standard output. That its place can be written is found here, before any work. A
 * named pipe is opened once it has a reader.
 *
 * @throws {OutputError} it cannot be made
 * @throws {StoppedError} the signal was aborted
 */
export async function openSink(path: string, options: SinkOptions = {}): Promise<TextSink> {
  const { gzip = false, signal } = options;
  if (STDOUT.has(path)) return new FileSink("standard output", Deno.stdout, undefined, gzip);
  let name = path;
  try {
    // As the shell does, a link is written through: the file that it names is made or replaced.
    const place = await followLinks(path);
    if (STDOUT.has(place)) return new FileSink("standard output", Deno.stdout, undefined, gzip);
    if (place !== resolve(path)) name = `${path} -> ${place}`;
    const standing = await unlessNotFound(Deno.stat(place));
    if (standing?.isDirectory || /[/\\]$/.test(path)) throw Object.assign(new Error(), { code: "EISDIR" });
    if (standing && !standing.isFile) {
      const file = standing.isFifo ? await openPipe(place, signal) : await Deno.open(place, { write: true });
      return new FileSink(name, file, undefined, gzip);
    }
    // A rename needs no right to the old file, but a file that is read-only was meant to stay.
    if (standing) (await Deno.open(place, { write: true })).close();
    // A name may be as long as the system allows, so only its start is part of a longer one.
    const start = [...basename(place)].slice(0, 40).join("");
    const temporary = join(dirname(place), `.${start}.${crypto.randomUUID().slice(0, 8)}.partial`);
    const mode = standing?.mode === undefined || standing.mode === null ? {} : { mode: standing.mode & 0o777 };
    const file = await Deno.open(temporary, { write: true, createNew: true, ...mode });
    unfinished.add(temporary);
    return new FileSink(name, file, { temporary, place }, gzip);
  } catch (error) {
    throw error instanceof StoppedError ? error : toOutputError(name, error);
  }
}

/**
 * Opens a named pipe once it has a reader. To open it at once would block the whole program, signals too; so it is asked for
 * without blocking, until somebody reads.
 */
async function openPipe(path: string, signal: AbortSignal | undefined): Promise<Deno.FsFile> {
  for (;;) {
    try {
      const probe = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        return await Deno.open(path, { write: true });
      } finally {
        closeSync(probe);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
    await pause(PIPE_POLL_MS, signal);
  }
}

/** The absolute path that a path's symbolic links lead to, there or not. */
async function followLinks(path: string): Promise<string> {
  let place = resolve(path);
  for (let links = 0; (await unlessNotFound(Deno.lstat(place)))?.isSymlink; links++) {
    if (links === MOST_LINKS) throw Object.assign(new Error(), { code: "ELOOP" });
    place = resolve(dirname(place), await Deno.readLink(place));
    if (STDOUT.has(place)) break;
  }
  return place;
}

/** How a file is opened and written. */
export interface SinkOptions {
  /** Compress what is written. @default false */
  readonly gzip?: boolean | undefined;
  /** Ends the wait for a named pipe's reader. */
  readonly signal?: AbortSignal | undefined;
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

  /** Takes bytes; returns what is ready to be written. */
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

/** Makes a rename last through a power cut, where the system lets a folder be opened. */
async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch { /* Windows does not; the file itself is synced */ }
}
