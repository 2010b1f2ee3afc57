/**
 * Runs the program as a user does, as a process of its own: the executable that SCS_BINARY names, or else main.ts with the
 * permissions that executables are compiled with.
 */
import { fileURLToPath } from "node:url";
import { PROGRAM_PERMISSIONS } from "../../scripts/permissions.ts";

/** What a run came to. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run it. */
export interface ProgramOptions {
  /** Variables, on top of the few that a process needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working directory. */
  readonly cwd?: string;
  /** A shell command that comes before it, such as a limit. */
  readonly shell?: string;
}

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const KEPT = ["PATH", "HOME", "DENO_DIR", "DENO_COVERAGE_DIR", "DENO_TLS_CA_STORE", "SystemRoot", "TEMP"];

/** Runs the program to its end. What it prints with --json must be as the schemas have it. */
export async function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const result = await readResult(startProgram(args, options));
  if (args.includes("--json") && /^\{.*\}\n$/.test(result.stdout)) {
    const { findJsonFault } = await import("./schemas.ts");
    const fault = findJsonFault(args, result.stdout);
    if (fault !== undefined) throw new Error(fault);
  }
  return result;
}

/** Starts the program, to be sent signals. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Deno.ChildProcess {
  const command = commandLine();
  const [program, ...rest] = options.shell === undefined
    ? [...command, ...args]
    : ["sh", "-c", `${options.shell}; exec "$@"`, "sh", ...command, ...args];
  return new Deno.Command(program!, {
    args: rest,
    clearEnv: true,
    env: programEnvironment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The words that start the program. */
export function commandLine(): string[] {
  const binary = Deno.env.get("SCS_BINARY");
  return binary ? [binary] : [Deno.execPath(), "run", ...PROGRAM_PERMISSIONS, MAIN];
}

/** The few variables that a process needs, and more. */
export function programEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = KEPT.map((name) => [name, Deno.env.get(name)]).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(kept), ...more };
}

/** Waits for a started program. */
export async function readResult(child: Deno.ChildProcess): Promise<ProgramResult> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A folder of its own for a test, removed on dispose. */
export async function workFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "scs_test_" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
