/**
 * What a release is made from: the version, which stands in deno.json and nowhere else, the commit, and the commit's time, which
 * is the time of every file that a release packs. So two builds of one commit are equal, byte by byte.
 */
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };

/** The top folder of the repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Names and words that more than one package has. */
export const PROGRAM = "synapse_compress_state";
export const AUTO_PROGRAM = "synapse_auto_compressor";
export const PACKAGE = "synapse-compress-state";
export const SUMMARY = "Shrinks state_groups_state, the biggest table of a Synapse homeserver, while Synapse runs";

/** The packages that deno.json names, each with its version. */
export const IMPORTS: Readonly<Record<string, string>> = project.imports;

/** What is built. */
export interface Source {
  readonly version: string;
  /** Twelve digits of the commit, with `+changes` where files differ from it; empty outside a clone. */
  readonly commit: string;
  /** Seconds since 1970: SOURCE_DATE_EPOCH where it is set, else when the commit was made. */
  readonly epoch: number;
  /** `owner/name` on GitHub, for links. */
  readonly repository: string;
}

/** The earliest time that a zip file can hold, with a day for time zones: what stands for the commit's outside a clone. */
const EARLIEST = Date.UTC(1980, 0, 2) / 1000;

/** Reads it from deno.json, git and the environment. */
export async function readSource(): Promise<Source> {
  const [commit, time] = (await git("log", "-1", "--abbrev=12", "--format=%h %ct")).split(" ");
  const changes = await git("status", "--porcelain", "--untracked-files=no");
  const epoch = Number(Deno.env.get("SOURCE_DATE_EPOCH") ?? time);
  if (!Number.isSafeInteger(epoch)) throw new Error("Cannot build: SOURCE_DATE_EPOCH is not a number of seconds");
  return {
    version: project.version,
    commit: commit === undefined || commit === "" ? "" : changes === "" ? commit : `${commit}+changes`,
    epoch: epoch || EARLIEST,
    repository: Deno.env.get("GITHUB_REPOSITORY") ?? "OWNER/REPOSITORY",
  };
}

/** What git prints, or nothing outside a clone. */
async function git(...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).output();
  return success ? new TextDecoder().decode(stdout).trim() : "";
}

/** What stands in for src/cli/build.ts in whatever is built. */
export function formatBuild({ version, commit }: Source): string {
  return `export const VERSION = ${JSON.stringify(version)};\nexport const COMMIT = ${JSON.stringify(commit)};\n`;
}
