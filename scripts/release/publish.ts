/**
 * Publishes what is in dist/release as the GitHub release of the tag that started the workflow, with the changelog's words, and
 * the images. `--check` only makes sure that it could: the tag is the version, and the changelog has something to say of it.
 */
import { join } from "node:path";
import { run } from "./run.ts";
import { PACKAGE, readSource, ROOT, type Source } from "./source.ts";

/** What the changelog says of a version. @throws it says nothing, or calls it unreleased */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => /^\[?([^\s\]]+)/.exec(text)?.[1] === version);
  if (section === undefined) throw new Error(`Cannot release ${version}: the changelog has no section of it`);
  const [title = "", ...lines] = section.split("\n");
  if (!/\d{4}-\d\d-\d\d/.test(title)) throw new Error(`Cannot release ${version}: the changelog gives it no date`);
  const notes = lines.join("\n").trim();
  if (notes === "") throw new Error(`Cannot release ${version}: the changelog says nothing of it`);
  return notes;
}

/** @throws the tag is not the version's */
export function checkTag({ version }: Source, tag: string | undefined): void {
  if (tag !== `v${version}`) {
    throw new Error(`Cannot release: the tag is ${tag}, and deno.json's version is ${version}`);
  }
}

if (import.meta.main) {
  const source = await readSource();
  const tag = Deno.env.get("GITHUB_REF_NAME");
  checkTag(source, tag);
  const notes = notesOf(await Deno.readTextFile(join(ROOT, ".github/CHANGELOG.md")), source.version);
  if (!Deno.args.includes("--check")) {
    const folder = join(ROOT, "dist/release");
    // An artifact loses the right to be run.
    await run("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: folder });
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    for (const name of files) await Deno.chmod(join(folder, name), /\.[a-z]{2,}$|SUMS$/.test(name) ? 0o644 : 0o755);
    const prerelease = source.version.includes("-") ? ["--prerelease"] : [];
    const said = ["--verify-tag", "--title", source.version, "--notes", notes, ...prerelease];
    await run("gh", ["release", "create", tag!, ...said, ...files], { cwd: folder });
    const owner = source.repository.split("/")[0]!.toLowerCase();
    await logIn(owner);
    const place = `--push=ghcr.io/${owner}/${PACKAGE}`;
    await run(Deno.execPath(), ["run", "-A", join(ROOT, "scripts/release/image.ts"), "--official", place]);
  }
}

/** The token goes through standard input, where no list of processes shows it. */
async function logIn(owner: string): Promise<void> {
  const child = new Deno.Command("buildah", {
    args: ["login", "-u", owner, "--password-stdin", "ghcr.io"],
    stdin: "piped",
  })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(Deno.env.get("GH_TOKEN") ?? ""));
  await writer.close();
  const { success } = await child.status;
  if (!success) throw new Error("Cannot publish the images: ghcr.io refuses the token");
}
