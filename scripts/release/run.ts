/** Running other programs in scripts: shown as they run, or read; a failure ends the script with the program's own words. */
import { ROOT } from "./source.ts";

/** How to run. */
export interface RunOptions {
  /** The working directory. @default the repository's top folder */
  readonly cwd?: string | undefined;
  /** Variables, on top of ours. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Runs a program with its output shown on standard error. @throws it failed */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  for await (const chunk of child.stdout) await Deno.stderr.write(chunk);
  const { code } = await child.status;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${code}`);
}

/** Runs a program and returns what it printed. @throws it failed */
export async function read(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${code}\n${text(stdout)}${text(stderr)}`);
  return text(stdout);
}

/** Whether there is such a program in PATH. */
export function has(command: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${command}`).isFile;
    } catch {
      return false;
    }
  });
}
