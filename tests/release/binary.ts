/** The Linux executable as its users get it: in an empty folder, with an empty environment, without Deno or Node, as nobody. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { GLIBC } from "../../scripts/release/deb.ts";
import { read } from "../../scripts/release/run.ts";
import { workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { debianRoot, releaseFile, trial } from "../support/release.ts";

const X86 = /^synapse_compress_state-[0-9][^-]*-x86_64-unknown-linux-gnu$/;
const ARM = /^synapse_compress_state-[0-9][^-]*-aarch64-unknown-linux-gnu$/;
const WINDOWS = /^synapse_compress_state-[0-9].*\.exe$/;
const NOBODY = 65534;

/** Runs a program with nothing in its environment. */
async function bare(command: string, args: readonly string[], options: Partial<Deno.CommandOptions> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    clearEnv: true,
    stdin: "null",
    ...options,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A folder with the executable, and in it a folder `out` that is nobody's. */
async function programFolder() {
  const folder = await workFolder();
  await Deno.chmod(folder.path, 0o755);
  await Deno.copyFile(releaseFile(X86), join(folder.path, "synapse_compress_state"));
  await Deno.mkdir(join(folder.path, "out"));
  await Deno.chown(join(folder.path, "out"), NOBODY, NOBODY);
  return folder;
}

trial(
  "the executable writes in its folder, and nowhere else, with an empty environment as nobody",
  ["root"],
  async () => {
    await using db = await testDatabase({ fixture: true });
    await using folder = await programFolder();
    const program = join(folder.path, "synapse_compress_state");
    await Deno.symlink("synapse_compress_state", join(folder.path, "synapse_auto_compressor"));
    const out = join(folder.path, "out");
    const as = { cwd: out, uid: NOBODY, gid: NOBODY };
    match((await bare(program, ["-V"], as)).stdout, /^synapse_compress_state \d/);
    const room = await biggestRoom(db);
    const done = await bare(program, ["-p", db.url, "-r", room, "-t", "-o", "changes.sql"], as);
    strictEqual(done.code, 0, done.stderr);
    deepStrictEqual([...Deno.readDirSync(out)].map(({ name }) => name), ["changes.sql"]);
    const auto = await bare(join(folder.path, "synapse_auto_compressor"), ["-p", db.url, "-c", "500", "-n", "20"], as);
    strictEqual(auto.code, 0, auto.stderr);
    deepStrictEqual([...Deno.readDirSync(out)].map(({ name }) => name), ["changes.sql"]);
  },
);

// A mount namespace in which everything but one folder is read-only, as ProtectSystem=strict has it.
trial(
  "the executable works on a root that is read-only but for the output's folder",
  ["root", "unshare", "setpriv"],
  async () => {
    await using db = await testDatabase({ fixture: true });
    await using folder = await programFolder();
    const script = [
      `mount --bind "$PWD/out" "$PWD/out"`,
      // Everything else, tmpfs and all.
      `findmnt --noheadings --list --output TARGET | while read -r place; do`,
      `  [ "$place" = "$PWD/out" ] || mount -o remount,bind,ro "$place" 2>/dev/null || true; done`,
      `! touch /tmp/it 2>/dev/null`,
      `cd out`,
      `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs env -i ../synapse_compress_state "$@"`,
    ].join("\n");
    const words = ["-p", db.url, "-r", await biggestRoom(db), "-t", "-o", "changes.sql"];
    const done = await bare("unshare", ["--mount", "sh", "-ec", script, "sh", ...words], {
      cwd: folder.path,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    strictEqual(done.code, 0, done.stderr);
    strictEqual((await Deno.stat(join(folder.path, "out/changes.sql"))).size > 1000, true);
  },
);

trial(
  "the executable for aarch64 compresses a room under emulation",
  ["root", "mmdebstrap", "qemu-aarch64"],
  async () => {
    await using db = await testDatabase({ fixture: true });
    await using root = await debianRoot("trixie", { processor: "arm64" });
    await Deno.copyFile(releaseFile(ARM), join(root.path, "synapse_compress_state"));
    const emulate = (...words: string[]) =>
      read("qemu-aarch64", ["-L", root.path, join(root.path, "synapse_compress_state"), ...words]);
    match(await emulate("-V"), /^synapse_compress_state \d.*\n.* arm64$/m);
    match(await emulate("-p", db.url, "-r", await biggestRoom(db), "-c"), /New state map matches/);
    const [row] = await db.sql`SELECT count(*) AS rows FROM state_groups_state`;
    strictEqual(row!["rows"] < 13_219, true);
  },
);

// Debian 12's Wine lacks a library that the runtime needs; 13's has it.
trial("the executable for Windows compresses a room into a file under Wine", ["root", "mmdebstrap"], async () => {
  await using db = await testDatabase({ fixture: true });
  await using root = await debianRoot("trixie", { packages: ["wine", "wine64"] });
  await Deno.copyFile(releaseFile(WINDOWS), join(root.path, "root/it.exe"));
  const wine = async (...words: string[]) => {
    const env = ["HOME=/root", "WINEDEBUG=-all", "WINEPREFIX=/root/wine"];
    return (await root.run(["env", "--chdir=/root", ...env, "wine", "it.exe", ...words])).replaceAll("\r", "");
  };
  match(await wine("-V"), /^synapse_compress_state \d.*\n.* win32 x64$/m);
  match(await wine("--help"), /^Usage: synapse_compress_state/m);
  const words = ["-p", db.url, "-r", await biggestRoom(db), "-t", "-o"];
  match(await wine(...words, "changes.sql"), /New state map matches/);
  // A path as Windows has them.
  await Deno.mkdir(join(root.path, "root/a b"));
  await wine(...words, String.raw`Z:\root\a b\changes.sql`);
  await Deno.copyFile(releaseFile(X86), join(root.path, "root/it"));
  await root.run(["env", "--chdir=/root", "./it", ...words, "linux.sql"]);
  const [linux, ...windows] = ["linux.sql", "changes.sql", "a b/changes.sql"].map((name) =>
    Deno.readTextFileSync(join(root.path, "root", name))
  );
  strictEqual(linux!.length > 1000, true);
  deepStrictEqual(windows, [linux, linux]);
});

trial("the Linux executables need no newer glibc than the packages say", ["readelf"], async () => {
  for (const name of [X86, ARM]) {
    const asked = await read("readelf", ["--wide", "--version-info", releaseFile(name)]);
    const minors = [...asked.matchAll(/\bGLIBC_2\.(\d+)/g)].map((found) => Number(found[1]));
    strictEqual(`2.${Math.max(...minors)}`, GLIBC);
  }
});
