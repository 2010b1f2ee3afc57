/**
 * The container images, by buildah, out of dist/release: `deno task image`. Each is the executable under both names on a base:
 * `slim` has a shell, `bare` has none.
 *
 * With `--official` the bases are Debian's and distroless's images; that is what is published. Without it they are made here of
 * Debian's packages by mmdebstrap, for machines that reach no registry of images: the same files, by the same Containerfile,
 * but `slim` for this machine's processor alone, since Debian's installation would have to be emulated. `--push=REGISTRY/NAME`
 * publishes them, and writes their sums into dist/images.sha256, to be attested; buildah must be logged in.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { emptyFolder, settle } from "./archives.ts";
import { read, run } from "./run.ts";
import { AUTO_PROGRAM, PACKAGE, PROGRAM, readSource, ROOT, type Source } from "./source.ts";
import { architecture } from "./deb.ts";
import { debianArchive } from "./debian.ts";
import { hostTarget, type Target, TARGETS } from "./targets.ts";

const DEBIAN = "trixie";
const WORK = join(ROOT, ".cache/release/image");

/** Where the images are kept; without privileges and kernel modules, and apart from the machine's own. */
export const STORE: readonly string[] = [
  "--storage-driver=vfs",
  `--root=${join(ROOT, ".cache/release/containers/store")}`,
  `--runroot=${join(ROOT, ".cache/release/containers/run")}`,
];

/** The two forms. */
export const FORMS = {
  slim: { official: "docker.io/library/debian:trixie-slim", tag: "-slim" },
  bare: { official: "gcr.io/distroless/cc-debian13:nonroot", tag: "" },
} as const;

/** A form's name. */
export type Form = keyof typeof FORMS;

const LINUX = TARGETS.filter(({ os }) => os === "linux");

/** The name of an image in STORE: a list of an image for each processor. */
export function imageName({ version }: Source, form: Form): string {
  return `localhost/${PACKAGE}:${version}${FORMS[form].tag}`;
}

/** Makes one form; returns its name. */
export async function makeImage(source: Source, form: Form, { official }: { official: boolean }): Promise<string> {
  await layOut(source);
  const name = imageName(source, form);
  if ((await read("buildah", [...STORE, "images", "--format={{.Name}}:{{.Tag}}"])).split("\n").includes(name)) {
    await run("buildah", [...STORE, "manifest", "rm", name]);
  }
  await run("buildah", [...STORE, "manifest", "create", name]);
  const targets = official || form === "bare" ? LINUX : [hostTarget()];
  for (const target of targets) {
    const base = official ? FORMS[form].official : await makeBase(form, target);
    await run("buildah", [
      ...STORE,
      "build",
      "--isolation=chroot",
      "--layers=false",
      `--timestamp=${source.epoch}`,
      `--platform=linux/${architecture(target)}`,
      `--build-arg=BASE=${base}`,
      `--build-arg=VERSION=${source.version}`,
      `--build-arg=REVISION=${source.commit}`,
      `--build-arg=SOURCE=https://github.com/${source.repository}`,
      `--manifest=${name}`,
      `--file=${join(ROOT, "scripts/release/image/Containerfile")}`,
      WORK,
    ]);
  }
  return name;
}

/** What is copied onto the base, for each processor that was compiled for. */
async function layOut(source: Source): Promise<void> {
  await emptyFolder(WORK);
  for (const target of LINUX) {
    const bin = join(WORK, `root-${architecture(target)}/usr/local/bin`);
    const documents = join(WORK, `root-${architecture(target)}/usr/share/doc/${PACKAGE}`);
    for (const folder of [bin, documents]) await Deno.mkdir(folder, { recursive: true });
    const stem = join(ROOT, `dist/release/${PROGRAM}-${source.version}`);
    await Deno.copyFile(`${stem}-${target.name}`, join(bin, PROGRAM));
    await Deno.symlink(PROGRAM, join(bin, AUTO_PROGRAM));
    await Deno.copyFile(join(ROOT, "LICENSE"), join(documents, "LICENSE"));
    await Deno.copyFile(`${stem}-THIRD-PARTY-NOTICES.txt`, join(documents, "THIRD-PARTY-NOTICES.txt"));
  }
  await settle(WORK, source.epoch);
}

/** A base made of Debian's packages: with everything that every Debian has, or with the C library alone. */
async function makeBase(form: Form, target: Target): Promise<string> {
  const processor = architecture(target);
  const name = `localhost/debian-${form}:${DEBIAN}-${processor}`;
  const archive = await debianArchive(DEBIAN, form === "slim" ? {} : { processor });
  const container = (await read("buildah", [...STORE, "from", `--arch=${processor}`, "scratch"])).trim();
  await run("buildah", [...STORE, "add", "--quiet", container, archive, "/"]);
  await run("buildah", [...STORE, "commit", "--quiet", "--rm", container, name]);
  return name;
}

/** A line as sha256sum writes it, for what a registry calls `sha256:…`. */
export function formatSum(digest: string, name: string): string {
  const sum = /^sha256:([0-9a-f]{64})\s*$/.exec(digest)?.[1];
  if (sum === undefined) throw new Error(`Cannot attest ${name}: "${digest.trim()}" is not its SHA-256`);
  return `${sum}  ${name}\n`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { official: { type: "boolean", default: false }, push: { type: "string" } },
  });
  const source = await readSource();
  const sums = [];
  for (const form of Object.keys(FORMS) as Form[]) {
    const name = await makeImage(source, form, values);
    console.log(name);
    if (values.push === undefined) continue;
    const digest = join(WORK, "digest");
    for (const tag of ["latest", source.version]) {
      const place = `${values.push}:${tag}${FORMS[form].tag}`;
      await run("buildah", [
        ...STORE,
        "manifest",
        "push",
        "--all",
        `--digestfile=${digest}`,
        name,
        `docker://${place}`,
      ]);
      console.log(place);
    }
    sums.push(formatSum(await Deno.readTextFile(digest), `${values.push}:${source.version}${FORMS[form].tag}`));
  }
  if (sums.length > 0) await Deno.writeTextFile(join(ROOT, "dist/images.sha256"), sums.join(""));
}
