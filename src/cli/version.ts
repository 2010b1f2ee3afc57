/**
 * What -V prints. The first line is `name version`, as the Rust tool prints it, for scripts that read it. The
 * second says what a report of a fault needs: the commit, the runtime, the system.
 */

import process from "node:process";
import { COMMIT, VERSION } from "./build.ts";

/** Two lines: `program` and its version; what it was built from and runs on. */
export function describeVersion(program: string): string {
  const { bun, deno, node } = process.versions;
  const runtime = deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : `Node.js ${node}`;
  const commit = COMMIT === "" ? "from source" : `commit ${COMMIT}`;
  return `${program} ${VERSION}\n${commit}, ${runtime}, ${process.platform} ${process.arch}`;
}
