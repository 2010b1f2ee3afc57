/** Debian systems as archives, made of Debian's packages by mmdebstrap, once: they are kept in .cache/release/roots. */
import { dirname, join } from "node:path";
import { isFile } from "../files.ts";
import { run } from "./run.ts";
import { ROOT } from "./source.ts";

/** What a Debian is to have. */
export interface DebianOptions {
  /** The processor that it is for: then it has the C library alone, unpacked. @default this machine's, with what every Debian has */
  readonly processor?: string | undefined;
  /** Packages, on top of what every Debian has. */
  readonly packages?: readonly string[] | undefined;
}

/** The path of a Debian's archive. */
export async function debianArchive(suite: string, { processor, packages = [] }: DebianOptions = {}): Promise<string> {
  const name = [suite, ...packages].join("+") + (processor === undefined ? "" : `-${processor}`);
  const archive = join(ROOT, `.cache/release/roots/${name}.tar`);
  if (await isFile(archive)) return archive;
  const what = processor === undefined
    ? ["--variant=minbase", ...packages.map((name) => `--include=${name}`)]
    : ["--variant=extract", `--architectures=${processor}`, "--include=libc6,libgcc-s1,base-files,netbase"];
  await Deno.mkdir(dirname(archive), { recursive: true });
  const partial = `${archive}.${crypto.randomUUID()}.tar`;
  await run("mmdebstrap", [...what, "--mode=root", suite, partial, "http://deb.debian.org/debian"]);
  await Deno.rename(partial, archive);
  return archive;
}
