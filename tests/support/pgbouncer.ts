/**
 * A real PgBouncer in front of a test's server, on a free port, gone on dispose. It must be installed: without it the tests
 * fail, and say how to get it.
 */
import { freePort } from "../../scripts/postgres.ts";

/** A running PgBouncer. */
export interface PgBouncer extends AsyncDisposable {
  /** The URL of a database of the server, through PgBouncer. */
  url(database: string): string;
}

/** Where packages put it; Debian's is in no ordinary user's PATH. */
const PLACES = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];
const START_TIMEOUT_MS = 30_000;

/** Starts one; `settings` go to its [pgbouncer] section, such as `pool_mode`. */
export async function startPgBouncer(server: string, settings: Readonly<Record<string, string>>): Promise<PgBouncer> {
  const program = await findProgram();
  const { hostname, port, username, password } = new URL(server);
  const listenPort = freePort();
  const folder = await Deno.makeTempDir({ prefix: "scs-pgbouncer-" });
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: String(listenPort),
    unix_socket_dir: "",
    // Whoever comes is the server's superuser: what is tested is the pooling.
    auth_type: "any",
    ...settings,
  };
  const config = [
    "[databases]",
    `* = host=${hostname} port=${port} user=${username} password=${password}`,
    "[pgbouncer]",
    ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
  ];
  await Deno.writeTextFile(`${folder}/pgbouncer.ini`, config.join("\n") + "\n");
  // It refuses to run as root.
  const nobody = Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
  await Deno.chmod(folder, 0o755);
  const child = new Deno.Command(program, {
    args: [`${folder}/pgbouncer.ini`],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...nobody,
  }).spawn();
  const words = new Response(child.stderr).text();
  const stop = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await child.status;
    await words;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await untilListening(listenPort, child, words);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: (database) => `postgresql://postgres@127.0.0.1:${listenPort}/${database}`,
    [Symbol.asyncDispose]: stop,
  };
}

async function findProgram(): Promise<string> {
  for (const path of PLACES) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new Error(
    `Cannot test with PgBouncer: it is in none of ${PLACES.join(", ")}. Install it (apt-get install pgbouncer)`,
  );
}

async function untilListening(port: number, child: Deno.ChildProcess, words: Promise<string>): Promise<void> {
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  for (const end = Date.now() + START_TIMEOUT_MS; Date.now() < end;) {
    if (hasEnded) throw new Error(`Cannot start PgBouncer: ${(await words).trim()}`);
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("Cannot start PgBouncer: it does not listen");
}
