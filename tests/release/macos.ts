/** The executables for macOS, which nothing here can run: for which system and processor they are, and that no byte was changed once signed. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { releaseFile, trial } from "../support/release.ts";

const CODE_SIGNATURE = 0x1d;
const CODE_DIRECTORY = 0xfade0c02;
const SHA256 = 2;

/** A program for 64-bit macOS. */
function readMachO(file: Uint8Array<ArrayBuffer>) {
  const view = new DataView(file.buffer);
  strictEqual(view.getUint32(0, true), 0xfeedfacf);
  let signature: { start: number; bytes: number } | undefined;
  for (let at = 32, left = view.getUint32(16, true); left > 0; left--, at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== CODE_SIGNATURE) continue;
    signature = { start: view.getUint32(at + 8, true), bytes: view.getUint32(at + 12, true) };
  }
  return { processor: view.getUint32(4, true), signature };
}

/** The hashes that a signature has of the file's pages, and those that the pages have. */
async function pageHashes(file: Uint8Array<ArrayBuffer>, start: number): Promise<{ signed: string[]; real: string[] }> {
  const view = new DataView(file.buffer);
  // A list of blobs, of which the first one describes the code.
  const at = start + view.getUint32(start + 16);
  strictEqual(view.getUint32(at), CODE_DIRECTORY);
  const [hashes, slots, limit] = [view.getUint32(at + 16), view.getUint32(at + 28), view.getUint32(at + 32)];
  deepStrictEqual([view.getUint8(at + 36), view.getUint8(at + 37), limit], [32, SHA256, start]);
  const page = 2 ** view.getUint8(at + 39);
  const signed = [], real = [];
  for (let slot = 0; slot < slots; slot++) {
    signed.push(file.subarray(at + hashes + slot * 32, at + hashes + (slot + 1) * 32).toHex());
    const bytes = file.subarray(slot * page, Math.min((slot + 1) * page, limit));
    real.push(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex());
  }
  strictEqual(slots, Math.ceil(limit / page));
  return { signed, real };
}

trial("the executable for Apple's processors is signed as it is: macOS would kill another one", [], async () => {
  const file = await Deno.readFile(releaseFile(/^synapse_compress_state-[0-9].*aarch64-apple-darwin$/));
  const { processor, signature } = readMachO(file);
  strictEqual(processor, 0x0100000c);
  strictEqual(signature!.start + signature!.bytes, file.length);
  const { signed, real } = await pageHashes(file, signature!.start);
  deepStrictEqual(signed, real);
});

trial("the executable for Intel's processors is one, and needs no signature", [], async () => {
  const file = await Deno.readFile(releaseFile(/^synapse_compress_state-[0-9].*x86_64-apple-darwin$/));
  deepStrictEqual(readMachO(file), { processor: 0x01000007, signature: undefined });
});
