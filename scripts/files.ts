/** Files that may not be there. */

/** Whether there is such a file. */
export async function isFile(path: string | URL): Promise<boolean> {
  return (await unlessNotFound(Deno.stat(path)))?.isFile ?? false;
}

/** What is in a file, or undefined where there is none. */
export async function readText(path: string | URL): Promise<string | undefined> {
  return await unlessNotFound(Deno.readTextFile(path));
}

async function unlessNotFound<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
