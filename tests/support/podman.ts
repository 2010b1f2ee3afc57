/** Containers for tests/release/, by podman: programs of an image, or a Debian whose first process is systemd. */
import { STORE } from "../../scripts/release/image.ts";
import { has, read } from "../../scripts/release/run.ts";
import type { DebianRoot } from "./release.ts";

const PODMAN = [...STORE, "--cgroup-manager=cgroupfs", ...(has("runc") ? ["--runtime=runc"] : [])];
/** Given to each container, since some machines let nobody raise them. */
export const LIMITS: readonly string[] = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
/** What sets this machine's own clock, devices and kernel: a container with all rights must not. */
const NOT_OURS = ["systemd-sysctl", "systemd-modules-load", "systemd-timesyncd", "systemd-udevd", "systemd-networkd"];
const BOOT_MS = 60_000;

/** Runs podman; returns what it printed. */
export async function runPodman(...words: string[]): Promise<string> {
  return await read("podman", [...PODMAN, ...words]);
}

/** A Debian that is up, until disposed of. */
export interface BootedDebian extends AsyncDisposable {
  /** Runs a program in it; returns what it printed. @throws it failed */
  run(...command: string[]): Promise<string>;
}

/** Boots a Debian that has the package systemd, with this machine's network. */
export async function bootDebian(root: DebianRoot): Promise<BootedDebian> {
  for (const name of NOT_OURS) await root.run(["ln", "-sf", "/dev/null", `/etc/systemd/system/${name}.service`]);
  const name = `scs-${crypto.randomUUID()}`;
  const options = [
    "--detach",
    "--rm",
    `--name=${name}`,
    "--privileged",
    "--systemd=always",
    "--network=host",
    ...LIMITS,
  ];
  await runPodman("run", ...options, "--rootfs", root.path, "/lib/systemd/systemd");
  const booted = {
    run: (...command: string[]) => runPodman("exec", name, ...command),
    [Symbol.asyncDispose]: async () => void await runPodman("kill", name),
  };
  // Before it listens, systemctl fails.
  const end = Date.now() + BOOT_MS;
  for (;;) {
    const state = await booted.run("sh", "-c", "systemctl is-system-running || true");
    if (/^(running|degraded)/.test(state)) return booted;
    if (Date.now() > end) {
      await booted[Symbol.asyncDispose]();
      throw new Error(`systemd is not up: ${state}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
