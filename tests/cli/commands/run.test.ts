import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert/strict";
import { freePort } from "../../../scripts/postgres.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { createProgressTables } from "../../../src/db/write/progress.ts";
import { testDatabase, untilWaiting } from "../../support/database.ts";
import { fullStates } from "../../support/states.ts";
import { assertSound } from "../../support/synapse.ts";
import { readResult, runProgram, startProgram, workFolder } from "../../support/cli.ts";

/** A homeserver.yaml for a database's URL. */
function homeserver(url: string, settings = ""): string {
  const { hostname, port, username, password, pathname } = new URL(url);
  return `server_name: test\ndatabase:\n  name: psycopg2\n  args:\n    user: ${username}\n    password: "${
    decodeURIComponent(password)
  }"\n    database: ${pathname.slice(1)}\n    host: ${hostname}\n    port: ${port}\n    cp_min: 5\n${settings}`;
}

Deno.test("auto compresses a server, says so in the Rust tool's words, and goes on next time", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  const first = await runProgram(["auto", "-p", db.url, "-c", "500", "-n", "3"]);
  strictEqual(first.code, 0, first.stderr);
  match(first.stdout, /^Finished running compressor\. Saved \d+ rows\. Skipped \d\/3 chunks\n$/);
  match(first.stderr, /^State groups to compress: 6,459, rooms: 9\nroom "![^"]+": 500 state groups up to \d+: /);
  const rest = await runProgram(["auto", "-p", db.url, "--json", "--quiet", "--workers", "2"]);
  strictEqual(rest.stderr, "");
  const report = JSON.parse(rest.stdout);
  deepStrictEqual([report.outcome, report.rooms, report.failed], ["done", 9, []]);
  deepStrictEqual(await fullStates(db.sql), before);
  await assertSound(db.sql);
});

Deno.test("auto ends with 4 where there is broken data, and names the room", async () => {
  await using db = await testDatabase({ fixture: true });
  const [row] = await db
    .sql`SELECT g.id, g.room_id FROM state_groups AS g JOIN state_group_edges AS e ON e.state_group = g.id
    ORDER BY g.id DESC LIMIT 1`;
  await db.sql`UPDATE state_group_edges SET prev_state_group = 99999999 WHERE state_group = ${row!["id"]}`;
  const { code, stdout, stderr } = await runProgram(["auto", "-p", db.url]);
  strictEqual(code, 4, stderr);
  ok(stdout.includes(`Rooms with broken data, compressed around it (1): ${row!["room_id"]}`));
  ok(stderr.includes(`broken data: state group ${row!["id"]} refers to missing predecessor 99999999`), stderr);
});

Deno.test("auto refuses what it cannot honour", async () => {
  const cases: [string[], RegExp][] = [
    [["auto"], /^Cannot tell which database to use/],
    [
      ["auto", "-p", "x=", "--max-time", "5"],
      /^Cannot use --max-time "5": a time such as 2h, 45m or 90s is expected\n/,
    ],
    [["auto", "-p", "x=", "-n", "0"], /^Cannot use -n "0": a whole number of at least 1 is expected\n/],
    [["auto", "-p", "x=", "--order", "newest"], /^Cannot use --order "newest"/],
    [["auto", "-p", "x=", "--exact", "--order", "oldest"], /^Cannot use --exact without --order biggest\n/],
    [["auto", "-p", "x=", "-l", "5", "--max-hops", "5"], /^Cannot use --max-hops and -l together\n/],
    [["run"], /^Cannot tell what to run: --config is missing, and no homeserver.yaml was found\n/],
    [["run", "--config", "/nowhere.yaml"], /^Cannot read \/nowhere.yaml: there is no such file\n/],
    [["run", "--config", "x", "--metrics-listen", "9:9:9"], /^Cannot use --metrics-listen "9:9:9"/],
    [
      ["run", "--config", "x", "--once", "--metrics-listen", "9180"],
      /^Cannot use --once and --metrics-listen together\n/,
    ],
  ];
  for (const [args, words] of cases) {
    const { code, stderr } = await runProgram(args);
    deepStrictEqual([args, code], [args, 2]);
    match(stderr, words);
    match(stderr, /\nhint: .*\n$/);
  }
});

Deno.test("auto, killed at any moment, repeats a chunk at most: the next run ends with the same states", async () => {
  await using db = await testDatabase({ fixture: true });
  const before = await fullStates(db.sql);
  for (const ms of [700, 900, 1100]) {
    const child = startProgram(["auto", "-p", db.url, "-c", "100"]);
    await new Promise((resolve) => setTimeout(resolve, ms));
    try {
      child.kill("SIGKILL");
    } catch { /* it had ended */ }
    await readResult(child);
  }
  deepStrictEqual(await fullStates(db.sql), before);
  const { code, stderr } = await runProgram(["auto", "-p", db.url, "-c", "100"]);
  strictEqual(code, 0, stderr);
  deepStrictEqual(await fullStates(db.sql), before);
});

Deno.test("run --once takes the rooms with the most uncompressed state, by Synapse's own configuration", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  await Deno.mkdir(`${folder.path}/conf.d`);
  await Deno.writeTextFile(`${folder.path}/homeserver.yaml`, homeserver(db.url));
  await Deno.writeTextFile(`${folder.path}/conf.d/a.yaml`, "state_compressor: {number_of_rooms: 2}\n");
  await Deno.writeTextFile(`${folder.path}/conf.d/a.txt`, "no: [yaml");
  const args = ["run", "--config", "homeserver.yaml", "--config", "conf.d", "--once", "--log-format", "json"];
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder.path });
  strictEqual(code, 0, stderr);
  strictEqual(stdout, "");
  const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  deepStrictEqual([lines[0].event, lines[1].event, lines.at(-1).event], ["run-started", "found", "run-finished"]);
  strictEqual(lines.at(-1).rooms, 2);
  ok(lines.every(({ time, level }) => !isNaN(Date.parse(time)) && level === "info"));
});

Deno.test("run serves metrics and health, reads the configuration again on HUP, and ends well on TERM", async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const config = `${folder.path}/homeserver.yaml`;
  await Deno.writeTextFile(
    config,
    homeserver(db.url, "state_compressor: {number_of_rooms: 1, time_between_runs: 1d}\n"),
  );
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  const child = startProgram(["run", "--config", config, "--metrics-listen", address]);
  const result = readResult(child);
  const metric = async (name: string) => {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    return Number(new RegExp(`^synapse_compress_state_${name} (\\S+)$`, "m").exec(text)![1]);
  };
  await until(async () => await metric("next_run_timestamp_seconds") > 0);
  ok(await metric("rows_saved_total") > 0 && await metric("last_success_timestamp_seconds") > 0);
  const health = await fetch(`http://${address}/health`);
  strictEqual(health.status, 200);
  deepStrictEqual([(await health.json()).status], ["waiting"]);
  for (const [path, status] of [["/", 404], ["/metrics/x", 404]] as const) {
    const answer = await fetch(`http://${address}${path}`);
    strictEqual(answer.status, status);
    await answer.body?.cancel();
  }
  const taken = await runProgram(["run", "--config", config, "--metrics-listen", address]);
  strictEqual(taken.code, 1);
  match(taken.stderr, /^Cannot listen on 127\.0\.0\.1:\d+: the port is in use\nhint: /);

  await Deno.writeTextFile(config, homeserver(db.url, "state_compressor: {number_of_rooms: many}\n"));
  child.kill("SIGHUP");
  await Deno.writeTextFile(
    config,
    homeserver(db.url, "state_compressor: {number_of_rooms: 1, time_between_runs: 1s}\n"),
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  child.kill("SIGHUP");
  await until(async () => await metric("runs_total") >= 2);
  child.kill("SIGTERM");
  const { code, stderr } = await result;
  strictEqual(code, 0, stderr);
  match(stderr, /INFO configuration reloaded\n/);
  match(stderr, /INFO stopped; what was written is complete/);
  ok(!stderr.includes(decodeURIComponent(new URL(db.url).password)));
});

Deno.test("run says that it is not enabled, and what of the configuration it cannot use, and never shows the password", async () => {
  await using folder = await workFolder();
  const file = `${folder.path}/h.yaml`;
  const cases: [string, number, RegExp][] = [
    ["state_compressor: {enabled: false}\ndatabase: {name: psycopg2}\n", 0, /INFO state_compressor is not enabled/],
    ["state_compressor: {}\n", 2, /^Cannot tell which database to use: the configuration has neither/],
    ["database: {name: sqlite3}\n", 2, /it is SQLite/],
    ["a: [\npassword: top-secret\n", 2, /^Cannot read .*h\.yaml: line \d, column \d+/],
    ["database: {name: psycopg2, args: {host: a, port: top-secret}}\n", 2, /port is not a whole number/],
    ["database: {name: psycopg2, args: {passwrd: top-secret}}\n", 2, /parameter "passwrd" is not known/],
  ];
  for (const [text, expected, words] of cases) {
    await Deno.writeTextFile(file, text);
    const { code, stderr } = await runProgram(["run", "--config", file]);
    deepStrictEqual([text, code], [text, expected]);
    match(stderr, words);
    ok(!stderr.includes("top-secret"), stderr);
  }
});

/** A service whose health can be asked for. */
function startService(folder: string) {
  const address = `127.0.0.1:${freePort()}`;
  const child = startProgram(["run", "--config", `${folder}/homeserver.yaml`, "--metrics-listen", address]);
  return {
    child,
    result: readResult(child),
    async health(): Promise<Record<string, unknown>> {
      const answer = await fetch(`http://${address}/health`);
      return { code: answer.status, ...await answer.json() };
    },
  };
}

Deno.test({
  name: "run ends well where HUP disables it in the middle of its first run",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    const configure = (settings: string) =>
      Deno.writeTextFile(`${folder.path}/homeserver.yaml`, homeserver(db.url, `state_compressor: {${settings}}\n`));
    await configure("enabled: true");
    const holder = await db.sql.reserve();
    await holder.unsafe("BEGIN; SELECT FROM state_groups FOR UPDATE").simple();
    const service = startService(folder.path);
    await untilWaiting(db, service.child);
    strictEqual((await service.health())["status"], "working");
    await configure("enabled: false");
    service.child.kill("SIGHUP");
    const { code, stderr } = await service.result;
    strictEqual(code, 0, stderr);
    match(stderr, /INFO state_compressor is no longer enabled: stopping\n/);
    doesNotMatch(stderr, /ERROR|internal error/);
    await holder`ROLLBACK`;
    holder.release();
  },
});

Deno.test({
  name: "run says in /health that its last run failed, also after a restart, and since when none was done",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using db = await testDatabase({ fixture: true });
    await using folder = await workFolder();
    await Deno.writeTextFile(`${folder.path}/homeserver.yaml`, homeserver(db.url));
    await using session = await connect(db.url);
    await createProgressTables(session);
    // Privileges that are missing are found before a run; this fails within it.
    await db.sql.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE 'refused'; END$$;
      CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON state_compressor_progress EXECUTE FUNCTION refuse()`).simple();
    const stop = async (service: ReturnType<typeof startService>) => {
      service.child.kill("SIGTERM");
      const { code, stderr } = await service.result;
      strictEqual(code, 0, stderr);
    };
    const failed = async (error: RegExp) => {
      const service = startService(folder.path);
      let health: Record<string, unknown> = {};
      await until(async () => {
        health = await service.health();
        return health["status"] === "failed" && health["next_run"] !== null;
      });
      deepStrictEqual([health["code"], health["last_success"]], [503, null]);
      match(String(health["error"]), error);
      const minutes = (Date.parse(String(health["next_run"])) - Date.now()) / 60_000;
      ok(minutes > 30 && minutes <= 60, `it is tried again after ${minutes} min`);
      await stop(service);
    };
    await failed(/refused/);
    await failed(/^the last run failed$/);
    await db.sql.unsafe("DROP TRIGGER refuse ON state_compressor_progress");
    await db.sql`UPDATE state_compressor_runs SET finished_ts = finished_ts - 3600000`;
    const service = startService(folder.path);
    await until(async () => (await service.health())["last_success"] !== null);
    await until(async () => (await service.health())["status"] === "waiting");
    strictEqual((await service.health())["code"], 200);
    await stop(service);
  },
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    try {
      if (await condition()) return;
    } catch { /* it does not listen yet */ }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it took too long");
}
