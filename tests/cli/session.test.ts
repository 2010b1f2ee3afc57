/**
 * A first use, from the program just downloaded to freed disk, as it is seen: a shell on a real pseudo-terminal, in front of a
 * real terminal's state machine. The screens are kept in tests/fixtures/screens; SCS_SCREENS=write writes them anew.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { fileBytes } from "../support/bloat.ts";
import { commandLine, workFolder } from "../support/cli.ts";
import { biggestRoom, type TestDatabase, testDatabase } from "../support/database.ts";
import { purgeMarked } from "../support/events.ts";
import { Screen } from "../support/screen.ts";
import { fullStates } from "../support/states.ts";

const SCREENS = new URL("../fixtures/screens/", import.meta.url);
/** As wide as a room's id, a bar and all figures. */
const SIZE = { columns: 140, rows: 60 };
const PROGRAM = "synapse_compress_state";
const PROMPT = "admin$";

/** Times, sizes and names that are others each time. */
function normalize(text: string): string {
  const unit = "(?:bytes|[KMGT]iB)";
  return text
    .replaceAll(/scs_test_[0-9a-f]{32}/g, "synapse")
    .replaceAll(/\b127\.0\.0\.1:\d+|localhost:\d+/g, "localhost:5432")
    .replaceAll(/\/tmp\/scs-postgres-\w+/g, "/var/lib/postgresql")
    .replaceAll(/\(PostgreSQL [\d.]+\)/g, "(PostgreSQL VERSION)")
    .replaceAll(/^PostgreSQL's statistics: .*$/gm, "PostgreSQL's statistics: ...")
    .replaceAll(/ {2}[\d,]+ [a-z ]+\/s\b/g, "")
    .replaceAll(/\b\d+(\.\d+)? (ms|s|min|h|d)( \d+ (s|min|h))?( left)?(?= |,|:|;|\.|\)|$)/gm, "TIME")
    .replaceAll(new RegExp(` *[\\d.,]+ ${unit}(?: ±[\\d.,]+ ${unit})?`, "g"), " SIZE")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "DATE")
    // On a busy machine the lock below is held for longer than a batch waits.
    .replaceAll(/; \d+ transactions? repeated because another one was in the way/g, "")
    .replaceAll(/^Transactions repeated because .*\n/gm, "")
    // How often the file's end is emptied depends on where the server has put rows.
    .replaceAll(/(^Round \d+: .*\n)+/gm, "Round N: SIZE given back, the table now has SIZE\n")
    .replaceAll(/^Rows moved: [\d,]+$/gm, "Rows moved: N")
    .replaceAll(/^(files .*) \(\d+%\)$/gm, "$1 (N%)")
    // The system catalogs grow and shrink.
    .replaceAll(/(state tables take .*?), \d+% of it/g, "$1, N% of it")
    .trimEnd();
}

/** The shell, and what was seen at each step. */
class Session {
  readonly seen: string[] = [];
  readonly #screen: Screen;
  /** Prompts that were answered with a command line. */
  #prompts = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Types a command line, or an answer. */
  async enter(words: string): Promise<void> {
    this.#prompts = this.#countPrompts();
    await this.#screen.type(`${words}\r`);
  }

  /** Waits until the shell is ready for the next command line. */
  async prompt(): Promise<void> {
    await this.#screen.until(() => this.#countPrompts() > this.#prompts && this.#screen.text.endsWith(`\n${PROMPT}`));
  }

  #countPrompts(): number {
    return this.#screen.text.split(`\n${PROMPT}`).length;
  }

  async question(): Promise<void> {
    await this.#screen.until(/\[y\/N\]$/);
  }

  async until(what: RegExp): Promise<void> {
    await this.#screen.until(() => what.test(this.#step));
  }

  /** What has been printed since the last command line, that included. */
  get #step(): string {
    const { text } = this.#screen;
    const isOver = text.endsWith(`\n${PROMPT}`);
    return PROMPT + (isOver ? text.slice(0, -PROMPT.length) : text).split(PROMPT).at(-1);
  }

  /** Compares what is seen with what is kept under a name. */
  async keep(name: string): Promise<void> {
    const file = new URL(`${String(this.seen.length + 1).padStart(2, "0")}-${name}.txt`, SCREENS);
    this.seen.push(file.pathname.split("/").at(-1)!);
    const look = () => `${normalize(this.#step)}\n`;
    if (Deno.env.get("SCS_SCREENS") === "write") await Deno.writeTextFile(file, look());
    const kept = await Deno.readTextFile(file);
    // A line of the results may come some moments after the bar that is waited for.
    for (let left = 50; left > 0 && look() !== kept; left--) await new Promise((resolve) => setTimeout(resolve, 100));
    strictEqual(look(), kept, `${file}: SCS_SCREENS=write writes it anew`);
  }
}

/** Keeps others from writing to the state tables until `work` is done. */
async function locked(db: TestDatabase, work: () => Promise<void>): Promise<void> {
  await db.sql.begin(async (sql) => {
    await sql`LOCK TABLE state_group_edges IN SHARE MODE`;
    await work();
  });
}

Deno.test({
  name: "a first use, from the download to freed disk, shows what it always showed",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true, events: true });
    await using folder = await workFolder();
    const program = `${folder.path}/${PROGRAM}`;
    await Deno.writeTextFile(program, `#!/bin/sh\nexec ${commandLine().map((word) => `'${word}'`).join(" ")} "$@"\n`);
    const { hostname, port, username, password, pathname } = new URL(db.url);
    const room = await biggestRoom(db);
    const states = await fullStates(db.sql);
    const before = await fileBytes(db.sql);
    await using screen = Screen.run(["sh"], SIZE, {
      cwd: folder.path,
      env: {
        PATH: `${folder.path}:${Deno.env.get("PATH")}`,
        PGHOST: hostname,
        PGPORT: port,
        PGUSER: username,
        PGPASSWORD: password,
        PGDATABASE: pathname.slice(1),
      },
    });
    const session = new Session(screen);
    // Shells have their own minds about a prompt that they inherit.
    await screen.until(/[#$]$/);
    await session.enter(`PS1='${PROMPT} '`);
    await session.prompt();
    await session.enter(`chmod +x ${PROGRAM}`);
    await session.prompt();
    await session.enter(`./${PROGRAM}`);
    await session.prompt();
    await session.keep("welcome");

    await session.enter(`${PROGRAM} report`);
    await session.prompt();
    await session.keep("report");

    await session.enter(`${PROGRAM} rooms --limit 3`);
    await session.prompt();
    await session.keep("rooms");

    await session.enter(`${PROGRAM} -r '${room}'`);
    await session.prompt();
    await session.keep("room");

    await session.enter(`${PROGRAM} -r '${room}' -c`);
    await session.question();
    await session.enter("n");
    await session.prompt();
    await session.keep("no");

    const lines = [[`${PROGRAM} -r '${room}' -c`, "writing", "written"], [`${PROGRAM} auto`, "auto-writing", "auto"]];
    for (const [line, writing, written] of lines as [string, string, string][]) {
      await session.enter(line);
      await session.question();
      await locked(db, async () => {
        await session.enter("y");
        await session.until(/writing changes +\[/);
        await session.keep(writing);
      });
      await session.prompt();
      await session.keep(written);
    }

    await session.enter(`${PROGRAM} prune -c --min-age 1s`);
    await session.question();
    await session.enter("y");
    await session.prompt();
    await session.keep("prune");

    // Ten minutes later, in Synapse.
    const rooms = await db.sql`SELECT DISTINCT room_id FROM state_groups
      JOIN state_groups_pending_deletion ON state_group = id ORDER BY room_id`;
    for (const { room_id } of rooms) {
      for (const id of (await purgeMarked(db.url, db.sql, room_id)).deleted) states.delete(id);
    }

    await session.enter(`${PROGRAM} reclaim`);
    await session.prompt();
    await session.keep("reclaim-plan");

    await session.enter(`${PROGRAM} reclaim -c`);
    await session.question();
    await session.enter("y");
    await session.prompt();
    await session.keep("reclaim");

    // What was seen is true: the disk is free, and every state that is used stands.
    const after = await fileBytes(db.sql);
    // It comes to 0.71, or to 0.79 where autovacuum has been at the template, and cut off what PostgreSQL adds in reserve. Indexes
    // are left out: rows that are written grow them, and REINDEX is the user's to run.
    ok(after.table < before.table * 0.85, JSON.stringify([before, after]));
    deepStrictEqual(await fullStates(db.sql), states);
    const kept = [...Deno.readDirSync(SCREENS)].map(({ name }) => name).sort();
    deepStrictEqual(kept, session.seen);
  },
});
