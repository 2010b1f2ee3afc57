/**
 * TERM and INT end every command in every phase within 5 s: each case holds the real program in one phase, by a lock, a slow
 * statement or somebody who does not answer, and signals it there. What ends it then must be the stop itself, not the last
 * resort after 4.5 s, and the server must have nothing left to do.
 */
import { doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { readResult, startProgram, workFolder } from "../support/cli.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../support/database.ts";
import { freePort } from "../../scripts/postgres.ts";

/** What a case works with. */
interface Scene {
  readonly db: TestDatabase;
  readonly room: string;
  readonly folder: string;
}

interface Case {
  readonly name: string;
  args(scene: Scene): string[];
  /** Gets in its way; resolves once that is done. */
  hold?(scene: Scene): Promise<Disposable | AsyncDisposable | void>;
  /** Resolves once the program is in that phase; rejects should it end before. */
  reached(scene: Scene): Promise<void>;
  /** @default 143, or 130 for SIGINT */
  readonly code?: number;
  readonly signal?: "SIGINT" | "SIGTERM";
  readonly says?: RegExp;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !await condition();) {
    if (Date.now() > end) throw new Error(`never ${what}`);
    await pause(20);
  }
}

/** Statements of the program on the server. */
function activity({ db }: Scene, condition: string): Promise<boolean> {
  return db.sql.unsafe(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'synapse_compress_state'
      AND ${condition}`,
  ).then((rows) => rows.length > 0);
}

const waitsForLock = (scene: Scene) =>
  until("waits for a lock", () => activity(scene, "state = 'active' AND wait_event_type = 'Lock'"));

async function lock({ db }: Scene, statement: string): Promise<AsyncDisposable> {
  const holder = await db.sql.reserve();
  await holder.unsafe(`BEGIN; ${statement}`).simple();
  return {
    async [Symbol.asyncDispose]() {
      await holder`ROLLBACK`;
      holder.release();
    },
  };
}

const lockRows = (scene: Scene) => lock(scene, "LOCK TABLE state_groups_state");
const lockGroups = (scene: Scene) => lock(scene, "SELECT FROM state_groups FOR UPDATE");

/** A pipe whose reader takes a byte, and then nothing for ever. */
const stalledPipe = {
  async hold({ folder }: Scene) {
    strictEqual((await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output()).code, 0);
  },
  async reached(scene: Scene) {
    const pipe = await Deno.open(`${scene.folder}/pipe`, { read: true });
    strictEqual(await pipe.read(new Uint8Array(1)), 1);
    pipes.push(pipe);
    await pause(300);
  },
};
const pipes: Deno.FsFile[] = [];

/** homeserver.yaml for a database, or for one that is not there. */
async function configure({ db, folder }: Scene, change: Record<string, unknown> = {}): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(db.url);
  const args = { user: username, password, database: pathname.slice(1), host: hostname, port: Number(port), ...change };
  const settings = { time_between_runs: "1d" };
  const text = JSON.stringify({ database: { name: "psycopg2", args }, state_compressor: settings });
  await Deno.writeTextFile(`${folder}/h.yaml`, text);
}

/** Somebody who takes connections and says nothing. */
const silence = {
  listener: undefined as Deno.Listener | undefined,
  conn: undefined as Deno.Conn | undefined,
  hold: () => Promise.resolve(silence.listener = Deno.listen({ hostname: "127.0.0.1", port: 0 })).then(() => {}),
  reached: async () => void (silence.conn = await silence.listener!.accept()),
};
const port = freePort();

const of = (verb: string, ...more: string[]) => ({ db, room }: Scene) => [
  ...verb === "" ? [] : [verb],
  "-p",
  db.url,
  ...more.map((arg) => arg === "ROOM" ? room : arg),
];

const CASES: Case[] = [
  { name: "a room is loaded", args: of("", "-r", "ROOM"), hold: lockRows, reached: waitsForLock },
  {
    name: "a room is loaded (INT)",
    args: of("", "-r", "ROOM"),
    hold: lockRows,
    reached: waitsForLock,
    signal: "SIGINT",
  },
  {
    name: "a room is written, and others hold its groups",
    args: of("", "-r", "ROOM", "-c"),
    hold: lockGroups,
    reached: waitsForLock,
    says: /: 0 state groups written, [\d,]+ left/,
  },
  {
    name: "VACUUM waits for a lock",
    args: of("", "-r", "ROOM", "-c", "--vacuum"),
    hold: (scene) => lock(scene, "LOCK TABLE state_groups IN SHARE UPDATE EXCLUSIVE MODE"),
    reached: waitsForLock,
    says: /: [1-9][\d,]* state groups? written, 0 left/,
  },
  {
    name: "VACUUM is at work",
    args: of("", "-r", "ROOM", "-c", "--vacuum"),
    async hold({ db }) {
      for (const setting of ["delay = '100ms'", "limit = 1"]) {
        await db.sql.unsafe(`ALTER DATABASE ${db.name} SET vacuum_cost_${setting}`);
      }
    },
    reached: (scene) => until("vacuums", () => activity(scene, "query LIKE 'VACUUM%' AND wait_event = 'VacuumDelay'")),
    says: /: [1-9][\d,]* state groups? written, 0 left/,
  },
  {
    name: "SQL goes into a pipe that stalls",
    args: (scene) => [...of("", "-r", "ROOM", "-o")(scene), `${scene.folder}/pipe`],
    ...stalledPipe,
  },
  {
    name: "a page goes into a pipe that stalls",
    args: (scene) => [...of("report", "-r", "ROOM", "-o")(scene), `${scene.folder}/pipe`],
    ...stalledPipe,
  },
  {
    name: "a report is loaded",
    args: (scene) => [...of("report", "-r", "ROOM", "-o")(scene), `${scene.folder}/page.html`],
    hold: lockRows,
    reached: waitsForLock,
  },
  {
    name: "a graph is loaded",
    args: (scene) => [...of("graph", "-r", "ROOM", "--graph-dir")(scene), scene.folder],
    hold: lockRows,
    reached: waitsForLock,
  },
  { name: "rooms are counted", args: of("rooms", "--exact"), hold: lockRows, reached: waitsForLock },
  { name: "doctor looks at all rooms", args: of("doctor"), hold: lockRows, reached: waitsForLock },
  { name: "doctor looks at a room", args: of("doctor", "-r", "ROOM"), hold: lockRows, reached: waitsForLock },
  { name: "auto looks for work", args: of("auto"), hold: lockRows, reached: waitsForLock },
  { name: "auto writes", args: of("auto"), hold: lockGroups, reached: waitsForLock, says: /Chunks done: / },
  {
    name: "auto writes with two workers",
    args: of("auto", "--workers", "2"),
    hold: lockGroups,
    reached: waitsForLock,
    says: /Chunks done: /,
  },
  { name: "reclaim waits for a lock", args: of("reclaim"), hold: lockRows, reached: waitsForLock },
  {
    name: "a connection is made to somebody who does not answer",
    args:
      () => ["doctor", "-p", `host=127.0.0.1 port=${(silence.listener!.addr as Deno.NetAddr).port} dbname=a user=b`],
    hold: silence.hold,
    reached: silence.reached,
  },
  {
    name: "run --once looks for work",
    args: ({ folder }) => ["run", "--once", "--config", `${folder}/h.yaml`],
    async hold(scene) {
      await configure(scene);
      return await lockRows(scene);
    },
    reached: waitsForLock,
  },
  {
    name: "run --once writes",
    args: ({ folder }) => ["run", "--once", "--config", `${folder}/h.yaml`],
    async hold(scene) {
      await configure(scene);
      return await lockGroups(scene);
    },
    reached: waitsForLock,
    says: /Chunks done: /,
  },
  {
    name: "run writes",
    args: ({ folder }) => ["run", "--config", `${folder}/h.yaml`],
    async hold(scene) {
      await configure(scene);
      return await lockGroups(scene);
    },
    reached: waitsForLock,
    code: 0,
  },
  {
    name: "run sleeps, and somebody has sent its metrics server half a request",
    args: ({ folder }) => ["run", "--config", `${folder}/h.yaml`, "--metrics-listen", `127.0.0.1:${port}`],
    hold: configure,
    async reached() {
      let conn: Deno.Conn | undefined;
      await until("listens", async () => (conn = await Deno.connect({ port }).catch(() => undefined)) !== undefined);
      await conn!.write(new TextEncoder().encode("GET /metrics HTTP/1.1\r\n"));
      silence.conn = conn;
      await until("sleeps", async () => {
        const { status, next_run } = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
        return status === "waiting" && next_run !== null;
      });
    },
    code: 0,
  },
  {
    name: "run waits for a database that is away",
    args: ({ folder }) => ["run", "--config", `${folder}/h.yaml`, "--metrics-listen", `127.0.0.1:${port}`],
    hold: (scene) => configure(scene, { port: 1 }),
    reached: () =>
      until("away", async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
        if (answer === undefined) return false;
        const { status } = await answer.json();
        return answer.status === 503 && status === "database-away";
      }),
    code: 0,
  },
];

for (const one of CASES) {
  const { signal = "SIGTERM", says } = one;
  const code = one.code ?? (signal === "SIGINT" ? 130 : 143);
  Deno.test({
    name: `${signal} ends the program with ${code} while ${one.name}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using db = await testDatabase({ fixture: true });
      await using folder = await workFolder();
      const scene: Scene = { db, room: await biggestRoom(db), folder: folder.path };
      const held = await one.hold?.(scene);
      const child = startProgram(one.args(scene));
      const result = readResult(child);
      try {
        const ended = result.then(({ stderr }) => Promise.reject(new Error(`it ended too early: ${stderr}`)));
        ended.catch(() => {});
        await Promise.race([one.reached(scene), ended]);
        child.kill(signal);
        // Not the 5 s of a quiet machine: a program that does not end at all shall fail here, and not hang.
        const watchdog = setTimeout(() => child.kill("SIGKILL"), 30_000);
        const { code: exitCode, stderr } = await result.finally(() => clearTimeout(watchdog));
        doesNotMatch(stderr, /without waiting|internal error/);
        strictEqual(exitCode, code, stderr);
        if (code !== 0) match(stderr, new RegExp(`Stopped by ${signal}`));
        if (says !== undefined) match(stderr, says);
        // The lock is still held: the server has let go all the same.
        await until("gone", async () => !await activity(scene, "true"));
        const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
        ok(left.every((name) => ["pipe", "h.yaml"].includes(name)), String(left));
      } finally {
        try {
          child.kill("SIGKILL");
        } catch { /* it has ended */ }
        await result;
        silence.conn?.close();
        silence.listener?.close();
        silence.conn = silence.listener = undefined;
        pipes.splice(0).forEach((pipe) => pipe.close());
        if (held !== undefined && Symbol.asyncDispose in held) await held[Symbol.asyncDispose]();
      }
    },
  });
}
