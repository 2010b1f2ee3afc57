/**
 * The .deb's units under a real systemd, which is the first process of a Debian in a container: each with all its restrictions,
 * system calls and file systems among them.
 */
import { match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../../scripts/postgres.ts";
import { testDatabase } from "../support/database.ts";
import { bootDebian, type BootedDebian } from "../support/podman.ts";
import { assertProgress, debianRoot, releaseFile, trial } from "../support/release.ts";

const SERVICE = "synapse-state-compressor.service";
const ONCE = "synapse-state-compressor-once.service";
const JITLESS = "/usr/local/bin/synapse_compress_state-jitless";
const PATIENCE_MS = 60_000;

trial("systemd runs the .deb's units with all their restrictions", ["root", "mmdebstrap", "podman"], async () => {
  await using db = await testDatabase({ fixture: true });
  await using root = await debianRoot("trixie", { packages: ["systemd"] });
  await Deno.copyFile(releaseFile(/_amd64\.deb$/), join(root.path, "root/it.deb"));
  await root.run(["dpkg", "--install", "/root/it.deb"]);
  await Deno.copyFile(releaseFile(/jitless-x86_64-unknown-linux-gnu$/), join(root.path, JITLESS));
  // What the administrator has: Synapse's user and its configuration, which others cannot read.
  await root.run(["useradd", "--system", "matrix-synapse"]);
  await Deno.mkdir(join(root.path, "etc/matrix-synapse/conf.d"), { recursive: true });
  await Deno.writeTextFile(join(root.path, "etc/matrix-synapse/homeserver.yaml"), settings(db.url));
  await root.run(["chown", "-R", "matrix-synapse:", "/etc/matrix-synapse"]);
  await root.run(["chmod", "-R", "go-rwx", "/etc/matrix-synapse"]);
  // The only thing that is changed: the port, which another program of this machine may have.
  const address = `127.0.0.1:${freePort()}`;
  const move = `s/127\\.0\\.0\\.1:9180/${address}/`;
  const examples = "/usr/share/doc/synapse-compress-state/examples";
  await root.run(["sed", "-i", move, `/usr/lib/systemd/system/${SERVICE}`, `${examples}/memory-deny.conf`]);

  await using debian = await bootDebian(root);
  // It waits until the run is over.
  await debian.run("systemctl", "start", ONCE);
  strictEqual(await show(debian, ONCE, "Result"), "success");
  await assertProgress(db);

  await debian.run("systemctl", "start", SERVICE);
  await untilWaiting(address);
  // systemd has taken away what the unit says: rights, system calls (2: a filter), writable file systems.
  const process = `/proc/${await show(debian, SERVICE, "MainPID")}`;
  const status = await debian.run("cat", `${process}/status`);
  match(status, /^CapBnd:\t0+$/m);
  match(status, /^NoNewPrivs:\t1$/m);
  match(status, /^Seccomp:\t2$/m);
  match(await debian.run("cat", `${process}/mountinfo`), / \/ ro,/);
  await debian.run("systemctl", "reload", SERVICE);
  await until("it has read its configuration again", async () => (await log(debian, SERVICE)).includes("reloaded"));
  await debian.run("systemctl", "stop", SERVICE);
  strictEqual(await show(debian, SERVICE, "Result"), "success");

  // Without executable memory the ordinary executable cannot start, and the journal says what to do; the other one can.
  await addDropIn(debian, ONCE, "printf '[Service]\\nMemoryDenyWriteExecute=yes\\n'");
  await debian.run("sh", "-c", `! systemctl start ${ONCE}`);
  match(await log(debian, ONCE), /V8 cannot start: remove MemoryDenyWriteExecute= or use/);
  await addDropIn(debian, SERVICE, `cat ${examples}/memory-deny.conf`);
  await debian.run("systemctl", "start", SERVICE);
  await untilWaiting(address);
  await debian.run("systemctl", "stop", SERVICE);
  strictEqual(await show(debian, SERVICE, "Result"), "success");
});

/** Adds what a command prints to a unit. */
async function addDropIn(debian: BootedDebian, unit: string, command: string): Promise<void> {
  const folder = `/etc/systemd/system/${unit}.d`;
  await debian.run("sh", "-c", `mkdir ${folder} && ${command} > ${folder}/memory-deny.conf && systemctl daemon-reload`);
}

/** A homeserver.yaml for a database. */
function settings(url: string): string {
  const { username, password, hostname, port, pathname } = new URL(url);
  return `database:
  name: psycopg2
  args: {user: ${username}, password: ${password}, host: ${hostname}, port: ${port}, dbname: ${pathname.slice(1)}}
state_compressor: {enabled: true, number_of_rooms: 3}
`;
}

/** A property of a unit. */
async function show(debian: BootedDebian, unit: string, property: string): Promise<string> {
  return (await debian.run("systemctl", "show", `--property=${property}`, "--value", unit)).trim();
}

/** What a unit has written. */
async function log(debian: BootedDebian, unit: string): Promise<string> {
  return await debian.run("journalctl", "--output=cat", `--unit=${unit}`);
}

/** Waits until the service has nothing to do but to wait for its next run. */
async function untilWaiting(address: string): Promise<void> {
  await until("the service waits for its next run", async () => {
    try {
      const { status } = await (await fetch(`http://${address}/health`)).json();
      return status === "waiting";
    } catch (error) {
      // It does not listen yet.
      if (error instanceof TypeError) return false;
      throw error;
    }
  });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !await condition();) {
    if (Date.now() > end) throw new Error(`Gave up waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
