/** Tests mirror the sources: each file of src/ that does something has its tests at the same place below tests/. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { isFile } from "../../scripts/files.ts";

const ROOT = new URL("../../", import.meta.url);

/** The files without a twin, each with the reason. */
const EXEMPT: Readonly<Record<string, string>> = {
  "src/core/plan/cost.ts": "held by tests/core/plan/balance.test.ts, which needs rooms",
  "src/core/plan/hang.ts": "held by tests/core/plan/search.test.ts and balance.test.ts, which need rooms",
  "src/core/plan/placed.ts": "held by tests/core/plan/balance.test.ts, which needs rooms",
  "src/core/plan/plan.ts": "types",
  "src/core/plan/shift.ts": "held by tests/core/plan/balance.test.ts, which needs rooms",
  "src/cli/absent.ts": "held by tests/scripts/files.test.ts and tests/cli/files.test.ts, which use it",
  "src/cli/build.ts": "two constants: held by tests/cli/version.test.ts",
  "src/cli/commands/auto.ts": "held by tests/cli/commands/run.test.ts, with which it shares its words",
  "src/cli/environment.ts": "a list: held by the tests of the executable, which may read no other variable",
  "src/cli/events.ts": "held by tests/cli/commands/room.test.ts: what a room's run prints",
  "src/cli/guide/commands.ts": "words: held by tests/cli/guide/",
  "src/cli/guide/guide.ts": "words: held by tests/cli/guide/",
  "src/cli/guide/topics.ts": "words: held by tests/cli/guide/",
  "src/cli/outputs.ts": "types: held by tests/scripts/schemas.test.ts, and by whatever runs the program with --json",
  "src/cli/log.ts": "held by tests/cli/commands/run.test.ts, which reads its lines",
  "src/db/read/newest.ts": "a statement: held by the tests of what reads it",
  "src/db/read/rows.ts": "held by tests/db/read/load.test.ts, on what a server sends",
  "src/db/read/search.ts": "statements: held by tests/db/read/doctor.test.ts, kind by kind",
  "src/db/session/connection.ts": "held by tests/db/session/connect.test.ts and copy.test.ts, which need a server",
  "src/db/session/login.ts": "held by tests/db/session/libpq.test.ts, method by method",
  "src/db/session/session.ts": "types",
  "src/db/session/tapped.ts": "held by tests/db/wire/socket.test.ts and copy.test.ts, which need a server",
  "src/db/target/parameters.ts": "a table: held by tests/db/target/libpq.test.ts, against libpq itself",
  "src/db/target/places.ts": "held by tests/db/target/target.test.ts, which names several",
  "src/db/target/security.ts": "held by tests/db/target/target.test.ts, parameter by parameter",
  "src/db/wire/causes.ts": "held by tests/db/session/libpq.test.ts, certificate by certificate",
  "src/db/wire/der.ts": "held by the tests of certificates, which it reads",
  "src/db/wire/refusal.ts": "held by tests/db/session/connect.test.ts, refusal by refusal",
  "src/db/wire/tls.ts": "held by tests/db/session/libpq.test.ts and socket.test.ts, which need a server",
  "src/db/wire/version.ts": "held by tests/db/session/libpq.test.ts, which needs a server",
  "src/db/wire/wait.ts": "held by tests/db/wire/socket.test.ts, which waits",
  "src/db/write/batch.ts":
    "held by tests/db/write/write.test.ts, races.test.ts and storm.test.ts, beside a second writer",
  "src/format/page/style.ts": "a style sheet",
  "src/jobs/holders.ts": "held by tests/jobs/reclaim.test.ts, beside who holds rows",
  "src/jobs/mover.ts": "held by tests/jobs/reclaim.test.ts, beside who holds the table",
  "src/text/findings.ts": "words: held by tests/text/doctor.test.ts, kind by kind",
  "src/text/page/rooms.ts": "held by tests/text/page/server.test.ts, which makes the whole page",
};

const exists = (path: string) => isFile(new URL(path, ROOT));

async function* sources(folder = "src/"): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else yield folder + name;
  }
}

Deno.test("every source file has its twin among the tests, or a reason to have none", async () => {
  const lonely: string[] = [];
  let seen = 0;
  for await (const file of sources()) {
    seen++;
    const twin = file.replace(/^src\//, "tests/").replace(/\.ts$/, ".test.ts");
    if (!(file in EXEMPT) && !await exists(twin)) lonely.push(`${file} has no ${twin}`);
  }
  ok(seen > 100);
  deepStrictEqual(lonely.sort(), []);
});

Deno.test("no file is exempt that has a twin, and the tests that stand in for one are there", async () => {
  for (const [file, reason] of Object.entries(EXEMPT)) {
    if (!await exists(file)) continue;
    const twin = file.replace(/^src\//, "tests/").replace(/\.ts$/, ".test.ts");
    ok(!await exists(twin), `${file} has its twin: it needs no exemption`);
    for (const [path] of reason.matchAll(/tests\/[\w/]+\.test\.ts/g)) {
      ok(await exists(path), `${file}: ${path} is not there`);
    }
  }
});
