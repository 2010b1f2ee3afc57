/**
 * A terminal for tests: a command runs on a real pseudo-terminal (terminal.py), and what it prints goes through a real terminal's
 * state machine (xterm's), so a test looks at what a person would see and not at escape sequences.
 */
import xterm from "@xterm/headless";
import { fileURLToPath } from "node:url";
import { commandLine, programEnvironment, type ProgramOptions } from "./cli.ts";

const PTY = fileURLToPath(new URL("terminal.py", import.meta.url));

/** A command that shows nothing of what is waited for by then never will, on however busy a machine. */
const PATIENCE_MS = 60_000;

/** How big the terminal is. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** A command on a terminal. */
export class Screen implements AsyncDisposable {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #child: Deno.ChildProcess;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #isOver = false;
  /** All that was printed, escape sequences included. */
  raw = "";

  private constructor(command: readonly string[], { columns, rows }: ScreenSize, options: ProgramOptions) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true });
    this.#child = new Deno.Command("python3", {
      args: [PTY, String(columns), String(rows), ...command],
      clearEnv: true,
      env: { ...programEnvironment({ TERM: "xterm-256color", ...options.env }) },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#orders = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Runs any command. */
  static run(command: readonly string[], size: ScreenSize, options: ProgramOptions = {}): Screen {
    return new Screen(command, size, options);
  }

  /** Runs the program. */
  static program(args: readonly string[], size: ScreenSize, options: ProgramOptions = {}): Screen {
    return new Screen([...commandLine(), ...args], size, options);
  }

  /** What is on the terminal, with what has scrolled off its top: lines that were broken to fit are whole again. */
  get text(): string {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let y = 0; y < active.length; y++) {
      const line = active.getLine(y)!;
      const text = line.translateToString(true);
      if (line.isWrapped) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }

  /** The rows as they are seen now. */
  get rows(): string[] {
    const { active } = this.#terminal.buffer;
    const seen = Array.from({ length: this.#terminal.rows }, (_, y) => active.getLine(active.baseY + y)!);
    return seen.map((line) => line.translateToString(true));
  }

  /** Types on the keyboard. */
  async type(text: string): Promise<void> {
    await this.#order({ type: text });
  }

  async resize({ columns, rows }: ScreenSize): Promise<void> {
    this.#terminal.resize(columns, rows);
    await this.#order({ size: [columns, rows] });
  }

  /** Waits until the terminal shows what is looked for; fails where the command ends without it, or waits for ever. */
  async until(what: RegExp | (() => boolean)): Promise<void> {
    const isThere = () => typeof what === "function" ? what() : what.test(this.text);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, PATIENCE_MS);
    try {
      while (!isThere()) {
        if (this.#isOver || isLate) throw new Error(`the command ended or waits without ${what}:\n${this.text}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the end; returns the exit code. */
  async end(): Promise<number> {
    await this.#reading;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orders.close().catch(() => {});
    // The terminal goes with the helper, which hangs the command up.
    if (!this.#isOver) this.#child.kill("SIGKILL");
    await this.#reading;
    await this.#child.status;
    this.#terminal.dispose();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.raw += decoder.decode(bytes, { stream: true });
      await new Promise<void>((resolve) => this.#terminal.write(bytes, resolve));
      this.#wake();
    }
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #order(order: object): Promise<void> {
    await this.#orders.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
  }
}
