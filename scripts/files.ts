/** Files that may not be there. */
import { unlessNotFound } from "../src/cli/absent.ts";

/** Whether there is such a file. */
export async function isFile(path: string | URL): Promise<boolean> {
  return (await unlessNotFound(Deno.stat(path)))?.isFile ?? false;
}

/** What is in a file, or undefined where there is none. */
export async function readText(path: string | URL): Promise<string | undefined> {
  return await unlessNotFound(Deno.readTextFile(path));
}
