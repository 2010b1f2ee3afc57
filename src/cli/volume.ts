/** The file system that holds a database's files: known only where the database is on this very host. */
import { stat, statfs } from "node:fs/promises";
import type { ServerFacts, Target, Volume } from "../mod.ts";

/** Measures it, or says as half a sentence why that cannot be done. */
export async function readVolume({ host }: Target, facts: ServerFacts): Promise<Volume | string> {
  const { folder, folderModifiedMs } = facts;
  const isSocket = host.startsWith("/");
  if (!isSocket && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)) {
    return "the database is on another host; `df` there tells it";
  }
  if (folder === undefined) {
    return "PostgreSQL does not tell this role where its files are (GRANT pg_read_all_settings, or `df` on its folder)";
  }
  try {
    // A loopback address may lead through a tunnel: then a folder of that name is another one, or none.
    const isOurs = isSocket || (await stat(folder)).mtimeMs / 1000 >> 0 === (folderModifiedMs ?? NaN) / 1000 >> 0;
    if (!isOurs) return "it is not certain that the database's files are on this host; `df` on its host tells it";
    const { bsize, blocks, bavail } = await statfs(folder);
    return { path: folder, bytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch (error) {
    // Not here, not ours to look at, or a system that has no such call.
    return `its folder cannot be looked at (${(error as { code?: string }).code ?? "unknown reason"}); \`df\` tells it`;
  }
}
