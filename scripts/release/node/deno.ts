/**
 * What src/cli/ uses of Deno, for Node and Bun: Deno's own @deno/shim-deno, and what that lacks. Imported for its effect, before
 * the program. The library needs none of it.
 */
import { Deno as shim } from "@deno/shim-deno";
import { closeSync, constants, fsyncSync, openSync, writeSync } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import process from "node:process";

class NotCapable extends Error {}
class WouldBlock extends Error {}

/** An output whose errors go by Deno's names. */
function output(fd: 1 | 2, stream: { isTTY?: boolean }) {
  return {
    isTerminal: () => stream.isTTY === true,
    writeSync(bytes: Uint8Array): number {
      try {
        return writeSync(fd, bytes);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === "EAGAIN") throw new WouldBlock(message);
        if (code === "EPIPE") throw new shim.errors.BrokenPipe(message);
        throw error;
      }
    },
    write(bytes: Uint8Array): Promise<number> {
      return Promise.resolve(this.writeSync(bytes));
    },
  };
}

/** Standard input, for questions on a terminal. */
const input = {
  isTerminal: () => process.stdin.isTTY === true,
  /** Keys as they are typed; Ctrl-C is one of them. */
  setRaw: (isRaw: boolean) => void process.stdin.setRawMode(isRaw),
  read(bytes: Uint8Array): Promise<number | null> {
    const { stdin } = process;
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        stdin.off("data", take).off("end", end).off("error", fail).pause();
        finish();
      };
      const take = (chunk: Uint8Array) =>
        settle(() => {
          const taken = chunk.subarray(0, bytes.length);
          bytes.set(taken);
          if (taken.length < chunk.length) stdin.unshift(chunk.subarray(taken.length));
          resolve(taken.length);
        });
      const end = () => settle(() => resolve(null));
      const fail = (error: Error) => settle(() => reject(error));
      stdin.on("data", take).on("end", end).on("error", fail).resume();
    });
  },
};

/** What Deno.stat() and Deno.lstat() return, with what the shim leaves out: that a file is a named pipe. */
function look(by: typeof stat) {
  return async (path: string) => {
    try {
      const found = await by(path);
      return {
        isFile: found.isFile(),
        isDirectory: found.isDirectory(),
        isSymlink: found.isSymbolicLink(),
        isFifo: found.isFIFO(),
        mode: found.mode,
        size: found.size,
      };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw code === "ENOENT" ? Object.assign(new shim.errors.NotFound(message), { code }) : error;
    }
  };
}

/** What Deno.open() does with the options that src/cli/ gives it; the shim's files cannot be synced. */
async function open(path: string, options: { write?: boolean; createNew?: boolean; mode?: number }) {
  const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = constants;
  const flags = (options.write ? O_WRONLY : O_RDONLY) | (options.createNew ? O_CREAT | O_EXCL : 0);
  const fd = await Promise.resolve().then(() => openSync(path, flags, options.mode));
  return {
    write: (bytes: Uint8Array) => Promise.resolve().then(() => writeSync(fd, bytes)),
    sync: () => Promise.resolve().then(() => fsyncSync(fd)),
    close: () => closeSync(fd),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

Object.assign(globalThis, {
  Deno: {
    ...shim,
    errors: { ...shim.errors, NotCapable, WouldBlock },
    stdin: input,
    stdout: output(1, process.stdout),
    stderr: output(2, process.stderr),
    open,
    stat: look(stat),
    lstat: look(lstat),
    permissions: { querySync: () => ({ state: "granted" }) },
    unrefTimer: (timer: NodeJS.Timeout) => timer.unref(),
    serve(): never {
      throw new Error("the package for Node serves no metrics; the executable does");
    },
  },
});
