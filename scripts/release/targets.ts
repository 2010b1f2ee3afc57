/** The five systems that a release is made for, by Deno's name, with what npm calls them. */

/** A system to compile for. */
export interface Target {
  /** Deno's name, as `deno compile --target` and `Deno.build.target` have it. */
  readonly name: string;
  /** npm's words for `os` and `cpu`. */
  readonly os: "linux" | "darwin" | "win32";
  readonly cpu: "x64" | "arm64";
}

export const TARGETS: readonly Target[] = [
  { name: "x86_64-unknown-linux-gnu", os: "linux", cpu: "x64" },
  { name: "aarch64-unknown-linux-gnu", os: "linux", cpu: "arm64" },
  { name: "x86_64-pc-windows-msvc", os: "win32", cpu: "x64" },
  { name: "x86_64-apple-darwin", os: "darwin", cpu: "x64" },
  { name: "aarch64-apple-darwin", os: "darwin", cpu: "arm64" },
];

/** A program's file name there. */
export function fileName(program: string, { os }: Target): string {
  return os === "win32" ? `${program}.exe` : program;
}

/** The target that this machine is. */
export function hostTarget(): Target {
  const target = TARGETS.find(({ name }) => name === Deno.build.target);
  if (!target) throw new Error(`Cannot compile on ${Deno.build.target}: a release has ${TARGETS.map((t) => t.name)}`);
  return target;
}

/** The target of that name. */
export function findTarget(name: string): Target {
  const target = TARGETS.find((target) => target.name === name);
  if (!target) throw new Error(`Cannot compile for "${name}": a release has ${TARGETS.map((t) => t.name)}`);
  return target;
}
