/**
 * Debian's package, by nfpm: the executable under both names, manual, completions, units. It asks nothing, starts nothing and
 * enables nothing: the units name Synapse's user and configuration, which only the administrator can confirm. The jitless
 * executable is not in it, which would double its size.
 */
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { emptyFolder, settle } from "./archives.ts";
import { makeManual } from "./manual.ts";
import { run } from "./run.ts";
import { AUTO_PROGRAM, PACKAGE, PROGRAM, ROOT, type Source } from "./source.ts";
import { pythonTool } from "./tools.ts";
import type { Target } from "./targets.ts";

/** The oldest glibc that has all that Deno's runtime imports: Debian 10, Ubuntu 18.04. */
export const GLIBC = "2.27";
const UNITS = [
  "synapse-state-compressor.service",
  "synapse-state-compressor-once.service",
  "synapse-state-compressor-once.timer",
];

const DESCRIPTION = `shrinks the state tables of a Synapse homeserver
It rewrites state_groups_state, most homeservers' biggest table, to need fewer
rows, while Synapse runs. A drop-in replacement for matrix-org's
synapse_compress_state and synapse_auto_compressor.`;
/** What lintian would have otherwise, and why not. */
const OVERRIDES = `# The runtime is linked with its libraries: a release is tested with these.
${PACKAGE}: embedded-library *
# It is not uploaded to Debian, where nobody has asked for it.
${PACKAGE}: initial-upload-closes-no-bugs *
`;

/** What goes in. */
export interface DebParts {
  readonly target: Target;
  readonly executable: string;
  readonly notices: string;
  /** The folder that gets the package. */
  readonly folder: string;
  readonly quick: boolean;
}

/** Makes it; returns its path. */
export async function makeDeb(source: Source, parts: DebParts): Promise<string> {
  const root = join(ROOT, ".cache/release/deb");
  await emptyFolder(root);
  const put = async (place: string, text: string) => {
    await Deno.mkdir(dirname(join(root, place)), { recursive: true });
    await Deno.writeTextFile(join(root, place), text);
  };
  const read = (path: string) => Deno.readTextFile(join(ROOT, path));
  for (const [place, text] of Object.entries(await makeManual())) {
    if (!place.includes("/man/")) await put(place, text);
    else await gzip(join(root, `${place}.gz`), text);
  }
  for (const unit of UNITS) {
    await put(`usr/lib/systemd/system/${unit}`, atHome(await read(`scripts/systemd/${unit}`)));
  }
  const documents = `usr/share/doc/${PACKAGE}`;
  await put(`${documents}/copyright`, copyright(await Deno.readTextFile(parts.notices)));
  await put(`${documents}/examples/memory-deny.conf`, await read("scripts/systemd/memory-deny.conf"));
  await gzip(join(root, `${documents}/changelog.gz`), await read(".github/CHANGELOG.md"));
  await gzip(join(root, `${documents}/changelog.Debian.gz`), changelog(source));
  await put(`usr/share/lintian/overrides/${PACKAGE}`, OVERRIDES);
  await put("scripts/postinst", RELOAD);
  await put("scripts/postrm", RELOAD);
  await Deno.mkdir(join(root, "usr/bin"));
  await Deno.copyFile(parts.executable, join(root, "usr/bin", PROGRAM));
  await Deno.chmod(join(root, "usr/bin", PROGRAM), 0o755);
  await settle(root, source.epoch);

  const config = join(ROOT, ".cache/release/nfpm.json");
  await Deno.writeTextFile(config, JSON.stringify(describe(source, parts, root)));
  const args = ["package", `--config=${config}`, "--packager=deb", `--target=${parts.folder}`];
  await run(await pythonTool("nfpm"), args, { env: { SOURCE_DATE_EPOCH: String(source.epoch) } });
  return join(parts.folder, `${PACKAGE}_${source.version}-1_${architecture(parts.target)}.deb`);
}

/** nfpm's configuration; it reads YAML, of which JSON is a part. */
function describe(source: Source, { target, quick }: DebParts, root: string): unknown {
  const mtime = new Date(source.epoch * 1000).toISOString();
  return {
    name: PACKAGE,
    arch: architecture(target),
    platform: "linux",
    version: source.version,
    release: "1",
    section: "net",
    priority: "optional",
    maintainer: maintainer(source),
    description: DESCRIPTION,
    homepage: `https://github.com/${source.repository}`,
    license: "Apache-2.0",
    mtime,
    depends: [`libc6 (>= ${GLIBC})`, "libgcc-s1 | libgcc1"],
    suggests: ["postgresql-client", "matrix-synapse-py3"],
    contents: [
      { src: join(root, "usr"), dst: "/usr", type: "tree", file_info: { mtime } },
      { src: PROGRAM, dst: `/usr/bin/${AUTO_PROGRAM}`, type: "symlink", file_info: { mtime } },
    ],
    scripts: { postinstall: join(root, "scripts/postinst"), postremove: join(root, "scripts/postrm") },
    deb: { compression: quick ? "gzip" : "xz" },
  };
}

/** Debian's word for the processor. */
export function architecture({ cpu }: Target): string {
  return cpu === "x64" ? "amd64" : "arm64";
}

/** The units name /usr/local, where somebody copies the executable to; a package has it in /usr. */
export function atHome(unit: string): string {
  return unit.replaceAll("/usr/local/bin/", "/usr/bin/").replace(
    /^(# .*)Copy this file to \/etc\/systemd\/system\/, check/m,
    "$1Check",
  );
}

const RELOAD = `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
`;

function copyright(notices: string): string {
  return `The program is under the Apache License 2.0, see /usr/share/common-licenses/Apache-2.0.\n\n${notices}`;
}

/** Debian's form of a changelog, which says what the package changes in what it packs: nothing. */
function changelog(source: Source): string {
  const date = new Date(source.epoch * 1000).toUTCString().replace("GMT", "+0000");
  const entry = `${PACKAGE} (${source.version}-1) unstable; urgency=medium`;
  return `${entry}\n\n  * Release ${source.version}: see changelog.gz.\n\n -- ${maintainer(source)}  ${date}\n`;
}

function maintainer({ repository }: Source): string {
  return `synapse_compress_state <${repository.split("/")[0]}@users.noreply.github.com>`;
}

/** Writes a gzip file without a time in it. */
async function gzip(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, gzipSync(text, { level: 9 }));
}
